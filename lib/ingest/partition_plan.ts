import { z } from "zod";
import type { Settings } from "../config/mod.ts";
import { JOURNAL_WINDOW } from "./journal.ts";

const count = z.number().int().nonnegative();

/**
 * How a large file's batches are divided among several runs: partition `n` has the batches from `n × size` on. Fixed when
 * the file is inspected. No journal record is shared by two partitions, so that no two runs write the same key.
 */
export const partitionPlanSchema = z.object({
  /** Partitions; at least 2. */
  count: count.min(2),
  /** Batches per partition; the last one may have fewer. */
  size: count.min(1),
  /** Batches per journal record. */
  window: count.min(1),
});
export type PartitionPlan = z.output<typeof partitionPlanSchema>;

/** Batches from one index up to another, which is not in it any more. */
export interface BatchRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Divides a file's batches, if the settings want a file of this size divided.
 *
 * @param file its batches, and its bytes as plain UTF-8
 */
export function planPartitions(
  file: { readonly batches: number; readonly bytes: number },
  settings: Pick<Settings, "partitions" | "partitionAboveMiB" | "partitionConcurrency" | "sendConcurrency">,
): PartitionPlan | undefined {
  const { partitions, partitionAboveMiB, partitionConcurrency, sendConcurrency } = settings;
  if (file.bytes < partitionAboveMiB * 1024 * 1024) return undefined;
  // Where they share the feed's ceiling, more of them than it allows requests would only wait for each other.
  const most = partitionConcurrency > 0 ? partitions : Math.min(partitions, sendConcurrency);
  const wanted = Math.min(most, file.batches);
  if (wanted < 2) return undefined;
  const each = Math.ceil(file.batches / wanted);
  const records = Math.ceil(each / JOURNAL_WINDOW);
  const window = Math.ceil(each / records);
  const size = window * records;
  const planned = Math.ceil(file.batches / size);
  return planned < 2 ? undefined : { count: planned, size, window };
}

/** The batches of one partition of a file of `total` batches. */
export function rangeOf({ size }: PartitionPlan, number: number, total: number): BatchRange {
  return { from: Math.min(number * size, total), to: Math.min((number + 1) * size, total) };
}

/**
 * How many requests one of the partitions at work may have under way. Unless each has a ceiling of its own, they share the
 * feed's: the sum is never above it, also while some of them haven't heard yet that others are done.
 *
 * @param rank its place among the partitions not done, from 0
 * @param open how many are not done
 */
export function ceilingOf(
  { partitionConcurrency, sendConcurrency }: Pick<Settings, "partitionConcurrency" | "sendConcurrency">,
  rank: number,
  open: number,
): number {
  if (partitionConcurrency > 0) return partitionConcurrency;
  return Math.max(0, Math.ceil((sendConcurrency - rank) / open));
}
