import { z } from "zod";
import { isGlob } from "../lib/base/mod.ts";
import { explanationSchema } from "../lib/explain/mod.ts";
import { batchPayloadSchema, JOB_ACTIONS, jobRowSchema, ROW_OUTCOMES } from "../lib/ingest/mod.ts";
import {
  historyQuerySchema,
  JOB_STATUSES,
  jobDocumentSchema,
  jobRowsSchema,
  type JobStatus,
  jobSummarySchema,
  MAX_PAGE,
} from "../lib/jobs/mod.ts";

/** A number in a URL. */
const numeral = z.string().regex(/^\d{1,6}$/, "expected a whole number").transform(Number);
/** `true` or `false`, in a URL or in a body. */
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);
const jobId = z.string().min(1).max(128).describe("A job's id.");
const reference = z.string().min(1).max(200).describe(
  "What the caller calls the job: a ticket, a key of his own.",
);
const feed = z.string().min(1).max(64).describe("A feed's name.");
const count = z.number().int().nonnegative();

// ---- what is asked

export const jobStatusRequest = z.strictObject({ jobId });

export const jobHistoryRequest = z.strictObject({
  status: z.string().max(200).transform((text) => text.split(",")).pipe(
    z.array(z.enum(JOB_STATUSES)).max(JOB_STATUSES.length),
  ).describe("One status, or several separated by commas.").optional(),
  feed: historyQuerySchema.shape.feed,
  trigger: historyQuerySchema.shape.trigger,
  fileName: historyQuerySchema.shape.fileName.describe("The file's name, or its whole key."),
  text: historyQuerySchema.shape.text.describe("Part of the job's id, file, message, code or reference."),
  from: z.string().max(40).describe("Created at or after this moment or UTC day (ISO 8601).").optional(),
  to: z.string().max(40).describe("Created before this moment or UTC day (ISO 8601).").optional(),
  day: z.string().max(10).describe("Created on this UTC day, such as 2026-01-31.").optional(),
  limit: numeral.pipe(z.number().int().min(1).max(MAX_PAGE)).describe(
    `Jobs per page, 1 to ${MAX_PAGE}; default 50.`,
  )
    .optional(),
  cursor: z.string().min(1).max(16_384).describe("nextCursor of the page before.").optional(),
});

export const jobCountsRequest = z.strictObject({
  counts: z.literal("day").describe(
    "Counts by day and status from `from` to `to`, both included, instead of jobs.",
  ),
  from: z.iso.date().describe("First UTC day; default six days before `to`.").optional(),
  to: z.iso.date().describe("Last UTC day; default today.").optional(),
});

export const jobRowsRequest = z.strictObject({
  jobId,
  outcome: z.enum(ROW_OUTCOMES).describe("Only these rows.").optional(),
  text: z.string().min(1).max(200).describe("Part of the row's text, code or message.").optional(),
  limit: numeral.pipe(z.number().int().min(1).max(1_000)).describe("Rows per page, 1 to 1,000; default 100.")
    .optional(),
  cursor: z.string().min(1).max(1_024).describe("nextCursor of the page before.").optional(),
});

export const jobPayloadRequest = z.strictObject({
  jobId,
  batch: numeral.pipe(z.number().int().min(0)).describe("The batch's number in the reports, from 0."),
});

export const jobExplainRequest = z.strictObject({
  sku: z.string().min(1).max(200).describe("The SKU, as Fluent knows it."),
  location: z.string().min(1).max(200).describe("The location, as Fluent knows it."),
  at: z.iso.datetime({ offset: true }).transform((time) => new Date(time).toISOString())
    .describe("Only what was delivered by then counts (ISO 8601); default now.").optional(),
  feed: feed.describe("Files of this feed only.").optional(),
});

export const jobActionsRequest = z.strictObject({
  jobId,
  action: z.enum(JOB_ACTIONS).describe(
    "replay: the whole file as a new job. replay-failed: the rows Fluent refused or gave no answer for as a new job. " +
      "release: let a held file pass. cancel: stop a job.",
  ),
  reason: z.string().min(1).max(500).describe("For the record.").optional(),
  reference: reference.optional(),
});

export const inventoryAdhocRequest = z.strictObject({
  feed: feed.describe("Files of this feed only. Default: the one key or prefix lies in, or all.").optional(),
  key: z.string().min(1).max(1_024).describe("Exactly this object.").optional(),
  prefix: z.string().max(1_024).describe("Files below this prefix instead of s3Prefix.").optional(),
  pattern: z.string().min(1).max(200).refine(isGlob, "has too many alternatives")
    .describe("Files whose name matches this glob instead of filePattern.")
    .optional(),
  maxFiles: z.number().int().min(0).describe("At most this many files; 0 = all.").optional(),
  force: z.union([z.boolean(), z.string().min(1).max(500)])
    .describe("Take files that were ingested or held before, and let guards pass: the reason.").optional(),
  dryRun: z.boolean().describe("Inspect only: nothing is sent.").optional(),
  reference: reference.optional(),
  trigger: z.enum(["webhook", "manual"]).describe("manual: a person asked, by a command.").optional(),
});

export const inventoryPayloadRequest = z.strictObject({
  feed: feed.describe("The feed the rows belong to. Default: the first.").optional(),
  reference: reference.optional(),
  dryRun: flag.describe("Inspect only: nothing is sent.").optional(),
  force: flag.describe("Let guards pass.").optional(),
});

// ---- what is answered

export const problemSchema = z.object({
  type: z.string(),
  status: z.number().int(),
  code: z.string().describe("A stable word for what went wrong."),
  title: z.string(),
  detail: z.string().describe("What was wanted and what was found."),
}).describe("Problem details (RFC 9457).");

/** What the platform itself answers, before the connector is asked. */
export const platformRefusalSchema = z.object({ message: z.string().optional() })
  .describe("A refusal of the platform.");

export const jobHistoryAnswer = z.object({
  jobs: z.array(jobSummarySchema).describe(
    "Newest first. May be fewer than asked for although there are more.",
  ),
  nextCursor: z.string().optional(),
  complete: z.boolean().describe("False while jobs of an older version are still being indexed."),
});

export const jobCountsAnswer = z.object({
  days: z.array(z.object({
    day: z.string(),
    jobs: count,
    byStatus: z.object(
      Object.fromEntries(JOB_STATUSES.map((status) => [status, count])) as Record<JobStatus, typeof count>,
    ),
    rows: jobRowsSchema,
  })).describe("Newest day first."),
});

export const jobRowsAnswer = z.object({
  rows: z.array(jobRowSchema).describe(
    "Rejected rows, then failed and unconfirmed ones, in the file's order.",
  ),
  nextCursor: z.string().optional(),
  complete: z.boolean().describe("False while the job has no report yet."),
});

export const jobActionsAnswer = z.object({
  jobId: z.string().describe("The job that does it: a new one for a replay."),
  action: z.enum(JOB_ACTIONS),
  parentJobId: z.string().optional(),
  decision: z.enum(["accepted", "already"]).describe(
    "already: it was asked before, and this job answers for it.",
  ),
  rows: z.object({
    failed: count.describe("Rows Fluent refused, which are sent again."),
    unconfirmed: count.describe("Rows Fluent gave no answer for, which are sent again."),
    leftOut: count.describe("Rows without an answer that its report, of an earlier version, does not name."),
  }).describe("Of replay-failed only.").optional(),
});

const discovered = z.object({
  feed: z.string().optional(),
  key: z.string(),
  jobId: z.string(),
  decision: z.enum(["started", "resumed", "running", "ingested", "held", "arriving"]),
  because: z.string().describe("Of what is arriving: what it waits for.").optional(),
});

export const inventoryAdhocAnswer = z.object({
  files: z.array(discovered),
  complete: z.boolean().describe(
    "False when there was not the time, or maxFiles did not allow, to take all of them.",
  ),
  continues: z.boolean().describe(
    "Whether a durable run goes on with the rest, which is then not listed here.",
  ),
});
export const inventoryPayloadAnswer = discovered;
export const jobPayloadAnswer = z.object({ jobId: z.string(), requests: z.array(batchPayloadSchema) });
export const jobStatusAnswer = jobDocumentSchema;
export const jobExplainAnswer = explanationSchema;
