import type { Clock } from "../../lib/base/mod.ts";
import { type Answer, ok, refusal } from "./_answer.ts";
import type { FluentServerOptions } from "./options.ts";
import { type Entity, jobSchema, readBatch, reasonOf } from "./_schemas.ts";
import {
  type BatchRow,
  type Failures,
  type FluentStore,
  type JobRow,
  NEVER,
  type StockRow,
} from "./_store.ts";

/** What the API calls the states. */
export type JobStatus = "OPEN" | "CLOSED";
export type BatchStatus = "PENDING" | "RUNNING" | "COMPLETE";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const DEFAULT_PAGE = 100;
const MAX_PAGE = 5_000;

/** The four endpoints under `/api/v4.1/job`, as functions of request, stored state and the clock. */
export class BatchApi {
  readonly #store: FluentStore;
  readonly #clock: Clock;
  readonly #options: FluentServerOptions;
  readonly #unknownSkus: ReadonlySet<string>;
  readonly #unknownLocations: ReadonlySet<string>;
  readonly #failingSkus: ReadonlyMap<string, 301 | 404 | 500>;
  readonly #poisonSkus: ReadonlySet<string>;
  readonly #stuck: ReadonlySet<number>;
  #latestCompletion: number;
  #accepted = 0;

  constructor(store: FluentStore, clock: Clock, options: FluentServerOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#unknownSkus = new Set(options.unknownSkus);
    this.#unknownLocations = new Set(options.unknownLocations);
    this.#failingSkus = new Map(Object.entries(options.failingSkus ?? {}));
    this.#poisonSkus = new Set(options.poisonSkus);
    this.#stuck = new Set(options.stuckBatches);
    this.#latestCompletion = store.latestCompletion();
  }

  /** `POST /api/v4.1/job` */
  createJob(body: Uint8Array): Answer {
    const json = parseJson(body);
    if (json === undefined) return refusal(400, "BAD_REQUEST", "the body is not JSON in UTF-8");
    const job = jobSchema.safeParse(json);
    if (!job.success) return refusal(400, "BAD_REQUEST", reasonOf(job.error));
    const { name, retailerId, meta } = job.data;
    const now = this.#clock.now();
    const id = this.#store.addJob({
      name,
      retailerId: String(retailerId),
      meta,
      createdAt: now,
      closesAt: nextMidnightUtc(now),
    });
    return ok({ id: String(id) });
  }

  /** `POST /api/v4.1/job/{jobId}/batch` */
  addBatch(jobId: string, body: Uint8Array): Answer {
    const job = this.#findJob(jobId);
    if (job === undefined) return noSuchJob(jobId);
    if (this.jobStatus(job) === "CLOSED") {
      return refusal(400, "JOB_CLOSED", `job ${jobId} is CLOSED and takes no more batches`);
    }
    const json = parseJson(body);
    if (json === undefined) return refusal(400, "BAD_REQUEST", "the body is not JSON in UTF-8");
    const batch = readBatch(json);
    if ("reason" in batch) return refusal(400, "BAD_REQUEST", batch.reason);
    const { entities } = batch;
    const poison = this.#poisonSkus.size === 0
      ? -1
      : entities.findIndex(({ skuRef }) => this.#poisonSkus.has(skuRef));
    if (poison >= 0) {
      const reason = `entities[${poison}].skuRef: ${entities[poison]!.skuRef} cannot be processed`;
      return refusal(400, "BAD_REQUEST", reason);
    }
    this.#accepted += 1;

    const now = this.#clock.now();
    const { runningAt, completeAt } = this.#schedule(now, entities.length);
    const id = this.#store.addBatch({
      jobId: job.id,
      entityCount: entities.length,
      receivedAt: now,
      runningAt,
      completeAt,
      failures: this.#failuresOf(entities),
      body,
    });
    if (completeAt !== NEVER) this.#latestCompletion = completeAt;
    const { closeJobsAfterBatches } = this.#options;
    if (closeJobsAfterBatches !== undefined && this.#store.batchCount(job.id) >= closeJobsAfterBatches) {
      this.#store.closeJob(job.id, now);
    }
    return ok({ id: String(id) });
  }

  /** `GET /api/v4.1/job/{jobId}` */
  readJob(jobId: string): Answer {
    const job = this.#findJob(jobId);
    if (job === undefined) return noSuchJob(jobId);
    const answer = { jobId: String(job.id), status: this.jobStatus(job) };
    if (this.#options.jobListsBatches === false) return ok(answer);
    const batches = this.#store.batches(job.id)
      .map((batch) => ({ batchId: String(batch.id), status: this.batchStatus(batch) }));
    return ok({ ...answer, batches });
  }

  /** `GET /api/v4.1/job/{jobId}/batch/{batchId}?start&count`; `count` in the answer is the page size in effect. */
  readBatch(jobId: string, batchId: string, query: URLSearchParams): Answer {
    const job = this.#findJob(jobId);
    if (job === undefined) return noSuchJob(jobId);
    const id = idOf(batchId);
    const batch = id === undefined ? undefined : this.#store.batch(job.id, id);
    if (batch === undefined) return refusal(404, "NOT_FOUND", `job ${jobId} has no batch ${batchId}`);

    const start = wholeNumber(query.get("start"), 0);
    const asked = wholeNumber(query.get("count"), this.#options.resultsPerPage ?? DEFAULT_PAGE);
    if (start === undefined || asked === undefined || asked === 0) {
      return refusal(400, "BAD_REQUEST", "start must be a whole number from 0 and count one from 1");
    }
    const count = Math.min(asked, this.#options.maxResultsPerPage ?? MAX_PAGE);
    const status = this.batchStatus(batch);
    const complete = status === "COMPLETE";
    return ok({
      batchId: String(batch.id),
      jobId: String(job.id),
      status,
      start,
      count,
      total: complete ? batch.entityCount : 0,
      results: complete ? this.#results(batch, start, count) : [],
    });
  }

  jobStatus(job: JobRow): JobStatus {
    return job.closesAt <= this.#clock.now() ? "CLOSED" : "OPEN";
  }

  batchStatus(batch: BatchRow): BatchStatus {
    const now = this.#clock.now();
    if (batch.completeAt <= now) return "COMPLETE";
    return batch.runningAt <= now ? "RUNNING" : "PENDING";
  }

  /** Brings the stock up to now. */
  settle(): void {
    this.#store.settle(this.#clock.now(), stockOf);
  }

  /** Completes every batch at once, also one that would stay PENDING. */
  completeAll(): void {
    const now = this.#clock.now();
    this.#store.completeAll(now);
    this.#latestCompletion = Math.min(this.#latestCompletion, now);
  }

  #findJob(jobId: string): JobRow | undefined {
    const id = idOf(jobId);
    return id === undefined ? undefined : this.#store.job(id);
  }

  /** Batches complete in the order of their acceptance: then the stock is the last accepted quantity. */
  #schedule(now: number, rows: number): { readonly runningAt: number; readonly completeAt: number } {
    const { pendingMs = 0, runningMs = 0, throughputRowsPerSecond } = this.#options;
    if (this.#stuck.has(this.#accepted)) return { runningAt: NEVER, completeAt: NEVER };
    const ready = now + pendingMs;
    if (throughputRowsPerSecond === undefined) {
      return { runningAt: ready, completeAt: Math.max(ready + runningMs, this.#latestCompletion) };
    }
    const runningAt = Math.max(ready, this.#latestCompletion);
    return { runningAt, completeAt: runningAt + runningMs + rows / throughputRowsPerSecond * 1000 };
  }

  /** Decided on acceptance and stored, so that it stays the same when a restart brings other options. */
  #failuresOf(entities: readonly Entity[]): Failures {
    const failures: Record<string, Failures[string]> = {};
    entities.forEach((entity, index) => {
      const { skuRef, locationRef } = entity;
      const other = this.#failingSkus.get(skuRef);
      if (this.#unknownSkus.has(skuRef)) {
        failures[index] = { code: 404, message: `Sku ${skuRef} not found` };
      } else if (this.#unknownLocations.has(locationRef)) {
        failures[index] = { code: 404, message: `Location ${locationRef} not found` };
      } else if (this.#options.isUnknown?.({ skuRef, locationRef })) {
        failures[index] = { code: 404, message: `Sku ${skuRef} or location ${locationRef} not found` };
      } else if (other !== undefined) {
        failures[index] = { code: other, message: MESSAGES[other] };
      }
    });
    return failures;
  }

  #results(batch: BatchRow, start: number, count: number): unknown[] {
    const { body, failures } = this.#store.bodyOf(batch.id);
    return entitiesOf(body).slice(start, start + count).map((entity, i) => {
      const index = start + i;
      const failure = failures[index];
      // The API doesn't say how an entity's reference is formed: location and SKU are this server's choice.
      const entityRef = `${entity.locationRef}:${entity.skuRef}`;
      return failure === undefined
        ? {
          entityId: `${batch.id}${String(index).padStart(4, "0")}`,
          entityRef,
          responseCode: 200,
          message: "",
        }
        : { entityRef, responseCode: failure.code, message: failure.message };
    });
  }
}

const MESSAGES = {
  301: "Not authorised",
  404: "Dependent record not found",
  500: "Internal server error",
} as const;

/** On-hand stock is set by quantities of the default type and status; others are accepted and leave it alone. */
function* stockOf(body: Uint8Array, failures: Failures): Generator<StockRow> {
  for (const [index, entity] of entitiesOf(body).entries()) {
    if (failures[index] !== undefined) continue;
    if ((entity.type ?? "LAST_ON_HAND") !== "LAST_ON_HAND" || (entity.status ?? "ACTIVE") !== "ACTIVE") {
      continue;
    }
    yield { sku: entity.skuRef, location: entity.locationRef, qty: entity.qty };
  }
}

/** A stored body was validated when it came. */
function entitiesOf(body: Uint8Array): Entity[] {
  return (JSON.parse(utf8.decode(body)) as { entities: Entity[] }).entities;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    // Whatever is wrong with it, the answer is the same 400.
    return undefined;
  }
}

function noSuchJob(jobId: string): Answer {
  return refusal(404, "NOT_FOUND", `there is no job ${jobId}`);
}

function idOf(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

function wholeNumber(text: string | null, otherwise: number): number | undefined {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** A job "stays open until midnight (UTC)" (Fluent documentation, Job API). */
function nextMidnightUtc(now: number): number {
  const day = new Date(now);
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 1);
}
