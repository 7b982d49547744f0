import {
  type IngestResult,
  LISTED_ROWS,
  type RejectedRow,
  REJECTS_BOM,
  rejectsHeader,
  rejectsLine,
} from "../report/mod.ts";
import type { JobStatus } from "../jobs/mod.ts";
import { CsvReader } from "../csv/mod.ts";
import { checkBooks } from "./books.ts";
import { failedRows, writeFailedReport } from "./failed_report.ts";
import { type FailedRow, NO_ANSWER } from "./failed_rows.ts";
import type { Manifest } from "./manifest.ts";
import { readLines } from "./read_lines.ts";
import { rejectPartKey } from "./reject_spool.ts";
import type { StepOutcome, Work } from "./work.ts";

type ReportedRow =
  | (RejectedRow & { outcome: "rejected" })
  | (FailedRow & { outcome: "failed" | "unconfirmed" });

/** Closes the books, and writes what became of every row that was not confirmed to the reports prefix. */
export async function report(work: Work): Promise<StepOutcome> {
  const { ports, settings, request } = work;
  checkBooks(work.run.rows);
  const manifest = await work.storedManifest();
  const { failedCsv, failedJsonl, ...always } = reportKeys(
    settings.s3ReportPrefix,
    settings.s3Prefix,
    request,
  );
  const anyFailed = work.run.rows.failed > 0;
  const reports = anyFailed ? { ...always, failedCsv, failedJsonl } : always;
  const listed: Listed = { rejects: [], failed: [] };
  const jsonl = { contentType: "application/x-ndjson", ...work.signal };
  await ports.store.uploadFile(reports.rejectsJsonl, jsonLines(rowsOf(work, manifest, listed)), jsonl);
  const csv = { contentType: "text/csv; charset=utf-8", ...work.signal };
  await ports.store.uploadFile(reports.rejectsCsv, csvLines(manifest, rowsOf(work, manifest)), csv);
  if (anyFailed) await writeFailedReport(work, { failedCsv, failedJsonl });
  await work.save({ reports });
  const status = finalStatus(work);
  const result = await resultOf(work, manifest, listed, status);
  await ports.store.uploadFile(reports.summary, JSON.stringify(result, undefined, 2) + "\n", {
    contentType: "application/json",
    ...work.signal,
  });
  return { kind: "done" };
}

/** How the job ends, once nothing is left to do. */
export function finalStatus(work: Work): JobStatus {
  const { run, request } = work;
  if (run.heldBecause) return "held";
  if (request.dryRun) return "cancelled";
  const { rejected, failed, unconfirmed } = run.rows;
  return rejected + failed + unconfirmed > 0 ? "completed_with_errors" : "completed";
}

/** What a person reads first about how the job ended. */
export function finalMessage(work: Work): string {
  const { run, request } = work;
  if (run.heldBecause) return `Held: ${run.heldBecause.message}`;
  const { sendable, confirmed, rejected, failed, unconfirmed, superseded } = run.rows;
  if (request.dryRun) {
    return `Dry run: ${sendable} rows would be sent, ${rejected} are rejected; nothing was sent`;
  }
  const parts = [`${confirmed} of ${sendable} rows confirmed`];
  if (rejected > 0) parts.push(`${rejected} rejected`);
  if (superseded > 0) parts.push(`${superseded} superseded`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (unconfirmed > 0) parts.push(`${unconfirmed} without an answer`);
  const byBatch = run.confirmedByBatch ?? 0;
  if (byBatch > 0) {
    parts[0] +=
      ` (${
        byBatch === confirmed ? "all" : byBatch
      } as part of their batch: Fluent's pre-processing gives no ` +
      "answer for each row)";
  }
  return parts.join(", ");
}

/** How the confirmed rows were confirmed: each by Fluent's answer for it, as part of their batch, or some so, some so. */
function confirmationOf({ run }: Work): { confirmation?: "row" | "batch" | "mixed" } {
  const byBatch = run.confirmedByBatch ?? 0;
  if (run.rows.confirmed === 0) return {};
  if (byBatch === 0) return { confirmation: "row" };
  return { confirmation: byBatch === run.rows.confirmed ? "batch" : "mixed" };
}

/** Where a job's reports go: beside those of its file, named by the job. */
function reportKeys(reportPrefix: string, inputPrefix: string, { file, as, jobId }: Work["request"]) {
  const { key } = file;
  const relative = as?.name ?? (key.startsWith(inputPrefix) ? key.slice(inputPrefix.length) : key);
  const folder = `${reportPrefix}${relative}/${jobId}/`;
  return {
    summary: `${folder}summary.json`,
    rejectsCsv: `${folder}rejects.csv`,
    rejectsJsonl: `${folder}rejects.jsonl`,
    failedCsv: `${folder}failed.csv`,
    failedJsonl: `${folder}failed.jsonl`,
  };
}

interface Listed {
  readonly rejects: RejectedRow[];
  readonly failed: { line: number; code: string; message: string }[];
}

/** Every rejected row, then every one Fluent refused or did not answer for, from the parts they were kept in. */
async function* rowsOf(work: Work, manifest: Manifest, listed?: Listed): AsyncGenerator<ReportedRow> {
  const { ports, settings, request } = work;
  for (let part = 1; part <= manifest.rejectParts; part++) {
    const key = rejectPartKey(settings.s3WorkPrefix, request.jobId, part);
    for await (const line of readLines(ports.store, key, ports.signal)) {
      const row = JSON.parse(line) as RejectedRow;
      if (listed && listed.rejects.length < LISTED_ROWS) listed.rejects.push(row);
      yield { outcome: "rejected", ...row };
    }
  }
  for await (const row of failedRows(work)) {
    const outcome = row.code === NO_ANSWER ? "unconfirmed" : "failed";
    if (listed && outcome === "failed" && listed.failed.length < LISTED_ROWS) {
      listed.failed.push({ line: row.line, code: row.code, message: row.message });
    }
    yield { outcome, ...row };
  }
}

async function* jsonLines(rows: AsyncIterable<ReportedRow>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const row of rows) yield encoder.encode(JSON.stringify(row) + "\n");
}

/**
 * The original columns, then what was wrong. Corrected, it can be ingested as it is: it is in the file's own dialect, and
 * the added columns have no place in any mapping.
 */
async function* csvLines(manifest: Manifest, rows: AsyncIterable<ReportedRow>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const { header, dialect } = manifest;
  yield encoder.encode(REJECTS_BOM + rejectsHeader(header, dialect));
  for await (const row of rows) {
    yield encoder.encode(rejectsLine(header, { ...row, cells: cellsOf(manifest, row.raw) }, dialect));
  }
}

/** The raw row's cells; undefined when it cannot be cut. */
function cellsOf({ dialect, header }: Manifest, raw: string): readonly string[] | undefined {
  const reader = new CsvReader({ dialect, expectedColumns: header.length });
  const items = [...reader.push(new TextEncoder().encode(raw)), ...reader.end()];
  const only = items.length === 1 ? items[0] : undefined;
  return only?.kind === "record" ? only.cells : undefined;
}

/** The outcome of the job as it will be told. */
async function resultOf(
  work: Work,
  manifest: Manifest,
  listed: Listed,
  status: JobStatus,
): Promise<IngestResult> {
  const { run, request, ports } = work;
  const job = await work.state.tracker.getJob(request.jobId);
  const started = job ? Date.parse(job.createdAt) : ports.clock.now();
  return {
    jobId: request.jobId,
    status,
    message: finalMessage(work),
    file: {
      key: request.file.key,
      size: request.file.size,
      etag: request.file.etag,
      sha256: run.sha256 ?? null,
    },
    rows: run.rows,
    batches: run.batches,
    rejects: listed.rejects,
    superseded: manifest.superseded,
    failed: listed.failed,
    ...(run.heldBecause
      ? { heldBecause: { code: run.heldBecause.code, message: run.heldBecause.message } }
      : {}),
    ...confirmationOf(work),
    ...(request.dryRun ? { dryRun: true } : {}),
    fluentJobs: run.fluentJobs,
    reports: run.reports ?? { summary: null, rejectsCsv: null, rejectsJsonl: null },
    durationMs: ports.clock.now() - started,
  };
}
