/**
 * The guide, "Parallel Batch Sending". `changed:` says what differs and why.
 *
 * @module
 */
// deno-lint-ignore-file no-explicit-any -- the guide's own types
import type { FluentClient } from "../../lib/mod.ts"; // changed: the import path.
import { console } from "./_stage.ts"; // the surroundings of the test

/**
 * Split array into chunks
 */
export function chunkArray<T>(array: T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < array.length; i += size) {
    chunks.push(array.slice(i, i + size));
  }
  return chunks;
}

/**
 * Send multiple batches in parallel
 * WARNING: Use with caution - can hit rate limits
 */
export async function sendBatchesParallel(
  client: FluentClient,
  jobId: string,
  batches: any[][],
  concurrency = 5,
) {
  const results = [];

  for (let i = 0; i < batches.length; i += concurrency) {
    const chunk = batches.slice(i, i + concurrency);

    // Send up to 'concurrency' batches at once
    const promises = chunk.map((batch) =>
      // changed: action and entityType, mandatory (API 7).
      client.sendBatch(jobId, { action: "UPSERT", entityType: "INVENTORY", entities: batch })
    );

    const chunkResults = await Promise.all(promises);
    results.push(...chunkResults);

    console.log(`Sent batches ${i + 1} to ${i + chunk.length}`);
  }

  return results;
}

// Usage (send 5 batches at a time)
export async function usage(client: FluentClient, job: { id: string }, batches: any[][]) {
  return await sendBatchesParallel(client, job.id, batches, 5);
}
