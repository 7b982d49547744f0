import { z } from "zod";
import { isTerminal, type JobRecord } from "../../lib/jobs/mod.ts";
import { NO_ROWS } from "../../lib/ingest/mod.ts";
import type { IngestResult } from "../../lib/report/mod.ts";

const count = z.number().default(0);
const rowsSchema = z.object({
  read: count,
  sendable: count,
  rejected: count,
  superseded: count,
  unchanged: count,
  confirmed: count,
  failed: count,
  unconfirmed: count,
});

/** The facts a run keeps in its job's details, as far as they are known yet. */
const detailsSchema = z.object({
  file: z.object({
    key: z.string(),
    size: count,
    etag: z.string().default(""),
    sha256: z.string().nullable().default(null),
  }).optional(),
  dryRun: z.boolean().default(false),
  rows: rowsSchema.default({ ...NO_ROWS }),
  batches: z.object({ total: count, sent: count, resent: count }).default({ total: 0, sent: 0, resent: 0 }),
  fluentJobs: z.array(z.string()).default([]),
  heldBecause: z.object({ code: z.string(), message: z.string() }).nullish(),
  reports: z.object({ summary: z.string(), rejectsCsv: z.string(), rejectsJsonl: z.string() }).optional(),
  archivedAs: z.string().optional(),
  spent: z.record(z.string(), z.number()).default({}),
});

/** One job as a person watches it. */
export interface JobView {
  readonly job: JobRecord;
  readonly facts: z.output<typeof detailsSchema>;
  /** The file's name without its folders. */
  readonly name: string;
}

export function viewOf(job: JobRecord): JobView {
  const facts = detailsSchema.parse(job.details);
  return { job, facts, name: facts.file?.key.split("/").at(-1) ?? job.jobId };
}

/** Whether nothing more will happen to the job by itself. */
export function isSettled(job: JobRecord): boolean {
  return isTerminal(job.status) || job.stage === "unfinished";
}

/** The job as a result, from what its record knows: lists of rows are in its reports. */
export function resultFromJob({ job, facts }: JobView): IngestResult {
  const end = Date.parse(job.completedAt ?? job.updatedAt);
  return {
    jobId: job.jobId,
    status: job.status,
    message: job.message,
    file: facts.file ?? { key: "", size: 0, etag: "", sha256: null },
    rows: facts.rows,
    batches: facts.batches,
    rejects: [],
    superseded: [],
    failed: [],
    ...(facts.heldBecause ? { heldBecause: facts.heldBecause } : {}),
    ...(facts.dryRun ? { dryRun: true } : {}),
    fluentJobs: facts.fluentJobs,
    ...(facts.archivedAs ? { archivedAs: facts.archivedAs } : {}),
    reports: facts.reports ?? { summary: null, rejectsCsv: null, rejectsJsonl: null },
    durationMs: end - Date.parse(job.createdAt),
  };
}
