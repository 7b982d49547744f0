import assert from "node:assert/strict";
import { silentLogger } from "../../lib/base/mod.ts";
import { readSettings } from "../../lib/config/mod.ts";
import {
  checkBooks,
  discover,
  type DiscoverOptions,
  type IngestPorts,
  type IngestRequest,
  type IngestState,
  ingestState,
  runSlice,
  type SliceOutcome,
  takeSuccessor,
} from "../../lib/ingest/mod.ts";
import type { JobRecord } from "../../lib/jobs/mod.ts";
import { readMappingFile } from "../../lib/mapping/mod.ts";
import type { IngestResult } from "../../lib/report/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { FakeFluent } from "./fake_fluent.ts";

/** A world in virtual time: a bucket, a key-value store, Fluent, and the durable runs that were started. */
export class World {
  readonly clock = new VirtualClock();
  readonly store: MemoryObjectStore;
  readonly memory = new MemoryKeyValue();
  readonly fluent = new FakeFluent();
  readonly variables: Record<string, unknown> = {
    s3BucketName: "stock",
    fluentRetailerId: "1",
    pollIntervalSeconds: 1,
  };
  /** The durable queue: one entry per started run. */
  readonly started: { id: string; request: IngestRequest; attempt: number }[] = [];
  /** What the run's Fluent port is; replaced by tests that need another one. */
  openFluent: IngestPorts["fluent"] = () => this.fluent;
  #runs = 0;

  /** @param options what the object store can do */
  constructor(options: { readonly conditionalPut?: boolean } = {}) {
    this.store = new MemoryObjectStore({ bucket: "stock", clock: this.clock, ...options });
  }

  get ports(): IngestPorts {
    return {
      kv: new VersoriKVAdapter(this.memory),
      store: this.store,
      fluent: this.openFluent,
      loadMapping: readMappingFile,
      clock: this.clock,
      random: () => 0.5,
      log: silentLogger,
    };
  }

  get settings() {
    return readSettings((name) => this.variables[name]);
  }

  get state(): IngestState {
    return ingestState(this.ports, this.settings);
  }

  async put(name: string, content: string | Uint8Array): Promise<string> {
    const key = `inventory/incoming/${name}`;
    await this.store.uploadFile(key, content);
    this.clock.advance(1_000);
    return key;
  }

  discover(options: Partial<DiscoverOptions> = {}) {
    return discover(
      { triggeredBy: "schedule", ...options },
      this.settings,
      this.ports,
      this.state,
      (request) => this.#start(request),
    );
  }

  #start(request: IngestRequest): Promise<void> {
    this.started.push({ id: `run-${++this.#runs}`, request, attempt: 0 });
    return Promise.resolve();
  }

  /** One delivery of a run. */
  slice(run: { id: string; request: IngestRequest; attempt: number }): Promise<SliceOutcome> {
    run.attempt++;
    return runSlice(
      run.request,
      { run: run.id, attempt: run.attempt },
      this.settings,
      this.ports,
      this.state,
    );
  }

  /** Delivers every started run, in turn, until none asks for more. `delivered` is called after each delivery. */
  async settle(delivered: () => void = () => {}): Promise<SliceOutcome[]> {
    const outcomes: SliceOutcome[] = [];
    for (let round = 0; this.started.length > 0; round++) {
      assert.ok(round < 10_000, "the runs never end");
      const run = this.started.shift()!;
      const outcome = await this.slice(run);
      delivered();
      if (outcome.replaced) {
        await takeSuccessor(run.request, this.settings, this.ports, this.state, (next) => this.#start(next));
      }
      if (outcome.kind === "again") {
        this.started.push(run);
        this.clock.advance(outcome.afterMs);
      } else {
        outcomes.push(outcome);
      }
    }
    return outcomes;
  }

  /** Puts a file, takes it by schedule, works until everything is done, and gives back its job and its summary. */
  async ingest(name: string, content: string | Uint8Array, options: Partial<DiscoverOptions> = {}) {
    const key = await this.put(name, content);
    const { files } = await this.discover(options);
    const jobId = files.find((file) => file.key === key)!.jobId;
    await this.settle();
    return { key, jobId, job: await this.job(jobId), summary: await this.summary(jobId) };
  }

  async job(jobId: string): Promise<JobRecord> {
    const job = await this.state.tracker.getJob(jobId);
    assert.ok(job, `job ${jobId} exists`);
    return job;
  }

  /** The job's summary.json, its books checked. */
  async summary(jobId: string): Promise<IngestResult> {
    const { reports } = (await this.job(jobId)).details as { reports: { summary: string } };
    const summary = JSON.parse(await this.text(reports.summary)) as IngestResult;
    checkBooks(summary.rows);
    return summary;
  }

  async text(key: string): Promise<string> {
    const { body } = await this.store.openFile(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(concat(chunks));
  }

  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.listObjects({ prefix })) keys.push(key);
    return keys;
  }

  async jobs(): Promise<JobRecord[]> {
    const jobs: JobRecord[] = [];
    for await (const job of this.state.tracker.listJobs()) jobs.push(job);
    return jobs;
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** A CSV of `count` good rows: SKU-00000 … in one location, quantity = its number. */
export function csvOf(count: number, more: readonly string[] = []): string {
  const lines = ["sku,location,qty"];
  for (let i = 0; i < count; i++) lines.push(`SKU-${String(i).padStart(5, "0")},LOC-1,${i}`);
  return [...lines, ...more].join("\n") + "\n";
}
