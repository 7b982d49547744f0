import { FluentApiError, WrittenBatch } from "../../lib/fluent/mod.ts";
import type { FluentPort } from "../../lib/ingest/mod.ts";
import type { Effects } from "./effects.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

interface Entity {
  readonly skuRef: string;
  readonly locationRef: string;
  readonly qty: number;
}

interface Batch {
  readonly id: string;
  readonly jobId: string;
  readonly body: string;
  readonly entities: readonly Entity[];
  complete: boolean;
}

/** How this Fluent is. */
export interface FluentTraits {
  /** Whether a job's answer lists its batches. */
  readonly listsBatches: boolean;
  /** Milliseconds from accepting a batch to having processed it. */
  readonly processingMs: () => number;
  readonly unknownSkus: ReadonlySet<string>;
}

/** Fluent's Batch API: batches are accepted at once and processed later, in any order. */
export class FluentModel {
  readonly jobs: string[] = [];
  readonly batches: Batch[] = [];
  /** (location|sku) → quantity, of the batches that were processed. */
  readonly stock = new Map<string, number>();

  constructor(
    readonly scheduler: Scheduler,
    readonly effects: Effects,
    readonly traits: FluentTraits,
    /** Hears of every row that is about to be processed. */
    readonly onRow: (key: string, before: number | undefined, qty: number) => void,
  ) {}

  of(process: Process): FluentPort {
    const call = <T>(name: string, key: string, changes: boolean, apply: () => T): Promise<T> =>
      this.effects.call(process, { port: "fluent", name, key, changes }, apply, () => unavailable(name));
    const port: FluentPort = {
      createJob: (request) =>
        call("createJob", request.name, true, () => {
          const id = String(100 + this.jobs.length);
          this.jobs.push(id);
          return { id, name: request.name, retailerId: "1" };
        }),
      sendBatch: (jobId, request) => {
        const body = request instanceof WrittenBatch ? request.body : JSON.stringify(request);
        const { entities } = JSON.parse(body) as { entities: readonly Entity[] };
        return call("sendBatch", `${jobId} ${entities[0]?.skuRef}=${entities[0]?.qty}`, true, () => {
          const batch: Batch = {
            id: String(1000 + this.batches.length),
            jobId,
            body,
            entities,
            complete: false,
          };
          this.batches.push(batch);
          this.scheduler.after(this.traits.processingMs(), () => this.#process(batch));
          return { id: batch.id, jobId };
        });
      },
      getJob: (jobId) =>
        call("getJob", jobId, false, () => {
          if (!this.jobs.includes(jobId)) throw unknown("job", jobId);
          if (!this.traits.listsBatches) return { jobId, status: "OPEN" };
          const batches = this.batches.filter((batch) => batch.jobId === jobId)
            .map(({ id, complete }) => ({ batchId: id, status: complete ? "COMPLETE" : "RUNNING" }));
          return { jobId, status: "OPEN", batches };
        }),
      getBatch: (jobId, batchId) =>
        call("getBatch", batchId, false, () => {
          const batch = this.#batch(jobId, batchId);
          const results = batch.complete ? this.#results(batch) : [];
          return {
            batchId,
            jobId,
            status: batch.complete ? "COMPLETE" : "RUNNING",
            start: 0,
            count: results.length,
            total: results.length,
            results,
          };
        }),
      getBatchResults: (jobId, batchId) =>
        call("getBatchResults", batchId, false, () => this.#results(this.#batch(jobId, batchId))),
    };
    return port;
  }

  #process(batch: Batch): void {
    for (const { skuRef, locationRef, qty } of batch.entities) {
      if (this.traits.unknownSkus.has(skuRef)) continue;
      const key = `${locationRef}|${skuRef}`;
      this.onRow(key, this.stock.get(key), qty);
      this.stock.set(key, qty);
    }
    batch.complete = true;
  }

  #batch(jobId: string, batchId: string): Batch {
    const batch = this.batches.find(({ id }) => id === batchId);
    if (!batch || batch.jobId !== jobId) throw unknown("batch", `${jobId}/${batchId}`);
    return batch;
  }

  #results(batch: Batch) {
    return batch.entities.map(({ skuRef, locationRef }, i) =>
      this.traits.unknownSkus.has(skuRef)
        ? { entityRef: `${locationRef}:${skuRef}`, responseCode: 404, message: `SKU ${skuRef} not found` }
        : { entityId: `${batch.id}-${i}`, entityRef: `${locationRef}:${skuRef}`, responseCode: 200 }
    );
  }
}

function unavailable(name: string): FluentApiError {
  return new FluentApiError(`Fluent did not answer ${name}`, {
    code: "fluent-unavailable",
    method: "POST",
    path: "/api/v4.1/job",
    status: 503,
    retry: "later",
    effect: "unknown",
  });
}

function unknown(what: string, id: string): FluentApiError {
  return new FluentApiError(`Fluent knows no ${what} ${id}`, {
    code: "fluent-not-found",
    method: "GET",
    path: `/api/v4.1/job/${id}`,
    status: 404,
    retry: "never",
    effect: "none",
  });
}
