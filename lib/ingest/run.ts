import { ConnectorError, messageOf } from "../base/mod.ts";
import { isTerminal, type JobStatus, JobTracker } from "../jobs/mod.ts";
import { Claims, type ClaimTimes, FeedQueue, type Owner, StateService } from "../state/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import { archive } from "./archive.ts";
import { NO_ROWS } from "./books.ts";
import { confirm } from "./confirm.ts";
import { deliver } from "./deliver.ts";
import { inspect } from "./inspect.ts";
import { manifestKey } from "./manifest.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { finalMessage, finalStatus, report } from "./report.ts";
import type { IngestRequest } from "./request.ts";
import { readRun, type RunRecord, type Step } from "./run_record.ts";
import { sweep } from "./sweep.ts";
import { ClaimLost, type StepOutcome, Work } from "./work.ts";

/** How a slice ended. */
export type SliceOutcome =
  /** The job is over, or was before. */
  | { readonly kind: "finished"; readonly status: JobStatus }
  /** Call again after this many milliseconds. */
  | { readonly kind: "again"; readonly afterMs: number }
  /** Fluent did not finish before the deadline; the next trigger may resume the job. */
  | { readonly kind: "unfinished" }
  /** Another run has this job. */
  | { readonly kind: "not-ours" };

/** The longest pause between two slices of a job that makes no progress, in milliseconds. */
const MAX_PAUSE_MS = 60_000;

/** The connector's state over its key-value store. */
export function ingestState(ports: IngestPorts, settings: Settings, claimTimes?: ClaimTimes): IngestState {
  return {
    tracker: new JobTracker(ports.kv, ports.log, settings.jobTtlSeconds, ports.clock),
    ledger: new StateService(ports.kv, ports.clock),
    claims: new Claims(ports.kv, ports.clock, claimTimes),
    feeds: new FeedQueue(ports.kv, ports.clock),
  };
}

/**
 * Does one slice of a file's ingest: claims the job, goes on at the step where the last slice stopped, and works until
 * the slice's time is used up, the job is over, or there is something to wait for. May be called any number of times,
 * by any number of deliveries at once.
 *
 * @throws StateError when the store in which progress is kept doesn't answer: then nothing is known, and the platform
 * has to deliver the run again
 */
export async function runSlice(
  request: IngestRequest,
  owner: Owner,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState = ingestState(ports, settings),
): Promise<SliceOutcome> {
  const { jobId } = request;
  if (!(await state.claims.acquire(jobId, owner, ports.signal))) return { kind: "not-ours" };
  const job = await state.tracker.createJob(jobId, {
    triggeredBy: request.triggeredBy,
    stage: "queued",
    details: { file: { key: request.file.key, size: request.file.size, etag: request.file.etag } },
  });
  if (isTerminal(job.status)) {
    await state.claims.release(jobId, owner);
    return { kind: "finished", status: job.status };
  }
  const work = new Work({
    request,
    settings,
    ports,
    state,
    owner,
    run: await placeOf(request, settings, ports, job.status),
  });
  try {
    if (!request.dryRun) await state.feeds.enter(request.feed, jobId, request.file);
    const outcome = await steps(work);
    if (outcome.kind === "unfinished") {
      // A resumed run waits for Fluent as long as a new one would.
      await work.save({ confirmingSince: undefined });
      await leave(work, "unfinished");
      const message =
        "Fluent has not finished before the deadline; the next trigger goes on where this one stopped";
      await work.showProgress({ stage: "unfinished", message }, true);
    }
    if (outcome.kind === "finished" || outcome.kind === "unfinished") {
      await state.claims.release(jobId, owner);
    }
    return outcome;
  } catch (error) {
    return await afterFailure(work, error);
  }
}

/** Where the run stands: its record, or a new one. A job that was opened again starts without stalls. */
async function placeOf(
  request: IngestRequest,
  settings: Settings,
  ports: IngestPorts,
  status: JobStatus,
): Promise<RunRecord> {
  const run = await readRun(ports.kv, request.jobId);
  if (run && run.step !== "done") {
    return status === "queued" ? { ...run, stalls: 0, stalledSince: undefined } : run;
  }
  return {
    v: 1,
    jobId: request.jobId,
    step: "inspect",
    manifestKey: manifestKey(settings.s3WorkPrefix, request.jobId),
    rows: { ...NO_ROWS },
    batches: { total: 0, sent: 0, resent: 0 },
    fluentJobs: [],
    fluentJobClosed: false,
    stalls: 0,
    spent: {},
  };
}

/** The steps from where the run stands to its end, or to something to wait for. */
async function steps(work: Work): Promise<SliceOutcome> {
  while (work.run.step !== "done") {
    const step = work.run.step;
    const startedAt = work.ports.clock.now();
    let outcome: StepOutcome;
    try {
      const { observer } = work.ports;
      outcome = await (observer ? observer.step(step, () => STEP[step](work)) : STEP[step](work));
    } finally {
      const spent = (work.run.spent[step] ?? 0) + work.ports.clock.now() - startedAt;
      work.run.spent = { ...work.run.spent, [step]: spent };
    }
    if (outcome.kind !== "done") {
      await work.save({});
      return outcome;
    }
    work.progressed();
    await work.save({ step: stepAfter(step, work) });
    if (work.expired && stepAfter(step, work) !== "done") return { kind: "again", afterMs: 0 };
  }
  return { kind: "finished", status: await finish(work) };
}

const STEP: Readonly<Record<Exclude<Step, "done">, (work: Work) => Promise<StepOutcome>>> = {
  inspect,
  deliver,
  confirm,
  report,
  archive,
};

/** A file that is held, or only looked at, is reported on and left where it is. */
function stepAfter(step: Exclude<Step, "done">, work: Work): Step {
  const onlyReport = work.run.heldBecause !== undefined || work.request.dryRun;
  switch (step) {
    case "inspect":
      return onlyReport ? "report" : "deliver";
    case "deliver":
      return "confirm";
    case "confirm":
      return "report";
    case "report":
      return onlyReport ? "done" : "archive";
    case "archive":
      return "done";
  }
}

/** Ends the job. Every part may be repeated after a crash. */
async function finish(work: Work): Promise<JobStatus> {
  const { state, request } = work;
  const status = finalStatus(work);
  await sweep(work);
  await leave(work, status);
  const job = await state.tracker.getJob(request.jobId);
  if (job && !isTerminal(job.status)) {
    await state.tracker.markCompleted(request.jobId, work.facts(), { status, message: finalMessage(work) });
  }
  return status;
}

/** Writes where the file stands and lets the feed's next file pass. A dry run has no place in the ledger. */
async function leave(work: Work, status: JobStatus | "unfinished"): Promise<void> {
  const { state, request } = work;
  if (request.dryRun) return;
  if (status === "queued" || status === "processing") return;
  const jobs = (await state.ledger.getFile(request.file))?.jobs ?? 1;
  await state.ledger.markFile(request.file, { jobId: request.jobId, status, jobs });
  await state.feeds.leave(request.feed, request.jobId);
}

/** Decides what a failure means: somebody else's job, a pause, or the end. */
async function afterFailure(work: Work, error: unknown): Promise<SliceOutcome> {
  const { ports, state, request, owner } = work;
  if (error instanceof ClaimLost) return { kind: "not-ours" };
  if (ports.signal?.aborted) throw error;
  const now = ports.clock.now();
  const since = Date.parse(work.run.stalledSince ?? "") || now;
  const patienceMs = work.settings.stallTimeoutMinutes * 60_000;
  const passing = error instanceof ConnectorError && error.retry === "later";
  if (passing && now - since < patienceMs) {
    const stalls = work.run.stalls + 1;
    await work.save({ stalls, stalledSince: new Date(since).toISOString() });
    const backoffMs = Math.min(1_000 * 2 ** Math.min(stalls - 1, 10), MAX_PAUSE_MS);
    const afterMs = Math.max(error.retryAfterMs ?? 0, backoffMs);
    ports.log.warn("slice stopped by a passing failure", {
      jobId: request.jobId,
      step: work.run.step,
      afterMs,
      stalls,
      ...errorFields(error),
    });
    await work.showProgress({ message: `Waiting after: ${messageOf(error)}` }, true);
    return { kind: "again", afterMs };
  }
  const failure = passing ? stalled(error, work.settings.stallTimeoutMinutes) : error;
  await work.save({});
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
  await leave(work, "failed");
  await state.tracker.markFailed(request.jobId, failure, work.facts());
  await state.claims.release(request.jobId, owner);
  return { kind: "finished", status: "failed" };
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
