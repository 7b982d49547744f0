import { z } from "zod";
import type { FluentJobBatch } from "./types.ts";

/** An id on the wire, as text: Fluent's samples show both numbers and texts. */
const id = z.union([
  z.string().regex(/^[A-Za-z0-9_-]{1,200}$/, "is not an id"),
  z.int("is not an id").nonnegative("is not an id").transform(String),
], "is not an id");
/** A number, or its digits as text. */
const count = z.union([
  z.int("is not a whole number").nonnegative("is not a whole number"),
  z.string().regex(/^\d{1,9}$/, "is not a whole number").transform(Number),
], "is not a whole number");
const text = z.union([z.string(), z.number().transform(String)], "is not a text");
const status = z.string("is not a text").min(1, "is blank");

/** Absent, null or there: Fluent leaves open which of the first two it uses. */
function maybe<T>(schema: z.ZodType<T>) {
  return schema.nullish().transform((value): T | undefined => value ?? undefined);
}

/** The id under its documented name or as `id`; an answer without either is refused. */
function eitherId(
  name: "jobId" | "batchId",
  named: string | undefined,
  plain: string | undefined,
  context: z.RefinementCtx,
) {
  const found = named ?? plain;
  if (found !== undefined) return found;
  context.addIssue({ code: "custom", path: [name], message: "is not an id" });
  return z.NEVER;
}

/** Answer of `POST /api/v4.1/job` and of `POST …/batch`: the new id. */
export const createdAnswer = z.object({ id }).transform((answer) => answer.id);

const listedBatch = z.union([
  id.transform((batchId) => ({ batchId, status: undefined })),
  z.object({ batchId: maybe(id), id: maybe(id), status: maybe(z.string()) }).transform((batch, context) => ({
    batchId: eitherId("batchId", batch.batchId, batch.id, context),
    status: batch.status,
  })),
], "is not a batch with an id");

/** Answer of `GET /api/v4.1/job/{jobId}`; `batches` is undefined unless every one of them can be read. */
export const jobAnswer = z.object({
  jobId: maybe(id),
  id: maybe(id),
  status,
  batches: z.unknown().optional(),
}).transform(({ jobId, id, status, batches }, context) => ({
  jobId: eitherId("jobId", jobId, id, context),
  status,
  hasBatches: batches !== undefined && batches !== null,
  batches: readBatches(batches),
}));

/** Each batch once: in the place it is first named, as it is last described. */
function readBatches(list: unknown): FluentJobBatch[] | undefined {
  const read = z.array(listedBatch).safeParse(list);
  if (!read.success) return undefined;
  const batches = new Map(read.data.map(({ batchId, status }) => [batchId, status]));
  return [...batches].map(([batchId, status]) => status === undefined ? { batchId } : { batchId, status });
}

const rowResult = z.object({
  entityId: maybe(text),
  entityRef: maybe(text),
  responseCode: count,
  message: maybe(text),
}).transform(({ entityId, entityRef, responseCode, message }) => ({
  ...(entityId === undefined ? {} : { entityId }),
  ...(entityRef === undefined ? {} : { entityRef }),
  responseCode,
  ...(message === undefined ? {} : { message }),
}));

/** Answer of `GET /api/v4.1/job/{jobId}/batch/{batchId}`. */
export const batchAnswer = z.object({
  batchId: maybe(id),
  id: maybe(id),
  jobId: maybe(id),
  status,
  start: maybe(count),
  count: maybe(count),
  total: maybe(count),
  results: maybe(z.array(rowResult, "is not a list of results")),
}).transform(({ batchId, id, ...batch }, context) => ({
  ...batch,
  batchId: eitherId("batchId", batchId, id, context),
}));

/** Answer of `POST /graphql`. */
export const graphqlAnswer = z.object({ data: z.unknown().optional(), errors: maybe(z.array(z.unknown())) });
