import { z } from "zod";
import type { JobRecord } from "./job_record.ts";

const count = z.number().default(0);

/** What became of a job's rows, as far as it is known: every row is in exactly one place. */
export const jobRowsSchema = z.object({
  read: count,
  sendable: count,
  rejected: count,
  superseded: count,
  unchanged: count,
  confirmed: count,
  failed: count,
  unconfirmed: count,
});
export type JobRows = z.output<typeof jobRowsSchema>;

const NO_ROWS: JobRows = jobRowsSchema.parse({});

export const jobBatchesSchema = z.object({ total: count, sent: count, resent: count });

/** The facts a run keeps in its job's details, as far as they are known yet. */
export const jobFactsSchema = z.object({
  file: z.object({
    bucket: z.string().optional(),
    key: z.string(),
    size: count,
    etag: z.string().default(""),
    lastModified: z.string().optional(),
    time: z.string().optional(),
    sha256: z.string().nullable().default(null),
  }).optional(),
  feed: z.string().optional(),
  dryRun: z.boolean().default(false),
  rows: jobRowsSchema.default(NO_ROWS),
  batches: jobBatchesSchema.default({ total: 0, sent: 0, resent: 0 }),
  fluentJobs: z.array(z.string()).default([]),
  /** Slices that were stopped by a failure which passed. */
  retries: count,
  /** How a file made by the connector is taken. */
  as: z.object({ name: z.string(), encoding: z.string().optional(), delimiter: z.string().optional() })
    .optional(),
  mapping: z.object({ name: z.string(), version: z.string() }).optional(),
  heldBecause: z.object({ code: z.string(), message: z.string(), forcible: z.boolean().optional() })
    .nullish(),
  forced: z.object({ by: z.string(), reason: z.string() }).optional(),
  reports: z.object({
    summary: z.string(),
    rejectsCsv: z.string(),
    rejectsJsonl: z.string(),
    failedCsv: z.string().optional(),
    failedJsonl: z.string().optional(),
  }).optional(),
  archivedAs: z.string().optional(),
  /** Where a held or failed job's file was moved to. */
  movedTo: z.string().nullish(),
  /** Milliseconds worked on each stage. */
  spent: z.record(z.string(), z.number()).default({}),
});
export type JobFacts = z.output<typeof jobFactsSchema>;

/** The facts of a job's details; what an older version wrote differently counts as not known. */
export function factsOf(job: Pick<JobRecord, "details">): JobFacts {
  const whole = jobFactsSchema.safeParse(job.details);
  if (whole.success) return whole.data;
  const known = Object.entries(jobFactsSchema.shape).flatMap(([name, schema]) => {
    const value = job.details[name];
    return schema.safeParse(value).success && value !== undefined ? [[name, value]] : [];
  });
  return jobFactsSchema.parse(Object.fromEntries(known));
}

/** The last part of a key: the file's name. */
export function fileNameOf(key: string): string {
  return key.split("/").at(-1) || key;
}
