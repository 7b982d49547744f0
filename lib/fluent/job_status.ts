import type { FluentErrorSummary, FluentJobStatus, FluentRowResult } from "./types.ts";

/** Where a batch stands: Fluent's words, and what to make of a word it does not document. */
export type BatchProgress = "pending" | "running" | "complete" | "failed";

/** What a finished batch's results come to. */
export interface BatchOutcome {
  readonly records: number;
  /** Rows by response code, the good ones (200) left out. */
  readonly errors: Readonly<Record<string, number>>;
  /** Fluent's words for the first bad row. */
  readonly sample?: string | undefined;
}

/** One batch of a job, as far as is known. */
export interface BatchState {
  readonly id: string;
  readonly progress: BatchProgress;
  /** Rows sent in it, when known. */
  readonly records: number | undefined;
  /** Of complete batches. */
  readonly outcome?: BatchOutcome | undefined;
}

/**
 * What a batch status means. Fluent documents PENDING, RUNNING and COMPLETE ("with or without errors"); a word for
 * failure is not documented but understood, and any other word means that the batch is still under way.
 */
export function progressOf(status: string): BatchProgress {
  switch (status.toUpperCase()) {
    case "COMPLETE":
    case "COMPLETED":
      return "complete";
    case "PENDING":
      return "pending";
    case "FAILED":
    case "ERROR":
    case "REJECTED":
    case "CANCELLED":
      return "failed";
    default:
      return "running";
  }
}

/** Counts the results of a finished batch. */
export function outcomeOf(results: readonly FluentRowResult[]): BatchOutcome {
  const errors: Record<string, number> = {};
  let sample: string | undefined;
  for (const { responseCode, message } of results) {
    if (responseCode === 200) continue;
    errors[responseCode] = (errors[responseCode] ?? 0) + 1;
    sample ??= message;
  }
  return { records: results.length, errors, sample };
}

/**
 * The guide's view of a job, from its batches. Fluent's own job status says only whether the job still takes batches,
 * so it plays no part:
 *
 * - `PENDING`: no batch is known, or none has begun.
 * - `PROCESSING`: at least one batch has begun and at least one is not finished.
 * - `COMPLETED`: every known batch is COMPLETE. Rows Fluent refused are in `errorSummary`.
 * - `FAILED`: every known batch is finished, and either one of them failed as a whole or not a single row was taken.
 *
 * A job that is still being sent to can be COMPLETED now and PROCESSING later.
 */
export function deriveJobStatus(jobId: string, batches: readonly BatchState[]): FluentJobStatus {
  const count = (progress: BatchProgress) => batches.filter((batch) => batch.progress === progress).length;
  const completedBatches = count("complete");
  const failedBatches = count("failed");
  const totalRecords = sum(batches.map((batch) => batch.outcome?.records || batch.records || 0));
  const errorSummary = summarise(batches, totalRecords);
  const rowErrors = errorSummary?.totalErrors ?? 0;
  const finished = completedBatches + failedBatches === batches.length;
  const base = {
    id: jobId,
    totalBatches: batches.length,
    completedBatches,
    totalRecords,
    ...(errorSummary === undefined ? {} : { errorSummary }),
  };
  if (batches.length === 0 || count("pending") === batches.length) return { ...base, status: "PENDING" };
  if (!finished) return { ...base, status: "PROCESSING" };
  const nothingTaken = totalRecords > 0 && rowErrors >= totalRecords;
  return { ...base, status: failedBatches > 0 || nothingTaken ? "FAILED" : "COMPLETED" };
}

function summarise(batches: readonly BatchState[], totalRecords: number): FluentErrorSummary | undefined {
  const errorTypes: Record<string, number> = {};
  let sample: string | undefined;
  for (const { outcome } of batches) {
    for (const [code, rows] of Object.entries(outcome?.errors ?? {})) {
      errorTypes[code] = (errorTypes[code] ?? 0) + rows;
    }
    sample ??= outcome?.sample;
  }
  const failed = batches.filter((batch) => batch.progress === "failed").map((batch) => batch.id);
  const totalErrors = sum(Object.values(errorTypes));
  if (totalErrors === 0 && failed.length === 0) return undefined;
  const said = [];
  if (totalErrors > 0) {
    const byCode = Object.entries(errorTypes).map(([code, rows]) => `${rows} with ${code}`).join(", ");
    said.push(
      `${totalErrors} of ${totalRecords} rows refused: ${byCode}${
        sample === undefined ? "" : ` ('${sample}')`
      }`,
    );
  }
  if (failed.length > 0) {
    said.push(
      `${failed.length} batches failed: ${failed.slice(0, 5).join(", ")}${failed.length > 5 ? ", …" : ""}`,
    );
  }
  return { totalErrors, errorTypes, message: said.join("; ") };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
