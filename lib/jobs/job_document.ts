import { z } from "zod";
import { factsOf, jobBatchesSchema, jobFactsSchema, jobRowsSchema } from "./job_facts.ts";
import { JOB_STATUSES, jobEventSchema, type JobRecord, RELATIONS, TRIGGERS } from "./job_record.ts";
import { nextStepOf } from "./next_step.ts";
import { stagesOf, timelineOf } from "./timeline.ts";

const relative = z.object({ jobId: z.string(), relation: z.enum(RELATIONS) });

/** A job as it is told to people and programs: everything that is known of it, no stack and no secret. */
export const jobDocumentSchema = z.object({
  jobId: z.string(),
  status: z.enum(JOB_STATUSES),
  stage: z.string().optional(),
  message: z.string().optional(),
  /** Why it failed or is held, in a stable word. */
  code: z.string().optional(),
  /** What to do next. */
  nextStep: z.string().optional(),
  triggeredBy: z.enum(TRIGGERS),
  reference: z.string().optional(),
  parent: relative.optional(),
  children: z.array(relative),
  feed: z.string().optional(),
  dryRun: z.boolean(),
  file: jobFactsSchema.shape.file,
  mapping: jobFactsSchema.shape.mapping,
  rows: jobRowsSchema,
  batches: jobBatchesSchema,
  fluentJobs: z.array(z.string()),
  retries: z.number(),
  reopened: z.number(),
  forced: jobFactsSchema.shape.forced,
  heldBecause: z.object({ code: z.string(), message: z.string(), forcible: z.boolean().optional() })
    .optional(),
  error: z.string().optional(),
  reports: jobFactsSchema.shape.reports,
  archivedAs: z.string().optional(),
  movedTo: z.string().optional(),
  timeline: z.array(jobEventSchema),
  stages: z.array(z.object({
    stage: z.string(),
    startedAt: z.string(),
    endedAt: z.string().optional(),
    durationMs: z.number(),
    workedMs: z.number().optional(),
    rows: z.number().optional(),
    rowsPerSecond: z.number().optional(),
  })),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  updatedAt: z.string(),
  expiresAt: z.string().optional(),
  /** Milliseconds from creation to the end, or to now. */
  durationMs: z.number(),
  /** The facts as the job's run keeps them. */
  details: z.record(z.string(), z.unknown()),
});
export type JobDocument = z.output<typeof jobDocumentSchema>;

/** @param now milliseconds since the epoch */
export function documentOf(job: JobRecord, now: number): JobDocument {
  const facts = factsOf(job);
  const ended = job.completedAt;
  const known: { [name in keyof JobDocument]: JobDocument[name] | undefined } = {
    jobId: job.jobId,
    status: job.status,
    stage: job.stage,
    message: job.message,
    code: job.errorCode ?? facts.heldBecause?.code,
    nextStep: nextStepOf(job),
    triggeredBy: job.triggeredBy,
    reference: job.reference,
    parent: job.parent,
    children: job.children ?? [],
    feed: facts.feed,
    dryRun: facts.dryRun,
    file: facts.file,
    mapping: facts.mapping,
    rows: facts.rows,
    batches: facts.batches,
    fluentJobs: facts.fluentJobs,
    retries: facts.retries,
    reopened: job.reopened,
    forced: facts.forced,
    heldBecause: facts.heldBecause ?? undefined,
    error: job.error,
    reports: facts.reports,
    archivedAs: facts.archivedAs,
    movedTo: facts.movedTo ?? undefined,
    timeline: timelineOf(job),
    stages: stagesOf(job, now),
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    endedAt: ended,
    updatedAt: job.updatedAt,
    expiresAt: job.expiresAt,
    durationMs: Math.max(0, (ended === undefined ? now : Date.parse(ended)) - Date.parse(job.createdAt)),
    details: job.details,
  };
  return jobDocumentSchema.parse(known);
}
