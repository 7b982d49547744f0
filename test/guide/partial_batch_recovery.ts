/**
 * The guide, "Partial Batch Recovery". `changed:` says what differs and why.
 *
 * @module
 */
// deno-lint-ignore-file no-explicit-any -- the guide's own types
// changed: the import path.
import { createClient, type FluentClientConfig, PartialBatchRecovery } from "../../lib/mod.ts";
import type { RecoveryResult } from "../../lib/mod.ts";
import { console, fs, logger } from "./_stage.ts"; // the surroundings of the test

/** What the guide's code takes as given. */
export interface Given {
  readonly config: FluentClientConfig;
  readonly records: any[];
}

/**
 * Partial Batch Recovery Pattern
 */
export async function resilientBatchSync({ config, records }: Given) {
  const client = await createClient({ config });
  const recovery = new PartialBatchRecovery(logger);

  // Step 1: Create job
  const job = await client.createJob({
    name: "Daily Inventory Sync",
    retailerId: "2",
  });

  // Step 2: Process batch with automatic recovery
  const result = await recovery.processBatchWithRecovery(
    records,
    async (batch) => {
      // Your batch processing logic
      return await client.sendBatch(job.id, {
        action: "UPSERT",
        entityType: "INVENTORY",
        entities: batch,
      });
    },
    {
      maxRetries: 3,
      retryOnlyFailed: true, // Only retry failed records
      retryDelayMs: 1000, // Start with 1 second
      retryBatchSize: 100, // Process 100 at a time
      checkpointKey: "inventory-sync-2025-01-24",
    },
  );

  console.log(`✓ Success: ${result.successCount}/${result.totalRecords}`);
  console.log(`✗ Failed: ${result.failedCount} records`);

  if (result.failedCount > 0) {
    console.error("Failed records:", { failedRecords: result.failedRecords }); // changed: a logger's fields are an object.
    console.log(`Checkpoint saved: ${result.checkpointId}`);
  }
}

/** Integration with Batch API */
export async function batchIngestionWithRecovery(records: any[], { config }: Given) {
  const client = await createClient({ config });
  const recovery = new PartialBatchRecovery(logger);

  // Create job
  const job = await client.createJob({
    name: "Inventory Ingestion with Recovery",
    retailerId: "my-retailer",
  });

  // Process with recovery
  const result = await recovery.processBatchWithRecovery(
    records,
    async (batch) => {
      const response = await client.sendBatch(job.id, {
        action: "UPSERT",
        entityType: "INVENTORY",
        entities: batch,
      });

      logger.info("Batch sent", {
        batchId: response.id,
        recordCount: batch.length,
      });

      return response;
    },
    {
      maxRetries: 3,
      retryOnlyFailed: true,
      checkpointKey: `job-${job.id}`,
    },
  );

  // Check job status
  const status = await client.getJobStatus(job.id);

  return {
    jobId: job.id,
    jobStatus: status.status,
    ...result,
  };
}

/** Checkpoint and Resume */
export async function checkpointAndResume(
  recovery: PartialBatchRecovery,
  records: any[],
  processBatch: (batch: any[]) => Promise<unknown>,
) {
  // Process batch and save checkpoint
  const result = await recovery.processBatchWithRecovery(
    records,
    processBatch,
    {
      maxRetries: 3,
      checkpointKey: "daily-inventory-sync",
    },
  );

  if (result.failedCount > 0) {
    console.log(`Checkpoint created: ${result.checkpointId}`);
    console.log(`Failed records saved for later retry`);
  }

  // Later: Resume from checkpoint
  const checkpointId = result.checkpointId;
  const resumeResult = await recovery.resumeFromCheckpoint(
    checkpointId,
    processBatch,
    {
      maxRetries: 5, // More retries on resume
    },
  );

  console.log(`Resume: ${resumeResult.successCount} recovered`);
}

/** Custom Retry Logic */
export async function customRetryLogic(
  recovery: PartialBatchRecovery,
  records: any[],
  processBatch: (batch: any[]) => Promise<unknown>,
) {
  const result = await recovery.processBatchWithRecovery(
    records,
    processBatch,
    {
      maxRetries: 5,
      retryDelayMs: 2000,
      // Custom retry decision
      shouldRetry: (error, attemptCount) => {
        // Don't retry validation errors
        if (error.message.includes("validation")) {
          return false;
        }

        // Don't retry after 3 attempts for rate limits
        if (error.message.includes("rate limit") && attemptCount > 3) {
          return false;
        }

        // Retry all other errors
        return true;
      },
    },
  );
  return result;
}

/** Record Failure Details */
export async function recordFailureDetails(result: RecoveryResult) {
  // Access detailed failure information
  if (result.failedCount > 0) {
    result.failedRecords.forEach((failure) => {
      console.error(`Record ${failure.index} failed:`, {
        record: failure.record,
        error: failure.error.message,
        attempts: failure.attemptCount,
        timestamp: failure.timestamp,
      });
    });

    // Export failures for manual review
    await fs.writeFile(
      "failed-records.json",
      JSON.stringify(result.failedRecords, null, 2),
    );
  }
}
