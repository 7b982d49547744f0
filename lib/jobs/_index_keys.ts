import { createHash } from "node:crypto";
import { fileNameOf } from "./job_facts.ts";
import type { JobStatus } from "./job_record.ts";
import { dayOf, type JobSummary } from "./job_summary.ts";

/** First segment of everything the index keeps. */
const ROOT = "history";

/** Changes that are being written: what a reader looks at first. */
export const PENDING: readonly string[] = [ROOT, "pending"];
/** What the index knows of itself; it lies among the pending changes so that one list answers both. No job has this id. */
export const STATE_NAME = ".state";
export const STATE: readonly string[] = [...PENDING, STATE_NAME];

export function pendingKey(jobId: string): readonly string[] {
  return [...PENDING, jobId];
}

/** All jobs, or those created on one UTC day. */
export function dayPrefix(day?: string): readonly string[] {
  return [ROOT, "day", ...(day === undefined ? [] : [day])];
}

/** All jobs of one status, or those of them created on one UTC day. */
export function statusPrefix(status: JobStatus, day?: string): readonly string[] {
  return [ROOT, "status", status, ...(day === undefined ? [] : [day])];
}

/** The jobs of all files with one name. Names may be longer than a key, so that their digest stands for them. */
export function filePrefix(fileName: string): readonly string[] {
  return [ROOT, "file", createHash("sha256").update(fileName).digest("hex").slice(0, 24)];
}

/** The keys under which a job is found: by day, by status and day, and by the name of its file. */
export function keysOf(
  job: Pick<JobSummary, "jobId" | "status" | "createdAt" | "file">,
): readonly string[][] {
  const day = dayOf(job.createdAt);
  return [
    [...dayPrefix(day), job.jobId],
    [...statusPrefix(job.status, day), job.jobId],
    ...(job.file ? [[...filePrefix(fileNameOf(job.file.key)), job.jobId]] : []),
  ];
}
