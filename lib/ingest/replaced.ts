import { ConnectorError } from "../base/mod.ts";
import { progressOf } from "../fluent/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import { discover } from "./discover.ts";
import { FluentSession } from "./fluent_session.ts";
import { Journal } from "./journal.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import { ClaimLost, type Work } from "./work.ts";

/** How soon Fluent is asked again what is left of a file that was replaced, in milliseconds, where no pause is set. */
const ASK_AGAIN_MS = 2_000;

/** Whether an error says that the file could not be read as it was, and another version of it is in its place. */
export async function isReplaced(work: Work, error: unknown): Promise<boolean> {
  const { ports, request: { file, as, dryRun } } = work;
  const isUnread = error instanceof ConnectorError &&
    (error.code === "s3-precondition-failed" || error.code === "s3-not-found");
  if (!isUnread || as !== undefined || dryRun) return false;
  work.moved();
  if (await work.source() !== undefined) return false;
  const found = await ports.store.statFile(file.key, work.signal);
  return found !== undefined && (found.etag !== file.etag || found.size !== file.size);
}

/**
 * Milliseconds after which to look again whether Fluent has processed what was sent of the version that was replaced; 0
 * when it has, or has had its time. Until then the file keeps its place, so that the version after it is sent after it.
 */
export async function untilProcessed(work: Work): Promise<number> {
  const { ports, run, settings } = work;
  const deadline = Date.parse(run.replacedAt ?? "") + settings.pollTimeoutMinutes * 60_000;
  if (run.fluentJobs.length === 0 || ports.clock.now() >= deadline) return 0;
  try {
    return await isProcessed(work) ? 0 : settings.pollIntervalSeconds * 1_000 || ASK_AGAIN_MS;
  } catch (error) {
    if (error instanceof ClaimLost || ports.signal?.aborted) throw error;
    if (error instanceof ConnectorError && error.retry === "later") {
      return Math.max(error.retryAfterMs ?? 0, settings.pollIntervalSeconds * 1_000 || ASK_AGAIN_MS);
    }
    ports.log.warn("what was sent of a replaced file cannot be followed", {
      jobId: run.jobId,
      ...errorFields(error),
    });
    return 0;
  }
}

async function isProcessed(work: Work): Promise<boolean> {
  const { ports, run } = work;
  const journal = await Journal.open(ports.kv, run.jobId, run.batches.total, {
    window: run.partitions?.window,
  });
  const session = new FluentSession(work);
  const accepted = [...journal.units()].flatMap(({ entry }) => entry.state === "accepted" ? [entry] : []);
  const listed = new Map<string, string>();
  for (const job of new Set(accepted.map(({ job }) => job))) {
    const { batches = [] } = await session.port.getJob(run.fluentJobs[job]!, session.options);
    for (const { batchId, status } of batches) if (status !== undefined) listed.set(batchId, status);
  }
  for (const { job, batchId } of accepted) {
    const status = listed.get(batchId) ??
      (await session.port.getBatch(run.fluentJobs[job]!, batchId, { ...session.options, count: 1 })).status;
    if (progressOf(status) !== "complete") return false;
  }
  return true;
}

/**
 * Starts the job of the version that has taken a file's place, without waiting for the next trigger. Does nothing when
 * that has a job already, may not be whole yet, or is gone; may be repeated.
 */
export async function takeSuccessor(
  { feed, file, triggeredBy }: IngestRequest,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  start: (request: IngestRequest) => Promise<void>,
): Promise<void> {
  try {
    await discover({ triggeredBy, key: file.key, onlyWhole: true }, settings, ports, state, start);
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== "file-not-found") throw error;
    ports.log.warn("the version that replaced a file is gone as well", { feed, key: file.key });
  }
}
