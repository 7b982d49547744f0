import { FluentApiError, WrittenBatch } from "../../lib/fluent/mod.ts";
import type { FluentPort } from "../../lib/ingest/mod.ts";

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
  looks: number;
}

/** Fluent as a model: jobs, batches, and the stock that follows from them. Batches are complete after some looks. */
export class FakeFluent implements FluentPort {
  readonly jobs: string[] = [];
  readonly batches: Batch[] = [];
  /** Times a batch is looked at before it is complete. */
  looksToComplete = 0;
  /** SKUs Fluent doesn't know. */
  readonly unknownSkus = new Set<string>();
  /** SKUs because of which Fluent refuses the whole batch. */
  readonly poisonSkus = new Set<string>();
  /** SKUs because of which Fluent answers 500 to the whole batch, without doing anything. */
  readonly breakingSkus = new Set<string>();
  /** Whether a complete batch has a result for each of its rows. */
  answersRows = true;
  /** SKUs whose rows it takes without ever answering for them. */
  readonly silentSkus = new Set<string>();
  /** Whether answers name their row. */
  namesRows = true;
  /** What each job was called, and its `meta`. */
  readonly names: string[] = [];
  readonly metas: unknown[] = [];
  /** Whether a job's answer lists its batches. */
  listsBatches = true;
  /** Called before a call takes effect; may throw. */
  before: (call: string, batch: number) => void | Promise<void> = () => {};
  /** Called after a call took effect; may throw. */
  after: (call: string, batch: number) => void | Promise<void> = () => {};

  async createJob(request: { name: string; meta?: unknown }) {
    await this.before("createJob", this.batches.length);
    const id = String(this.jobs.length + 100);
    this.jobs.push(id);
    this.names.push(request.name);
    this.metas.push(request.meta);
    await this.after("createJob", this.batches.length);
    return { id, name: request.name, retailerId: "1" };
  }

  async sendBatch(jobId: string, request: Parameters<FluentPort["sendBatch"]>[1]) {
    await this.before("sendBatch", this.batches.length);
    const id = String(this.batches.length + 1000);
    const body = request instanceof WrittenBatch ? request.body : JSON.stringify(request);
    const { entities } = JSON.parse(body) as { entities: readonly Entity[] };
    if (entities.some(({ skuRef }) => this.poisonSkus.has(skuRef))) {
      throw refusal(400, "fluent-bad-request", "qty is out of range");
    }
    if (entities.some(({ skuRef }) => this.breakingSkus.has(skuRef))) {
      throw refusal(500, "fluent-unavailable", "internal error");
    }
    this.batches.push({ id, jobId, body, entities, looks: 0 });
    await this.after("sendBatch", this.batches.length);
    return { id, jobId };
  }

  async getJob(jobId: string) {
    await this.before("getJob", this.batches.length);
    if (!this.listsBatches) return { jobId, status: "OPEN" };
    const batches = this.batches.filter((batch) => batch.jobId === jobId)
      .map((batch) => ({
        batchId: batch.id,
        status: batch.looks++ >= this.looksToComplete ? "COMPLETE" : "RUNNING",
      }));
    return { jobId, status: "OPEN", batches };
  }

  async getBatch(jobId: string, batchId: string) {
    await this.before("getBatch", this.batches.length);
    const batch = this.#batch(batchId);
    const complete = batch.looks++ >= this.looksToComplete;
    const results = complete ? this.#results(batch) : [];
    return {
      batchId,
      jobId,
      status: complete ? "COMPLETE" : "RUNNING",
      start: 0,
      count: results.length,
      total: results.length,
      results,
    };
  }

  async getBatchResults(_jobId: string, batchId: string) {
    await this.before("getBatchResults", this.batches.length);
    return this.#results(this.#batch(batchId));
  }

  /** (location, sku) → quantity, as Fluent would have it once every batch is complete. */
  stock(): Map<string, number> {
    const stock = new Map<string, number>();
    for (const { entities } of this.batches) {
      for (const { skuRef, locationRef, qty } of entities) {
        if (!this.unknownSkus.has(skuRef)) stock.set(`${locationRef}|${skuRef}`, qty);
      }
    }
    return stock;
  }

  /** Batches that came more than once with the same bytes. */
  duplicates(): number {
    return this.batches.length - new Set(this.batches.map((batch) => batch.body)).size;
  }

  #batch(batchId: string): Batch {
    const batch = this.batches.find(({ id }) => id === batchId);
    if (!batch) throw refusal(404, "fluent-not-found", "no such batch");
    return batch;
  }

  #results(batch: Batch) {
    if (!this.answersRows) return [];
    return batch.entities.filter(({ skuRef }) => !this.silentSkus.has(skuRef)).map(
      ({ skuRef, locationRef }, i) => {
        const named = this.namesRows ? { entityRef: `${locationRef}:${skuRef}` } : {};
        return this.unknownSkus.has(skuRef)
          ? { ...named, responseCode: 404, message: `SKU ${skuRef} not found` }
          : { ...named, entityId: `${batch.id}-${i}`, responseCode: 200 };
      },
    );
  }
}

/** An answer of Fluent that refuses a call. */
export function refusal(
  status: number,
  code: ConstructorParameters<typeof FluentApiError>[1]["code"],
  reason: string,
) {
  return new FluentApiError(`Fluent answered ${status}: ${reason}`, {
    code,
    method: "POST",
    path: "/api/v4.1/job",
    status,
    reason,
    retry: status >= 500 || status === 429 ? "later" : "never",
    effect: status >= 500 ? "unknown" : "none",
  });
}
