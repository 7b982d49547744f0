import { csvLine, neutralised } from "../report/mod.ts";
import { type FailedRow, failedRowSchema, failedRowsPrefix, NO_ANSWER } from "./failed_rows.ts";
import { readLines } from "./read_lines.ts";
import type { Work } from "./work.ts";

/** Where the report of failed rows goes, beside the rejects. */
export interface FailedReportKeys {
  readonly failedCsv: string;
  readonly failedJsonl: string;
}

const COLUMNS = ["line", "end_line", "key", "response_code", "code", "message", "batch", "batch_id", "raw"];

/** Every failed row, and every one without an answer, from the parts they were kept in, batch by batch. */
export async function* failedRows(work: Work): AsyncGenerator<FailedRow> {
  if (work.run.rows.failed + work.run.rows.unconfirmed === 0) return;
  const prefix = failedRowsPrefix(work.settings.s3WorkPrefix, work.request.jobId);
  for await (const object of work.ports.store.listObjects({ prefix, ...work.signal })) {
    for await (const line of readLines(work.ports.store, object.key, work.ports.signal)) {
      yield failedRowSchema.parse(JSON.parse(line));
    }
  }
}

/** Writes what Fluent said of each row it did not take, as JSON lines and as CSV. */
export async function writeFailedReport(work: Work, keys: FailedReportKeys): Promise<void> {
  const { store } = work.ports;
  const jsonl = { contentType: "application/x-ndjson", ...work.signal };
  await store.uploadFile(keys.failedJsonl, encoded(work, (row) => JSON.stringify(shown(row)) + "\n"), jsonl);
  const csv = { contentType: "text/csv; charset=utf-8", ...work.signal };
  await store.uploadFile(keys.failedCsv, encoded(work, csvOf, csvLine(COLUMNS)), csv);
}

/** Fluent's response code of a row, or the HTTP status its batch was refused with; null when it never left. */
function shown(row: FailedRow) {
  const { line, endLine, key, code, message, batch, batchId, raw } = row;
  const responseCode = /^fluent-(\d{3})$/.exec(code)?.[1];
  return {
    line,
    endLine,
    key: key ?? null,
    responseCode: responseCode === undefined ? null : Number(responseCode),
    code,
    message,
    batch,
    batchId: batchId ?? null,
    raw,
  };
}

function csvOf(row: FailedRow): string {
  const { line, endLine, key, responseCode, code, message, batch, batchId, raw } = shown(row);
  const cells = [line, endLine, key ?? "", responseCode ?? "", code, message, batch, batchId ?? "", raw];
  return csvLine(cells.map((cell) => typeof cell === "number" ? String(cell) : neutralised(cell)));
}

async function* encoded(
  work: Work,
  format: (row: FailedRow) => string,
  head = "",
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  if (head !== "") yield encoder.encode(head);
  for await (const row of failedRows(work)) if (row.code !== NO_ANSWER) yield encoder.encode(format(row));
}
