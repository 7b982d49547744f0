import { z } from "zod";
import type { ManifestBatch } from "./manifest.ts";
import type { BatchRow } from "./batch_reader.ts";
import type { Work } from "./work.ts";

/** The code of a row Fluent gave no answer for: it may or may not have landed. */
export const NO_ANSWER = "fluent-no-answer";

/** A row that was sent and that Fluent did not take, or gave no answer for. */
export const failedRowSchema = z.object({
  line: z.number().int(),
  endLine: z.number().int(),
  /**
   * `fluent-404` and the like for a row's own answer, `fluent-batch-refused` when its whole batch was refused,
   * `fluent-no-answer` when there was none.
   */
  code: z.string(),
  message: z.string(),
  raw: z.string(),
  batch: z.number().int(),
  batchId: z.string().optional(),
  /** Location and SKU; absent in parts written before it was kept. */
  key: z.string().optional(),
});
export type FailedRow = z.output<typeof failedRowSchema>;

/** Where a job's failed rows of one batch are kept until the report is written. */
export function failedRowsPrefix(workPrefix: string, jobId: string): string {
  return `${workPrefix}${jobId}/failed/`;
}

function keyOf({ entity, key }: BatchRow): string {
  const { locationRef, skuRef } = entity;
  return locationRef === undefined || skuRef === undefined ? key : `${locationRef}:${skuRef}`;
}

/** Keeps the failed rows of one batch, or of the rows of it from `from` on. Doing it again gives the same object. */
export async function writeFailedRows(
  work: Work,
  unit: { readonly index: number; readonly from?: number | undefined },
  bytes: Uint8Array,
  batch: ManifestBatch,
  failures: readonly { row: BatchRow; code: string; message: string }[],
  batchId?: string,
): Promise<void> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const lines = failures.map(({ row, code, message }): FailedRow => {
    const from = row.offset - batch[0];
    const raw = decoder.decode(bytes.subarray(from, from + row.length)).replace(/\r?\n$|\r$/, "");
    return {
      line: row.line,
      endLine: row.endLine,
      code,
      message,
      raw,
      batch: unit.index,
      ...(batchId ? { batchId } : {}),
      key: keyOf(row),
    };
  });
  const part = unit.from === undefined ? "" : `-${String(unit.from).padStart(4, "0")}`;
  await work.ports.store.uploadFile(
    failedRowsPrefix(work.settings.s3WorkPrefix, work.request.jobId) +
      `${String(unit.index).padStart(6, "0")}${part}.jsonl`,
    lines.map((line) => JSON.stringify(line) + "\n").join(""),
    { contentType: "application/x-ndjson", ...work.signal },
  );
}
