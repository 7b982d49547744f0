import { isTerminal, type JobRecord, type JobStatus } from "../jobs/mod.ts";
import type { Owner } from "../state/mod.ts";
import type { SpanRef, Telemetry } from "../telemetry/mod.ts";
import { NO_ROWS, type Rows, rowsSchema } from "./books.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import type { SliceOutcome } from "./job_end.ts";
import { runSlice } from "./run.ts";
import { SliceWatch } from "./slice_watch.ts";
import { forgetOrigin, readOrigin, writeOrigin } from "./trace_origin.ts";

/**
 * Does one slice as {@link runSlice} does, and tells what came of it: a span for the slice with one for each stage and
 * batch in it; when the job ends a span over its whole life, its rows by outcome, and how long the file took.
 *
 * A slice is a trace of its own, linked to that of the job's first slice: slices may lie hours and processes apart.
 */
export async function observedSlice(
  request: IngestRequest,
  owner: Owner,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  telemetry: Telemetry,
): Promise<SliceOutcome> {
  const { jobId, feed } = request;
  const before = await state.tracker.getJob(jobId);
  if (before && isTerminal(before.status)) return await runSlice(request, owner, settings, ports, state);
  const origin = await readOrigin(ports, jobId);
  const span = telemetry.startSpan("inventory slice", {
    attributes: {
      "inventory.feed": feed,
      "inventory.job.id": jobId,
      "inventory.trigger": request.triggeredBy,
    },
    links: origin ? [origin] : [],
  });
  if (!origin) {
    if (span.ref) await writeOrigin(ports.kv, jobId, span.ref);
    if (before) {
      telemetry.record("inventory.ingest.queue.age", secondsSince(before.createdAt, ports), { feed });
    }
  }
  const watch = new SliceWatch(telemetry, span, feed, ports);
  try {
    const outcome = await span.run(() => runSlice(request, owner, settings, watch.ports, state));
    const job = outcome.kind === "finished" ? await state.tracker.getJob(jobId) : undefined;
    if (job && isTerminal(job.status)) {
      jobEnded(job, request, ports, telemetry, origin ?? span.ref);
      if (span.ref) await forgetOrigin(ports.kv, jobId);
    }
    const error = job?.status === "failed" ? job.error ?? "failed" : undefined;
    span.end({ attributes: { "inventory.outcome": outcome.kind }, ...(error ? { error } : {}) });
    return outcome;
  } catch (error) {
    span.end({ error });
    throw error;
  }
}

/** Every outcome a row can have that no other outcome contains. */
const OUTCOMES = ["confirmed", "failed", "unconfirmed", "rejected", "superseded", "unchanged"] as const;

function jobEnded(
  job: JobRecord,
  request: IngestRequest,
  ports: IngestPorts,
  telemetry: Telemetry,
  origin: SpanRef | undefined,
): void {
  const { feed, triggeredBy } = request;
  const status: JobStatus = job.status;
  const rows = rowsOf(job);
  const attributes = {
    "inventory.feed": feed,
    "inventory.job.id": job.jobId,
    "inventory.trigger": triggeredBy,
  };
  const span = telemetry.startSpan("inventory job", {
    attributes: { ...attributes, "inventory.status": status },
    startedAt: Date.parse(job.createdAt),
    links: origin ? [origin] : [],
  });
  span.end({
    attributes: Object.fromEntries(OUTCOMES.map((outcome) => [`inventory.rows.${outcome}`, rows[outcome]])),
    endedAt: ports.clock.now(),
    ...(status === "failed" ? { error: job.error ?? "failed" } : {}),
  });
  telemetry.add("inventory.ingest.jobs", 1, { status, feed, trigger: triggeredBy });
  for (const outcome of OUTCOMES) {
    if (rows[outcome] > 0) telemetry.add("inventory.ingest.rows", rows[outcome], { outcome, feed });
  }
  const lag = secondsSince(request.file.lastModified, ports);
  telemetry.record("inventory.ingest.file.lag", lag, { status, feed });
  ports.log.info("job ended", {
    jobId: job.jobId,
    feed,
    key: request.file.key,
    etag: request.file.etag,
    status,
    triggeredBy,
    message: job.message,
    ...(job.errorCode === undefined ? {} : { errorCode: job.errorCode }),
    rows,
    batches: job.details["batches"],
    fluentJobs: job.details["fluentJobs"],
    spent: job.details["spent"],
    lagSeconds: lag,
  });
}

function rowsOf(job: JobRecord): Rows {
  const parsed = rowsSchema.safeParse(job.details["rows"]);
  return parsed.success ? parsed.data : NO_ROWS;
}

function secondsSince(time: string, ports: IngestPorts): number {
  return Math.max(0, (ports.clock.now() - Date.parse(time)) / 1_000);
}
