import Table from "cli-table3";
import type { Explanation } from "../../lib/explain/mod.ts";
import type { JobRow } from "../../lib/ingest/mod.ts";
import type { JobDocument, JobSummary } from "../../lib/jobs/mod.ts";
import { whole } from "./measure.ts";

/** Control characters of a file must not reach the terminal. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is taken out
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "·");
}

function table(head: string[], right: readonly number[] = []) {
  return new Table({
    head,
    style: { head: [], border: [] },
    colAligns: head.map((_, i) => right.includes(i) ? "right" as const : "left" as const),
  });
}

export function jobsTable(jobs: readonly JobSummary[]): string {
  const rows = table(["created", "status", "file", "job", "read", "confirmed", "rejected", "failed"], [
    4,
    5,
    6,
    7,
  ]);
  for (const { createdAt, status, file, jobId, rows: counts } of jobs) {
    rows.push([
      createdAt.slice(0, 19).replace("T", " "),
      status,
      plain(file?.key.split("/").at(-1) ?? "-"),
      jobId,
      whole(counts.read),
      whole(counts.confirmed),
      whole(counts.rejected),
      whole(counts.failed),
    ]);
  }
  return rows.toString();
}

export function jobText(job: JobDocument): string {
  const { rows, batches } = job;
  const lines = [
    `${job.jobId}  ${job.status}${job.stage && job.status === "processing" ? ` (${job.stage})` : ""}`,
    job.message && `  ${plain(job.message)}`,
    job.nextStep && `  Next: ${job.nextStep}`,
    "",
    job.file && `file       ${plain(job.file.key)}  ${whole(job.file.size)} bytes  etag ${job.file.etag}`,
    job.file?.sha256 && `sha256     ${job.file.sha256}`,
    `trigger    ${job.triggeredBy}${job.reference ? `, ${plain(job.reference)}` : ""}`,
    job.mapping && `mapping    ${job.mapping.name} ${job.mapping.version}`,
    `rows       read ${whole(rows.read)} = sendable ${whole(rows.sendable)} + rejected ${
      whole(rows.rejected)
    } + ` +
    `superseded ${whole(rows.superseded)} + unchanged ${whole(rows.unchanged)}`,
    `           sendable ${whole(rows.sendable)} = confirmed ${whole(rows.confirmed)} + failed ${
      whole(rows.failed)
    } + ` +
    `unconfirmed ${whole(rows.unconfirmed)}`,
    `batches    ${batches.sent} of ${batches.total} sent, ${batches.resent} again; Fluent jobs ${
      job.fluentJobs.join(", ") || "-"
    }`,
    job.parent && `repeats    ${job.parent.jobId} (${job.parent.relation})`,
    ...job.children.map(({ jobId, relation }) => `repeated   ${jobId} (${relation})`),
    job.archivedAs && `archived   ${plain(job.archivedAs)}`,
    job.movedTo && `moved to   ${plain(job.movedTo)}`,
    job.reports && `reports    ${plain(job.reports.summary)}`,
    "",
    ...job.stages.map(({ stage, startedAt, durationMs, rowsPerSecond }) =>
      `${startedAt.slice(0, 19).replace("T", " ")}  ${stage.padEnd(12)} ${(durationMs / 1_000).toFixed(1)} s${
        rowsPerSecond === undefined ? "" : `  ${whole(rowsPerSecond)} rows/s`
      }`
    ),
  ];
  return lines.filter((line) => line !== undefined).join("\n");
}

export function rowsTable(rows: readonly JobRow[]): string {
  const found = table(["line", "outcome", "code", "reason", "row"], [0]);
  for (const { line, outcome, code, message, raw } of rows) {
    found.push([String(line), outcome, code, cut(plain(message), 70), cut(plain(raw), 50)]);
  }
  return found.toString();
}

export function explanationText({ because, appearances, files, gaps, complete }: Explanation): string {
  const found = table(["delivered", "outcome", "file", "line", "made of it", "batch", "why"], [3]);
  for (const { deliveredAt, outcome, file, line, entity, raw, batch, batchId, reason } of appearances) {
    found.push([
      deliveredAt?.slice(0, 19).replace("T", " ") ?? "-",
      outcome,
      plain(file.split("/").at(-1)!),
      String(line),
      cut(plain(entity ? JSON.stringify(entity) : raw), 60),
      batch === undefined ? "-" : `${batch}${batchId ? ` (${batchId})` : ""}`,
      cut(plain(reason ?? ""), 50),
    ]);
  }
  return [
    because,
    ...(appearances.length > 0 ? [found.toString()] : []),
    `${files} files looked into${complete ? "" : ", older ones not: time ran out"}`,
    ...gaps.map(({ jobId, reason }) => `not looked into: ${jobId}: ${plain(reason)}`),
  ].join("\n");
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
