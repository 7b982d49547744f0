import type { Clock, Logger } from "../base/mod.ts";
import type { Settings } from "../config/mod.ts";
import type { CircuitBreaker, FluentClient, RetryBudget } from "../fluent/mod.ts";
import type { JobTracker } from "../jobs/mod.ts";
import type { CustomResolvers, MappingFile } from "../mapping/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import type { Turns } from "./prefetch.ts";
import type {
  Claims,
  FeedHistory,
  FeedQueue,
  FilesAside,
  KVStore,
  Sightings,
  StateService,
} from "../state/mod.ts";
import type { PartitionRequest } from "./partition_record.ts";
import type { Step } from "./run_record.ts";

/** The part of Fluent a run uses. */
export type FluentPort = Pick<
  FluentClient,
  "createJob" | "sendBatch" | "getJob" | "getBatch" | "getBatchResults"
>;

/** What a client goes on with from the slice before. */
export interface FluentMemory {
  readonly breaker: CircuitBreaker;
  readonly retryBudget: RetryBudget;
}

/** Everything a run is handed from outside. */
export interface IngestPorts {
  readonly kv: KVStore;
  readonly store: ObjectStore;
  /** Made when it is first needed: a file that is held never asks for a token. */
  readonly fluent: (memory?: FluentMemory) => FluentPort;
  /** The mapping file of that name, checked. */
  readonly loadMapping: (name: string) => Promise<MappingFile>;
  readonly customResolvers?: CustomResolvers;
  readonly clock: Clock;
  /** The event loop; default: the real one. */
  readonly turns?: Turns;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly signal?: AbortSignal;
  /**
   * Starts the durable run of one partition of a large file. Absent: a file is delivered by its own run, whatever its
   * size.
   */
  readonly startPartition?: (request: PartitionRequest) => Promise<void>;
  /** Told of every step, where somebody watches. */
  readonly observer?: StepObserver;
}

/** Watches a run from outside: the run says where it is and knows nothing else of it. */
export interface StepObserver {
  /** Does a step, observed. */
  step<T>(step: Exclude<Step, "done">, work: () => Promise<T>): Promise<T>;
}

/** The connector's own state, over the key-value store it was handed. */
export interface IngestState {
  readonly tracker: JobTracker;
  readonly ledger: StateService;
  readonly claims: Claims;
  readonly feeds: FeedQueue;
  readonly history: FeedHistory;
  readonly aside: FilesAside;
  readonly sightings: Sightings;
}

export type { Settings };
