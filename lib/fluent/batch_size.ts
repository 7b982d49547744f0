import { ConfigError } from "../base/mod.ts";
import { MAX_ENTITIES_PER_BATCH } from "./_requests.ts";

/**
 * Rows per batch: `configured` (1 to 5,000, Fluent's limit) when given, else the guide's choice by the total: 100 below
 * 1,000 records, 150 below 10,000, then 250.
 *
 * @throws {ConfigError} when `configured` is out of bounds, or `totalRecords` is not a count.
 */
export function calculateBatchSize(totalRecords: number, configured?: number): number {
  if (configured !== undefined) {
    if (Number.isSafeInteger(configured) && configured >= 1 && configured <= MAX_ENTITIES_PER_BATCH) {
      return configured;
    }
    throw new ConfigError(
      `Cannot use a batch size of ${configured}: expected a whole number from 1 to ${MAX_ENTITIES_PER_BATCH}`,
    );
  }
  if (!(totalRecords >= 0)) {
    throw new ConfigError(`Cannot choose a batch size: expected a number of records, found ${totalRecords}`);
  }
  if (totalRecords < 1_000) return 100;
  return totalRecords < 10_000 ? 150 : 250;
}
