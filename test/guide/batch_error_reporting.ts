/**
 * The guide, "Batch API Error Reporting". `changed:` says what differs and why.
 *
 * @module
 */
import type { FluentClient, S3DataSource } from "../../lib/mod.ts"; // changed: the import path.
import { console } from "./_stage.ts"; // the surroundings of the test

export async function reportErrors(client: FluentClient, s3: S3DataSource, job: { id: string }) {
  // After job completes, check for errors
  const status = await client.getJobStatus(job.id);

  if (status.errorSummary && status.errorSummary.totalErrors > 0) {
    console.warn(`Job completed with ${status.errorSummary.totalErrors} errors`);

    // Get error details
    // changed: Fluent's GraphQL has no job{batches{errors}} (API 1). The same facts come from the Batch API: the batches
    // of the job, and the result of each row.
    const { batches = [] } = await client.getJob(job.id);
    const errorDetails = [];
    for (const { batchId } of batches) {
      const results = await client.getBatchResults(job.id, batchId);
      const errors = results.filter(({ responseCode }) => responseCode !== 200).map((result) => ({
        recordRef: result.entityRef,
        errorType: String(result.responseCode),
        errorMessage: result.message,
      }));
      if (errors.length > 0) errorDetails.push({ id: batchId, errors });
    }

    // Write error report
    await s3.uploadFile(
      "inventory/errors/batch-errors.json",
      JSON.stringify(errorDetails, null, 2),
    );
  }
}
