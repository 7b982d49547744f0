import { factsOf, fileNameOf, isTerminal, type JobFacts, type JobRecord } from "../../lib/jobs/mod.ts";
import type { IngestResult } from "../../lib/report/mod.ts";

/** One job as a person watches it. */
export interface JobView {
  readonly job: JobRecord;
  readonly facts: JobFacts;
  /** The file's name without its folders. */
  readonly name: string;
}

export function viewOf(job: JobRecord): JobView {
  const facts = factsOf(job);
  return { job, facts, name: facts.file ? fileNameOf(facts.file.key) : job.jobId };
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
    ...(facts.movedTo ? { movedTo: facts.movedTo } : {}),
    reports: facts.reports ?? { summary: null, rejectsCsv: null, rejectsJsonl: null },
    durationMs: end - Date.parse(job.createdAt),
  };
}
