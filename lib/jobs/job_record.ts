import { z } from "zod";

/** The states of a job (one file's ingest). */
export const JOB_STATUSES = [
  "queued",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "held",
  "cancelled",
] as const;
export type JobStatus = typeof JOB_STATUSES[number];

/**
 * Where a job may go from each state. A failed or held job is opened again only on purpose (`reopenJob`): by a later
 * trigger that finds the file still there, or by somebody who forces it.
 */
const TRANSITIONS: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  queued: ["queued", "processing", "completed", "completed_with_errors", "failed", "held", "cancelled"],
  processing: ["processing", "completed", "completed_with_errors", "failed", "held", "cancelled"],
  completed: [],
  completed_with_errors: [],
  failed: [],
  held: [],
  cancelled: [],
};

/** Whether a job may go from one state to another. */
export function mayBecome(from: JobStatus, to: JobStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Whether a job in this state is over. */
export function isTerminal(status: JobStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** What set a job off. */
export const TRIGGERS = ["schedule", "webhook", "manual"] as const;
export type Trigger = typeof TRIGGERS[number];

/** One job as it is kept. Times are ISO 8601. */
export const jobRecordSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  status: z.enum(JOB_STATUSES),
  triggeredBy: z.enum(TRIGGERS),
  stage: z.string().optional(),
  message: z.string().optional(),
  /** Facts about the job, merged by every update. */
  details: z.record(z.string(), z.unknown()),
  createdAt: z.string(),
  updatedAt: z.string(),
  startedAt: z.string().optional(),
  completedAt: z.string().optional(),
  failedAt: z.string().optional(),
  error: z.string().optional(),
  errorCode: z.string().optional(),
  errorStack: z.string().optional(),
  /** How often the job was opened again after it had failed or been held. */
  reopened: z.number().int().nonnegative().default(0),
  /** From then on the job is no longer known; absent: never. */
  expiresAt: z.string().optional(),
});
export type JobRecord = z.output<typeof jobRecordSchema>;
