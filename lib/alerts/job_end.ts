import { z } from "zod";
import type { JobRecord } from "../jobs/mod.ts";
import type { JobEnd, JobEndStatus } from "./feed_event.ts";

const ENDS: readonly string[] = ["completed", "completed_with_errors", "failed", "held", "cancelled"];

/** What alerts need of a job's details; each part is there only once the job has come so far. */
const detailsSchema = z.object({
  dryRun: z.boolean().default(false),
  file: z.object({ key: z.string() }).optional(),
  rows: z.object({ read: z.number(), rejected: z.number(), failed: z.number() })
    .default({ read: 0, rejected: 0, failed: 0 }),
  heldBecause: z.object({ code: z.string(), message: z.string() }).nullish(),
});

/** How a job ended; undefined while it goes on, and for a dry run, which changes nothing. */
export function jobEndOf(job: JobRecord): JobEnd | undefined {
  if (!isEnd(job.status)) return undefined;
  const details = detailsSchema.parse(job.details);
  if (details.dryRun) return undefined;
  const { heldBecause, rows } = details;
  const reason = job.status === "failed"
    ? { code: job.errorCode ?? "unexpected", message: job.error ?? "the job failed" }
    : job.status === "held" && heldBecause
    ? { code: heldBecause.code, message: heldBecause.message }
    : undefined;
  return {
    jobId: job.jobId,
    status: job.status,
    file: details.file?.key ?? "",
    endedAt: job.completedAt ?? job.updatedAt,
    rows,
    reason,
  };
}

function isEnd(status: string): status is JobEndStatus {
  return ENDS.includes(status);
}
