import { z } from "zod";
import { factsOf, jobBatchesSchema, jobRowsSchema } from "./job_facts.ts";
import { isTerminal, JOB_STATUSES, type JobRecord, RELATIONS, TRIGGERS } from "./job_record.ts";

/** Characters of a message a summary keeps. */
const MESSAGE_CHARS = 240;

/** A job in one line of the history. Times are ISO 8601. */
export const jobSummarySchema = z.object({
  jobId: z.string(),
  status: z.enum(JOB_STATUSES),
  triggeredBy: z.enum(TRIGGERS),
  reference: z.string().optional(),
  parent: z.object({ jobId: z.string(), relation: z.enum(RELATIONS) }).optional(),
  feed: z.string().optional(),
  file: z.object({ key: z.string(), size: z.number() }).optional(),
  stage: z.string().optional(),
  message: z.string().optional(),
  /** Why it failed or is held. */
  code: z.string().optional(),
  dryRun: z.boolean(),
  rows: jobRowsSchema,
  batches: jobBatchesSchema,
  createdAt: z.string(),
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  updatedAt: z.string(),
  expiresAt: z.string().optional(),
});
export type JobSummary = z.output<typeof jobSummarySchema>;

/** A summary as it is kept in the index. */
export const indexEntrySchema = jobSummarySchema.extend({
  v: z.literal(1),
  /** Milliseconds since the epoch at which the entry was written: never before the job was created. */
  writtenAt: z.number(),
});
export type IndexEntry = z.output<typeof indexEntrySchema>;

/** The line of the history for a job. */
export function summaryOf(job: JobRecord): JobSummary {
  const facts = factsOf(job);
  const code = job.errorCode ?? facts.heldBecause?.code;
  return {
    jobId: job.jobId,
    status: job.status,
    triggeredBy: job.triggeredBy,
    ...(job.reference === undefined ? {} : { reference: job.reference }),
    ...(job.parent === undefined ? {} : { parent: job.parent }),
    ...(facts.feed === undefined ? {} : { feed: facts.feed }),
    ...(facts.file === undefined ? {} : { file: { key: facts.file.key, size: facts.file.size } }),
    ...(job.stage === undefined ? {} : { stage: job.stage }),
    ...(job.message === undefined ? {} : { message: cut(job.message) }),
    ...(code === undefined ? {} : { code }),
    dryRun: facts.dryRun,
    rows: facts.rows,
    batches: facts.batches,
    createdAt: job.createdAt,
    ...(job.startedAt === undefined ? {} : { startedAt: job.startedAt }),
    ...(isTerminal(job.status) && job.completedAt !== undefined ? { endedAt: job.completedAt } : {}),
    updatedAt: job.updatedAt,
    ...(job.expiresAt === undefined ? {} : { expiresAt: job.expiresAt }),
  };
}

function cut(text: string): string {
  return text.length > MESSAGE_CHARS ? `${text.slice(0, MESSAGE_CHARS - 1)}…` : text;
}

/** The UTC day of a time, as `2026-01-31`. */
export function dayOf(iso: string): string {
  return iso.slice(0, 10);
}
