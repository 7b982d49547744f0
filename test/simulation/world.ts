import { silentLogger } from "../../lib/base/mod.ts";
import { readSettings, type Settings } from "../../lib/config/mod.ts";
import {
  discover,
  type IngestPorts,
  ingestState,
  type PartitionOutcome,
  runPartition,
  runSlice,
  type SliceOutcome,
  takeSuccessor,
} from "../../lib/ingest/mod.ts";
import { loadMapping, type MappingFile, readMappingFile } from "../../lib/mapping/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";
import { Effects, type Weather } from "./effects.ts";
import { FluentModel, type FluentTraits } from "./fluent_model.ts";
import { KeyValueModel } from "./kv_model.ts";
import { GHOSTS, type PlannedFile } from "./plan.ts";
import { Process } from "./process.ts";
import { Observer } from "./promises.ts";
import { type Assignment, type Message, QueueModel } from "./queue_model.ts";
import { Scheduler } from "./scheduler.ts";
import { StoreModel } from "./store_model.ts";

const mapping = await readMappingFile("inventory");
/** What a later version of the connector has in the same place: the same columns, one more field sent. */
const laterMapping = loadMapping(
  JSON.stringify({
    ...JSON.parse(await Deno.readTextFile(new URL("../../mappings/inventory.json", import.meta.url))),
    version: "2",
  }).replace('"attributes.note"', '"attributes.remark"'),
  "inventory",
);

/** A version of the connector: what a deployment changes under runs that wait. */
export interface Deployment {
  readonly variables: Record<string, unknown>;
  readonly mapping: MappingFile;
}

export interface WorldOptions {
  readonly random: () => number;
  readonly weather: Weather;
  readonly processes: number;
  readonly variables: Record<string, unknown>;
  readonly fluent: Omit<FluentTraits, "unknownSkus">;
  readonly staleMs: number;
  readonly conditionalPut: boolean;
  /** Milliseconds after which a delivery is made again. */
  readonly ttlMs: number;
  readonly twice: () => boolean;
  /** Milliseconds until a dead process is replaced. */
  readonly restartMs: () => number;
}

const EMPTY_DEPLOYMENT: Deployment = { variables: {}, mapping };

/** Slices one process works on at once. */
const ROOM = 4;

/** A simulated world: bucket, key-value store, Fluent, durable queue, and the connector's processes. */
export class SimulatedWorld {
  readonly scheduler = new Scheduler();
  readonly observer = new Observer();
  readonly effects: Effects;
  readonly memory: MemoryObjectStore;
  readonly kv: KeyValueModel;
  readonly fluent: FluentModel;
  readonly queue: QueueModel;
  readonly startedAt: number;
  readonly options: WorldOptions;
  #processes: Process[] = [];
  #born = 0;
  #triggers = 0;
  #deployment = EMPTY_DEPLOYMENT;
  #settings: Settings | undefined;
  deaths = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.startedAt = this.scheduler.now;
    this.effects = new Effects(this.scheduler, options.weather, (process) => this.#onDeath(process));
    const clock = { now: () => this.scheduler.now, sleep: () => Promise.resolve() };
    this.memory = new MemoryObjectStore({ bucket: "stock", clock, conditionalPut: options.conditionalPut });
    this.kv = new KeyValueModel(this.scheduler, this.effects, options.random, options.staleMs);
    const traits = { ...options.fluent, unknownSkus: GHOSTS };
    this.fluent = new FluentModel(this.scheduler, this.effects, traits, this.observer.row);
    this.queue = new QueueModel(this.scheduler, {
      ttlMs: options.ttlMs,
      backoffMs: 1_000,
      twice: options.twice,
      deliver: (message, attempt) => this.#deliver(message, attempt),
    });
    for (let n = 0; n < options.processes; n++) this.#birth();
  }

  /** Puts a file into the bucket when its time has come. */
  plan(file: PlannedFile): void {
    this.scheduler.after(file.at, () => void this.#put(file));
  }

  /** Fires the schedule after a while, in one of the processes. */
  trigger(afterMs: number): void {
    this.scheduler.after(afterMs, () => void this.#trigger());
  }

  /** From a moment on, new slices are worked on by another version of the connector. */
  deploy(afterMs: number, variables: Record<string, unknown>): void {
    this.scheduler.after(afterMs, () => {
      this.#deployment = { variables, mapping: laterMapping };
      this.#settings = undefined;
    });
  }

  /** The settings new slices are given. */
  get settings(): Settings {
    return this.#settings ??= this.#readSettings();
  }

  #readSettings(): Settings {
    const variables: Record<string, unknown> = {
      s3BucketName: "stock",
      fluentRetailerId: "1",
      // Files here are of any size, one after the other.
      maxShrink: "100%",
      ...this.options.variables,
      ...this.#deployment.variables,
    };
    return readSettings((name) => variables[name]);
  }

  /** The connector's parts as one process has them. */
  ports(process: Process): IngestPorts {
    const deployment = this.#deployment;
    return {
      kv: new VersoriKVAdapter(this.kv.of(process)),
      store: new StoreModel(this.memory, process, this.effects, this.observer.watch(this)),
      fluent: () => this.fluent.of(process),
      loadMapping: () => Promise.resolve(deployment.mapping),
      clock: process,
      turns: {
        give: () => process.sleep(0),
        rest: (ms, signal) => process.sleep(ms, signal).catch(() => {}),
      },
      random: this.options.random,
      log: silentLogger,
      startPartition: (request) => this.#start(process, { kind: "partition", request }),
    };
  }

  #start(process: Process, assignment: Assignment): Promise<void> {
    const { request } = assignment;
    const key = "partition" in request ? `${request.request.jobId}/${request.partition}` : request.jobId;
    return this.effects.call(
      process,
      { port: "queue", name: "start", key, changes: true },
      () => this.queue.start(assignment),
      () => new Error("the queue did not answer"),
    );
  }

  async #put(file: PlannedFile): Promise<void> {
    const key = `inventory/incoming/${file.name}`;
    const { etag } = await this.memory.uploadFile(key, file.text);
    this.observer.put(file, key, etag, this.scheduler.now);
  }

  async #trigger(): Promise<void> {
    const alive = this.#processes.filter((process) => process.alive);
    const process = alive[this.#triggers++ % Math.max(1, alive.length)];
    if (!process) return this.trigger(1_000);
    const ports = this.ports(process);
    const settings = this.settings;
    try {
      await discover(
        { triggeredBy: "schedule" },
        settings,
        ports,
        ingestState(ports, settings),
        (request) => this.#start(process, { kind: "file", request }),
      );
    } catch (error) {
      this.observer.failedTrigger(error);
    }
  }

  /** One delivery, in a process that has room. */
  #deliver(message: Message, attempt: number): boolean {
    const free = this.#processes.filter((process) => process.alive && process.busy < ROOM);
    if (free.length === 0) return false;
    const process = free[Math.floor(this.options.random() * free.length)]!;
    process.busy++;
    const change = (name: string, apply: () => void) =>
      this.effects.call(
        process,
        { port: "queue", name, key: message.id, changes: true },
        apply,
        () => new Error("the queue did not answer"),
      );
    const work = async () => {
      const ports = this.ports(process);
      try {
        const owner = { run: message.id, attempt };
        const { assignment } = message;
        const outcome = await this.#slice(assignment, owner, ports);
        if ("replaced" in outcome && outcome.replaced && assignment.kind === "file") {
          await takeSuccessor(
            assignment.request,
            this.settings,
            ports,
            ingestState(ports, this.settings),
            (request) => this.#start(process, { kind: "file", request }),
          );
        }
        if ("afterMs" in outcome) {
          await change("reschedule", () => this.queue.reschedule(message, outcome.afterMs));
        } else {
          await change("complete", () => this.queue.complete(message));
        }
      } catch (error) {
        this.observer.failedSlice(error);
        await process.sleep(1);
        this.queue.reschedule(message, this.queue.traits.backoffMs);
      } finally {
        process.busy--;
      }
    };
    void work();
    return true;
  }

  #slice(
    assignment: Assignment,
    owner: { run: string; attempt: number },
    ports: IngestPorts,
  ): Promise<SliceOutcome | PartitionOutcome> {
    return assignment.kind === "file"
      ? runSlice(assignment.request, owner, this.settings, ports)
      : runPartition(assignment.request, owner, this.settings, ports);
  }

  #birth(): void {
    this.#processes = this.#processes.filter((process) => process.alive);
    this.#processes.push(new Process(`p${++this.#born}`, this.scheduler));
  }

  #onDeath(_process: Process): void {
    this.deaths++;
    this.scheduler.after(this.options.restartMs(), () => this.#birth());
  }
}
