/**
 * The guide, "Status Polling and Completion". `changed:` says what differs and why.
 *
 * @module
 */
// changed: the import path; pollJobCompletion and getPollingInterval, which the guide prints to be copied, are exports.
import { type FluentClient, getPollingInterval, pollJobCompletion } from "../../lib/mod.ts";
import type { FluentJobStatus } from "../../lib/mod.ts";
import { console, setTimeout } from "./_stage.ts"; // the surroundings of the test

/**
 * Poll job status until complete: the guide's own loop
 */
export async function pollJobCompletionOfTheGuide(
  client: FluentClient,
  jobId: string,
  // changed: typed. Inferred from its default, onProgress could only be undefined, and `{ interval }` alone would have no
  // timeout (API 21).
  options: { interval: number; timeout: number; onProgress?: (status: FluentJobStatus) => void } = {
    interval: 30000, // 30 seconds
    timeout: 3600000, // 1 hour
  },
) {
  const startTime = Date.now();

  while (true) {
    const status = await client.getJobStatus(jobId);

    // Check terminal states
    if (status.status === "COMPLETED") {
      console.log("✓ Job completed successfully");
      return status;
    }

    if (status.status === "FAILED") {
      throw new Error(`Job failed: ${status.errorSummary?.message || "Unknown error"}`);
    }

    // Check timeout
    if (Date.now() - startTime > options.timeout) {
      throw new Error(`Job timeout after ${options.timeout}ms`);
    }

    // Progress callback
    if (options.onProgress) {
      options.onProgress(status);
    }

    // Log progress
    console.log(
      `Job ${status.status}: ${status.completedBatches}/${status.totalBatches} batches ` +
        `(${Math.round((status.completedBatches / status.totalBatches) * 100)}%)`,
    );

    // Wait before next poll
    await new Promise((resolve) => setTimeout(resolve, options.interval));
  }
}

// Usage
export async function usage(client: FluentClient, job: { id: string }) {
  const finalStatus = await pollJobCompletionOfTheGuide(client, job.id, {
    interval: 30000,
    timeout: 3600000,
    onProgress: (status) => {
      console.log(`Progress: ${status.completedBatches}/${status.totalBatches}`);
    },
  });
  return finalStatus;
}

// Usage, with the export
export async function usageOfTheExport(
  client: FluentClient,
  job: { id: string },
  clock: Parameters<typeof pollJobCompletion>[2] & object,
) {
  const finalStatus = await pollJobCompletion(client, job.id, {
    ...clock, // changed: the test's clock.
    interval: 30000,
    timeout: 3600000,
    onProgress: (status) => {
      console.log(`Progress: ${status.completedBatches}/${status.totalBatches}`);
    },
  });
  return finalStatus;
}

// Adaptive polling, with the export
export async function adaptivePolling(
  client: FluentClient,
  job: { id: string },
  batches: readonly unknown[],
  clock: Parameters<typeof pollJobCompletion>[2] & object,
) {
  const interval = getPollingInterval(batches.length);
  await pollJobCompletion(client, job.id, { ...clock, interval }); // changed: the test's clock.
}
