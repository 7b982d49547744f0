import { ConnectorError, messageOf } from "../base/mod.ts";
import { isTerminal, type JobStatus } from "../jobs/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import { forgetCancel, JobCancelled } from "./cancel.ts";
import { forgetPartitions } from "./partitions.ts";
import { isReplaced, untilProcessed } from "./replaced.ts";
import { finalMessage, finalStatus } from "./report.ts";
import { releaseJobs } from "./retention.ts";
import type { RunRecord } from "./run_record.ts";
import { setAside } from "./set_aside.ts";
import { sweep } from "./sweep.ts";
import { ClaimLost, type Work } from "./work.ts";

/** How a slice ended. */
export type SliceOutcome =
  & {
    /** Whether another version has taken the file's place: it is to be taken now, see `takeSuccessor`. */
    readonly replaced?: boolean;
  }
  & SliceEnd;

type SliceEnd =
  /** The job is over, or was before. */
  | { readonly kind: "finished"; readonly status: JobStatus }
  /** Call again after this many milliseconds. */
  | { readonly kind: "again"; readonly afterMs: number }
  /** Fluent did not finish before the deadline; the next trigger may resume the job. */
  | { readonly kind: "unfinished" }
  /** Another delivery has this job; to be called again after this many milliseconds, in case that one dies. */
  | { readonly kind: "not-ours"; readonly afterMs: number };

/** The longest pause between two slices of a job that makes no progress, in milliseconds. */
const MAX_PAUSE_MS = 60_000;

/** How soon a run that found another one at work looks again, in milliseconds. */
export const LOOK_AGAIN_MS = 15_000;

/**
 * How long a request of a delivery that died may still be under way, in milliseconds: the Fluent client's own timeout
 * and the time a claim is believed. The feed's next file waits for it.
 */
const IN_FLIGHT_MS = 35_000;

/** How long a partition's run may go on before it sees that its file has left, in milliseconds: as a claim is believed. */
const PARTITIONS_STOP_MS = 3_250;

/** Expired jobs removed at the end of each job. */
const SWEPT_PER_JOB = 5;

/** Ends the job. Every part may be repeated after a crash. */
export async function finish(work: Work): Promise<JobStatus> {
  const { state, request } = work;
  const status = finalStatus(work);
  await work.checkClaim(true);
  await sweep(work);
  await forgetPartitions(work);
  await leave(work, status);
  const job = await state.tracker.getJob(request.jobId);
  if (job && !isTerminal(job.status)) {
    await state.tracker.markCompleted(request.jobId, work.facts(), { status, message: finalMessage(work) });
  }
  await clearAway(work);
  return status;
}

/** Every job that ends clears away a few whose time is over, so that none are left however many there are. */
async function clearAway({ ports, settings, state }: Work): Promise<void> {
  try {
    await releaseJobs(SWEPT_PER_JOB, { ports, settings, state });
  } catch (error) {
    ports.log.warn("expired jobs could not be removed", errorFields(error));
  }
}

/** Writes where the file stands and lets the feed's next file pass. A dry run has no place in the ledger. */
export async function leave(work: Work, status: JobStatus | "unfinished" | "replaced"): Promise<void> {
  const { state, request } = work;
  if (request.dryRun) return;
  if (status === "queued" || status === "processing") return;
  const jobs = (await state.ledger.getFile(request.file))?.jobs ?? 1;
  await state.ledger.markFile(request.file, { jobId: request.jobId, status, jobs });
  const now = work.ports.clock.now();
  const isDelivered = status === "completed" || status === "completed_with_errors";
  // Runs that deliver the file with this one look whether they still may, and stop when they have seen that it left.
  const stoppedAt = !isDelivered && work.run.partitions?.started ? now + PARTITIONS_STOP_MS : 0;
  const disturbedAt = Math.max(work.run.disturbedAt ?? 0, stoppedAt);
  const coolMs = Math.max(0, disturbedAt + IN_FLIGHT_MS - now);
  await state.feeds.leave(request.feed, request.jobId, coolMs);
}

/** Ends a job somebody has stopped. What was sent stays sent, and is in its counts. */
async function afterCancel(work: Work, { by }: JobCancelled): Promise<SliceOutcome> {
  const { ports, state, request } = work;
  await work.save({});
  await leave(work, "cancelled");
  const { sent, total } = work.run.batches;
  const message = `Cancelled by ${by}: ` +
    (sent === 0
      ? "nothing was sent"
      : `${sent} of ${total} batches were sent before, and are not taken back`);
  await state.tracker.markCompleted(request.jobId, work.facts(), { status: "cancelled", message });
  await forgetCancel(ports.kv, request.jobId);
  await work.claim.release();
  return { kind: "finished", status: "cancelled" };
}

/**
 * Ends a job whose file was replaced before it was delivered, once what was sent of it has been processed. The version
 * that took its place has a job of its own, which may start at once.
 */
export async function endReplaced(work: Work): Promise<SliceOutcome> {
  const { ports, state, request } = work;
  const { sent, total } = work.run.batches;
  const afterMs = await untilProcessed(work);
  if (afterMs > 0) {
    const message =
      "Another version has taken the file's place; waiting until Fluent has processed what was sent";
    await work.showProgress({ stage: "deliver", message }, true);
    await state.feeds.enter(request.feed, request.jobId, request.file);
    await work.claim.handOver();
    return { kind: "again", afterMs, replaced: true };
  }
  await forgetPartitions(work);
  await leave(work, "replaced");
  const message =
    `Another version of '${request.file.key}' took its place before it was delivered, and is ingested ` +
    `instead; ${sent === 0 ? "nothing" : `${sent} of ${total} batches`} of this one ${
      sent > 1 ? "were" : "was"
    } sent`;
  await state.tracker.markCompleted(request.jobId, work.facts(), { status: "cancelled", message });
  await forgetCancel(ports.kv, request.jobId);
  await work.claim.release();
  return { kind: "finished", status: "cancelled", replaced: true };
}

/** Decides what a failure means: somebody else's job, a pause, or the end. */
export async function afterFailure(work: Work, error: unknown): Promise<SliceOutcome> {
  const { ports, request } = work;
  if (error instanceof ClaimLost) return { kind: "not-ours", afterMs: LOOK_AGAIN_MS };
  if (error instanceof JobCancelled) return await afterCancel(work, error);
  if (ports.signal?.aborted) throw error;
  if (await isReplaced(work, error)) {
    ports.log.warn("file replaced before it was delivered", { jobId: request.jobId, key: request.file.key });
    await work.save({ replacedAt: new Date(ports.clock.now()).toISOString() });
    return await endReplaced(work);
  }
  const now = ports.clock.now();
  const since = Date.parse(work.run.stalledSince ?? "") || now;
  const patienceMs = work.settings.stallTimeoutMinutes * 60_000;
  const passing = error instanceof ConnectorError && error.retry === "later";
  // Once the source may be gone, no later trigger can take the job up again: it has to come to its end by itself.
  const must = work.run.removingSource === true;
  if (passing && (must || now - since < patienceMs)) return await pause(work, error);
  return await fail(work, passing ? stalled(error, work.settings.stallTimeoutMinutes) : error);
}

/** Gives a job up: notes why, so that a slice that dies here is not the last word, and ends it. */
export async function fail(work: Work, failure: unknown): Promise<SliceOutcome> {
  const { ports, request } = work;
  ports.log.error("job failed", {
    jobId: request.jobId,
    feed: request.feed,
    key: request.file.key,
    step: work.run.step,
    rows: work.run.rows,
    batches: work.run.batches,
    fluentJobs: work.run.fluentJobs,
    ...errorFields(failure),
  });
  await work.save({
    failure: {
      message: messageOf(failure),
      code: failure instanceof ConnectorError ? failure.code : "unexpected",
      retry: failure instanceof ConnectorError ? failure.retry : "never",
      reopened: work.reopened,
    },
    stalls: 0,
    stalledSince: undefined,
  });
  return await endFailed(work, failure);
}

/**
 * Ends a job as failed: its file goes where a person finds it, unless the next trigger is to take it up again. Every part
 * may be repeated after a crash.
 */
export async function endFailed(work: Work, failure: unknown): Promise<SliceOutcome> {
  const { ports, state, request, run } = work;
  if (
    work.settings.failedFiles === "move" && run.step !== "archive" && !request.dryRun && !mayMend(failure)
  ) {
    try {
      await setAside(work, {
        prefix: work.settings.s3ErrorPrefix,
        errorLog: {
          jobId: request.jobId,
          feed: request.feed,
          arrivedAs: request.file.key,
          error: messageOf(failure),
          code: failure instanceof ConnectorError ? failure.code : "unexpected",
          step: run.step,
          rows: run.rows,
          batches: run.batches,
          fluentJobs: run.fluentJobs,
          ...(failure instanceof Error && failure.stack ? { stack: failure.stack.slice(0, 4_000) } : {}),
          timestamp: new Date(ports.clock.now()).toISOString(),
        },
      });
    } catch (error) {
      if (error instanceof ClaimLost || ports.signal?.aborted) throw error;
      if (error instanceof ConnectorError && error.retry === "later" && !work.outOfPatience) {
        return await pause(work, error);
      }
      ports.log.warn("file of a failed job could not be moved", {
        key: request.file.key,
        ...errorFields(error),
      });
    }
  }
  await leave(work, "failed");
  await state.tracker.markFailed(request.jobId, failure, work.facts());
  await work.claim.release();
  return { kind: "finished", status: "failed" };
}

/** What has to be changed around the connector, not in the file: credentials, permissions, configuration. */
const OF_THE_SURROUNDINGS =
  /^(config-|kv-|state-|s3-(access-denied|bad-credentials|no-bucket|wrong-region)|fluent-(unauthorised|no-token|forbidden|refuses-everything)$)/;

/** Whether the next trigger may well do what failed now, with the same file: then that stays where it finds it. */
function mayMend(failure: unknown): boolean {
  return failure instanceof ConnectorError &&
    (failure.retry === "later" || OF_THE_SURROUNDINGS.test(failure.code));
}

/** The failure a slice before had come to, and did not get round to saying. */
export function failureOf({ message, code, retry }: NonNullable<RunRecord["failure"]>): ConnectorError {
  return new ConnectorError(message, { code, retry });
}

/** Ends a slice that was stopped by a failure which may pass; the next one comes the later, the longer it lasts. */
async function pause(work: Work, error: ConnectorError): Promise<SliceOutcome> {
  const stalls = work.run.stalls + 1;
  await work.save({
    stalls,
    stalledSince: work.run.stalledSince ?? new Date(work.ports.clock.now()).toISOString(),
    retries: work.run.retries + 1,
  });
  const backoffMs = Math.min(1_000 * 2 ** Math.min(stalls - 1, 10), MAX_PAUSE_MS);
  const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs);
  work.ports.log.warn("slice stopped by a passing failure", {
    jobId: work.request.jobId,
    step: work.run.step,
    afterMs,
    stalls,
    ...errorFields(error),
  });
  await work.showProgress({ message: `Waiting after: ${messageOf(error)}` }, true);
  await work.claim.handOver();
  return { kind: "again", afterMs };
}

/** What a job that makes no progress fails with; the next trigger that finds its file goes on with it. */
function stalled(error: ConnectorError, minutes: number): ConnectorError {
  return new ConnectorError(`No progress for ${minutes} minutes: ${messageOf(error)}`, {
    code: error.code,
    retry: "later",
    details: error.details,
    cause: error,
  });
}
