import { z } from "zod";
import { type KVStore, readRecord } from "../state/mod.ts";
import { ingestRequestSchema } from "./request.ts";
import { runRecordSchema } from "./run_record.ts";

const count = z.number().int().nonnegative();

/** What the durable run of one partition is started with. */
export const partitionRequestSchema = z.object({
  v: z.literal(1),
  request: ingestRequestSchema,
  /** Which partition, from 0. */
  partition: count,
  /** Which start of partitions it belongs to: a later one makes it void. */
  generation: count,
  /** Milliseconds since the epoch: when it was started. */
  startedAt: z.number(),
});
export type PartitionRequest = z.output<typeof partitionRequestSchema>;

/** The place of one partition's run. */
export const partitionRecordSchema = z.object({
  v: z.literal(1),
  /** The start it last worked for. */
  generation: count,
  state: z.enum(["open", "done", "failed"]),
  /** What its last slice failed with; absent when it didn't. */
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
  /** Counts are of its own batches only. */
  run: runRecordSchema,
});
export type PartitionRecord = z.output<typeof partitionRecordSchema>;

export function readPartition(
  kv: KVStore,
  jobId: string,
  number: number,
): Promise<PartitionRecord | undefined> {
  return readRecord(kv, keyOf(jobId, number), partitionRecordSchema);
}

export function writePartition(
  kv: KVStore,
  jobId: string,
  number: number,
  record: Omit<PartitionRecord, "v">,
): Promise<void> {
  return kv.set(keyOf(jobId, number), { v: 1, ...record });
}

export function deletePartition(kv: KVStore, jobId: string, number: number): Promise<void> {
  return kv.delete(keyOf(jobId, number));
}

/** The records of a file's partitions, as far as there are any. */
export function readPartitions(
  kv: KVStore,
  jobId: string,
  total: number,
): Promise<(PartitionRecord | undefined)[]> {
  return Promise.all(Array.from({ length: total }, (_, number) => readPartition(kv, jobId, number)));
}

function keyOf(jobId: string, number: number): string[] {
  return ["partitions", jobId, String(number)];
}

/** The claim on one partition of a job. */
export function partitionClaim(jobId: string, number: number): string {
  return `${jobId}-partition-${number}`;
}
