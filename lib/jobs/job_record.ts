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

/** How one job came of another. */
export const RELATIONS = ["replay", "replay-failed"] as const;
export type Relation = typeof RELATIONS[number];

const relativeSchema = z.object({ jobId: z.string(), relation: z.enum(RELATIONS) });

/** A change of a job's status or stage: what a timeline is drawn from. */
export const jobEventSchema = z.object({
  /** ISO 8601. */
  at: z.string(),
  status: z.enum(JOB_STATUSES),
  stage: z.string().optional(),
  message: z.string().optional(),
});
export type JobEvent = z.output<typeof jobEventSchema>;

/** One job as it is kept. Times are ISO 8601. */
export const jobRecordSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  status: z.enum(JOB_STATUSES),
  triggeredBy: z.enum(TRIGGERS),
  /** What the caller calls this job: a ticket, a key of his own. */
  reference: z.string().optional(),
  /** The job this one repeats, in whole or in part. */
  parent: relativeSchema.optional(),
  /** The jobs that repeat this one. */
  children: z.array(relativeSchema).optional(),
  /** Changes of status and stage, oldest first; from the middle of a very long life some are left out. */
  events: z.array(jobEventSchema).optional(),
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
