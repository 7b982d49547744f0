import { z } from "zod";
import { circuitStateSchema, retryBudgetStateSchema, sendWindowStateSchema } from "../fluent/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";
import { NO_ROWS, rowsSchema } from "./books.ts";
import { idleSchema } from "./idle.ts";
import { placeAsideSchema } from "./location.ts";
import { heldBecauseSchema, sourcePartSchema } from "./manifest.ts";
import { partitionPlanSchema } from "./partition_plan.ts";

/** The steps of a run, in order. */
export const STEPS = ["inspect", "turn", "deliver", "confirm", "report", "archive", "done"] as const;
export type Step = typeof STEPS[number];

const count = z.number().int().nonnegative();

/** A file that is delivered by several runs: how its batches are divided, and the latest start of those runs. */
export const partitionedRunSchema = partitionPlanSchema.extend({
  started: z.object({
    /** Counts the starts: a later one makes the runs of an earlier one void. */
    generation: count,
    /** How often the job had been opened again by then. */
    life: count,
    /** The partitions that had something left to send. */
    numbers: z.array(count),
    /** Whether all of them are known to be started. */
    complete: z.boolean(),
    /** Milliseconds since the epoch: when one of them was last seen to get on. */
    heardAt: z.number(),
  }).optional(),
});
export type PartitionedRun = z.output<typeof partitionedRunSchema>;

/** A run's place: what the next slice needs to go on where the last one stopped. */
export const runRecordSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  step: z.enum(STEPS),
  manifestKey: z.string(),
  /** Known once inspect is done. */
  sha256: z.string().optional(),
  rows: rowsSchema,
  batches: z.object({ total: count, sent: count, resent: count }),
  /** The object that says how far an unfinished inspection has come. */
  checkpoint: z.string().optional(),
  /** How often one could not be read, and the inspection began anew. */
  checkpointsLost: count.optional(),
  /** How much of a file that is not plain UTF-8 has been written back as such. */
  normalised: z.object({
    parts: z.array(sourcePartSchema),
    /** Bytes of the content (expanded, not decoded) that are in them. */
    offset: count,
    encoding: z.string(),
    /** Of the file's own bytes, as far as they were read. */
    hash: z.object({ state: z.string(), bytes: count }),
  }).optional(),
  heldBecause: heldBecauseSchema.optional(),
  /** Whether the file is a whole snapshot of its feed; known once inspect is done. */
  isSnapshot: z.boolean().optional(),
  /** What is worth knowing of the file although it was not held for it. */
  warnings: z.array(z.string()).optional(),
  /** The Fluent jobs this file's batches went to, in order; the last one is open. */
  fluentJobs: z.array(z.string()),
  /** Whether the last Fluent job was found closed, so that a new one is needed. */
  fluentJobClosed: z.boolean(),
  /** ISO 8601: when polling for results began. */
  confirmingSince: z.string().optional(),
  /** Slices in a row that ended with an error and without progress. */
  stalls: count,
  /** Slices that ended with an error that passed, in all. */
  retries: count.default(0),
  /** The mapping the file was read with. */
  mapping: z.object({ name: z.string(), version: z.string() }).optional(),
  /** ISO 8601: when the first of them ended. */
  stalledSince: z.string().optional(),
  idle: idleSchema.optional(),
  /** ISO 8601: since when Fluent has been asked for batches whose answers were lost. */
  askingSince: z.string().optional(),
  /** What the slices before have learned of Fluent: whether it lives, how much it bears, what may be repeated. */
  fluent: z.object({
    circuit: circuitStateSchema.optional(),
    budget: retryBudgetStateSchema.optional(),
    window: sendWindowStateSchema.optional(),
  }).optional(),
  /** Batches Fluent listed when it was first asked for those whose answers were lost, and nobody knew. */
  askingOf: z.array(z.string()).optional(),
  /** Set once inspect is done, for a file that is delivered by several runs. */
  partitions: partitionedRunSchema.optional(),
  /** Rows Fluent confirmed only as part of their batch, not one by one. */
  confirmedByBatch: count.optional(),
  reports: z.object({
    summary: z.string(),
    rejectsCsv: z.string(),
    rejectsJsonl: z.string(),
    failedCsv: z.string().optional(),
    failedJsonl: z.string().optional(),
  }).optional(),
  archivedAs: z.string().optional(),
  /** Where the file was moved to, because it was held or the job failed; the last place counts. */
  places: z.array(placeAsideSchema).optional(),
  /** Where it is being moved to. */
  moving: z.string().optional(),
  /** ISO 8601: when another version was found in the file's place, which ends the job. */
  replacedAt: z.string().optional(),
  /** Why the job is being ended as failed: what is left is to move the file and to say so. */
  failure: z.object({
    message: z.string(),
    code: z.string(),
    retry: z.enum(["never", "later"]),
    /** How often the job had been opened again: a later life has not failed. */
    reopened: count,
  }).optional(),
  /** Set before the source is removed. */
  removingSource: z.boolean().optional(),
  /** Deliveries of this run so far, our own count of the platform's attempts. */
  slices: count.default(0),
  /** Milliseconds since the epoch: when a delivery last took over from one that had not said it ended. */
  disturbedAt: z.number().optional(),
  /** Milliseconds spent in each step so far. */
  spent: z.record(z.string(), z.number()),
});
export type RunRecord = z.output<typeof runRecordSchema>;

/** The place of a run that has not begun. */
export function newRun(jobId: string, manifestKey: string): RunRecord {
  return {
    v: 1,
    jobId,
    step: "inspect",
    manifestKey,
    rows: { ...NO_ROWS },
    batches: { total: 0, sent: 0, resent: 0 },
    fluentJobs: [],
    fluentJobClosed: false,
    stalls: 0,
    slices: 0,
    retries: 0,
    spent: {},
  };
}

export function readRun(kv: KVStore, jobId: string): Promise<RunRecord | undefined> {
  return readRecord(kv, ["runs", jobId], runRecordSchema);
}

export function writeRun(kv: KVStore, run: RunRecord): Promise<void> {
  return kv.set(["runs", run.jobId], run);
}
