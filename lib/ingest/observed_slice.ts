import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import { isTerminal, type JobRecord, type JobStatus } from "../jobs/mod.ts";
import { FluentApiError, rowCount } from "../fluent/mod.ts";
import { type KVStore, type Owner, readRecord } from "../state/mod.ts";
import { type SpanRef, spanRefSchema, type Telemetry, type TelemetrySpan } from "../telemetry/mod.ts";
import { NO_ROWS, type Rows, rowsSchema } from "./books.ts";
import type { FluentPort, IngestPorts, IngestState, Settings, StepObserver } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import type { SliceOutcome } from "./job_end.ts";
import { runSlice } from "./run.ts";
import type { Step } from "./run_record.ts";

/** The span of a job's first slice, which its later slices link to. Kept only where spans are recorded. */
const traceSchema = z.object({ v: z.literal(1), origin: spanRefSchema });

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
      if (span.ref) await ports.kv.delete(["traces", jobId]);
    }
    const error = job?.status === "failed" ? job.error ?? "failed" : undefined;
    span.end({ attributes: { "inventory.outcome": outcome.kind }, ...(error ? { error } : {}) });
    return outcome;
  } catch (error) {
    span.end({ error });
    throw error;
  }
}

/** The ports of one slice, with every stage and every batch observed. */
class SliceWatch implements StepObserver {
  readonly #telemetry: Telemetry;
  readonly #slice: TelemetrySpan;
  readonly #feed: string;
  readonly #original: IngestPorts;
  /** The stage under way: stages come one after the other, batches of one beside each other. */
  #stage: TelemetrySpan | undefined;

  constructor(telemetry: Telemetry, slice: TelemetrySpan, feed: string, ports: IngestPorts) {
    this.#telemetry = telemetry;
    this.#slice = slice;
    this.#feed = feed;
    this.#original = ports;
  }

  get ports(): IngestPorts {
    return {
      ...this.#original,
      observer: this,
      fluent: (...parameters) => this.#watched(this.#original.fluent(...parameters)),
    };
  }

  async step<T>(step: Exclude<Step, "done">, work: () => Promise<T>): Promise<T> {
    const startedAt = this.#original.clock.now();
    const stage = this.#telemetry.startSpan(`inventory ${step}`, {
      attributes: { "inventory.feed": this.#feed, "inventory.stage": step },
      parent: this.#slice.ref,
    });
    this.#stage = stage;
    const ended = (outcome: "done" | "failed", error?: unknown) => {
      stage.end(error === undefined ? {} : { error });
      this.#stage = undefined;
      const seconds = (this.#original.clock.now() - startedAt) / 1_000;
      const attributes = { stage: step, outcome, feed: this.#feed };
      this.#telemetry.record("inventory.ingest.stage.duration", seconds, attributes);
    };
    try {
      const result = await stage.run(work);
      ended("done");
      return result;
    } catch (error) {
      ended("failed", error);
      throw error;
    }
  }

  #watched(fluent: FluentPort): FluentPort {
    return {
      createJob: (...parameters) => fluent.createJob(...parameters),
      getJob: (...parameters) => fluent.getJob(...parameters),
      getBatch: (...parameters) => fluent.getBatch(...parameters),
      getBatchResults: (...parameters) => fluent.getBatchResults(...parameters),
      sendBatch: (...parameters) =>
        this.#batch(rowCount(parameters[1]), () => fluent.sendBatch(...parameters)),
    };
  }

  async #batch<T>(rows: number, send: () => Promise<T>): Promise<T> {
    const { clock } = this.#original;
    const startedAt = clock.now();
    const span = this.#telemetry.startSpan("inventory batch", {
      attributes: { "inventory.feed": this.#feed, "inventory.batch.rows": rows },
      parent: this.#stage?.ref ?? this.#slice.ref,
    });
    const ended = (outcome: string, error?: unknown) => {
      span.end({ attributes: { "inventory.outcome": outcome }, ...(error === undefined ? {} : { error }) });
      const seconds = (clock.now() - startedAt) / 1_000;
      this.#telemetry.record("inventory.ingest.batch.duration", seconds, { outcome, feed: this.#feed });
    };
    try {
      const result = await span.run(send);
      ended("accepted");
      return result;
    } catch (error) {
      ended(
        error instanceof FluentApiError && error.code === "fluent-bad-request" ? "refused" : "failed",
        error,
      );
      throw error;
    }
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

/** A link is worth less than the work: without it the slice goes on. */
async function readOrigin({ kv, log }: IngestPorts, jobId: string): Promise<SpanRef | undefined> {
  try {
    return (await readRecord(kv, ["traces", jobId], traceSchema))?.origin;
  } catch (error) {
    log.warn("trace of the job could not be read", { jobId, error: messageOf(error) });
    return undefined;
  }
}

function writeOrigin(kv: KVStore, jobId: string, origin: SpanRef): Promise<void> {
  return kv.set(["traces", jobId], { v: 1, origin });
}
