import assert from "node:assert/strict";
import {
  type IngestPorts,
  type IngestRequest,
  type PartitionOutcome,
  type PartitionRequest,
  runPartition,
  runSlice,
  type SliceOutcome,
} from "../../lib/ingest/mod.ts";
import type { Owner } from "../../lib/state/mod.ts";
import { csvOf, World } from "./world.ts";

type Slice = (owner: Owner) => Promise<SliceOutcome | PartitionOutcome>;

/** A world whose runs work side by side, those of partitions among them. */
export class PartitionedWorld extends World {
  /** How many runs there were. */
  runs = 0;
  /** How many starts of a partition's run are to fail. */
  failingStarts = 0;
  readonly #atWork = new Set<Promise<void>>();
  /** Most requests under way at once. */
  mostAtOnce = 0;
  #atOnce = 0;

  constructor(variables: Record<string, unknown> = {}) {
    super();
    Object.assign(this.variables, { batchSize: 10, partitions: 3, partitionAboveMiB: 0, ...variables });
    this.fluent.before = async (call) => {
      if (call !== "sendBatch") return;
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
      await this.clock.sleep(100);
      this.#atOnce--;
    };
  }

  override get ports(): IngestPorts {
    return {
      ...super.ports,
      // The event loop's pauses take virtual time as well, or time would run away from those at work.
      turns: {
        give: () => this.clock.sleep(0),
        rest: (ms, signal) => this.clock.sleep(ms, signal).catch(() => {}),
      },
      startPartition: (request) => {
        if (this.failingStarts-- > 0) return Promise.reject(new Error("the queue did not answer"));
        this.#add((owner) => this.partitionSlice(request, owner));
        return Promise.resolve();
      },
    };
  }

  /** One slice of a file's run. */
  fileSlice(request: IngestRequest, owner: Owner): Promise<SliceOutcome> {
    return runSlice(request, owner, this.settings, this.ports, this.state);
  }

  /** One slice of a partition's run. */
  partitionSlice(request: PartitionRequest, owner: Owner): Promise<PartitionOutcome> {
    return runPartition(request, owner, this.settings, this.ports, this.state);
  }

  #add(slice: Slice): void {
    const run = this.#run(`side-${this.runs++}`, slice).finally(() => this.#atWork.delete(run));
    this.#atWork.add(run);
  }

  /** Delivers one run until it asks for no more. */
  async #run(id: string, slice: Slice): Promise<void> {
    for (let attempt = 1; attempt < 500; attempt++) {
      const outcome = await slice({ run: id, attempt });
      if (!("afterMs" in outcome)) return;
      await this.clock.sleep(Math.max(1, outcome.afterMs));
    }
    assert.fail("the run never ends");
  }

  /** Works side by side on all that was started until nothing is left. */
  async work(): Promise<void> {
    for (const { request } of this.started.splice(0)) {
      this.#add((owner) => this.fileSlice(request, owner));
    }
    while (this.#atWork.size > 0) await Promise.race(this.#atWork);
  }

  /** Puts a file, takes it by schedule, and works until everything is done. */
  async deliver(rows: number): Promise<string> {
    const key = await this.put("stock.csv", csvOf(rows));
    const { files } = await this.discover();
    await this.work();
    return files.find((file) => file.key === key)!.jobId;
  }

  /** Every row is in the stock, with its own quantity. */
  checkStock(rows: number): void {
    const stock = this.fluent.stock();
    assert.equal(stock.size, rows);
    for (let i = 0; i < rows; i++) assert.equal(stock.get(`LOC-1|SKU-${String(i).padStart(5, "0")}`), i);
  }
}
