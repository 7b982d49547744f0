import { z } from "zod";
import { isRetailerId } from "./_config.ts";
import { FluentRequestError, type RequestProblem } from "./fluent_api_error.ts";
import type { CreateJobRequest, RetailerId, SendBatchRequest } from "./types.ts";

/** Fluent's limit: records per batch (docs.fluentcommerce.com, Batch API). */
export const MAX_ENTITIES_PER_BATCH = 5_000;
/**
 * Bytes of a request's JSON, by default. Fluent publishes no limit; this is half of what the gateway of its cloud takes
 * (Amazon API Gateway quotas: payload 10 MB).
 */
export const DEFAULT_MAX_REQUEST_BYTES = 5 * 1024 * 1024;
/** Problems kept of one request; the rest is counted. */
const MAX_PROBLEMS = 20;

const text = z.string("must be a non-empty text").refine(
  (value) => value.trim() !== "",
  "must be a non-empty text",
);
const object = z.custom<Record<string, unknown>>(isObject, "must be an object");

const jobRequest = z.strictObject({
  name: text,
  retailerId: z.unknown().optional(),
  meta: object.optional(),
});

/** The envelope only: the rows have their own, cheaper check. */
const batchRequest = z.strictObject({
  action: text,
  entityType: text,
  source: text.optional(),
  event: text.optional(),
  catalogueRef: text.optional(),
  conditions: object.optional(),
  entities: z.custom<readonly unknown[]>(Array.isArray, "must be an array"),
}, "must be an object").superRefine((batch, context) => {
  if (batch.entityType === "INVENTORY" && batch.action !== "UPSERT") {
    context.addIssue({ code: "custom", path: ["action"], message: "must be UPSERT for INVENTORY" });
  }
  const count = batch.entities.length;
  if (count < 1 || count > MAX_ENTITIES_PER_BATCH) {
    context.addIssue({
      code: "custom",
      path: ["entities"],
      message: `must be 1 to ${MAX_ENTITIES_PER_BATCH} rows, found ${count}`,
    });
  }
});

/**
 * The JSON of a new job. Fluent's samples give the retailer as text, so it is sent as text.
 *
 * @throws {FluentRequestError}
 */
export function writeJob(
  request: CreateJobRequest,
  defaultRetailerId: RetailerId | undefined,
  maxBytes: number,
): { json: string; name: string; retailerId: string } {
  const doing = "create a Fluent job";
  const read = jobRequest.safeParse(request);
  if (!read.success) throw new FluentRequestError(doing, problemsOf(read.error));
  const { name, meta } = read.data;
  const retailerId = read.data.retailerId ?? defaultRetailerId;
  if (!isRetailerId(retailerId)) {
    const message = `must be a positive whole number or a non-empty text, found ${found(retailerId)}`;
    throw new FluentRequestError(doing, [{ path: "retailerId", message }]);
  }
  return {
    json: write(doing, { name, retailerId: String(retailerId), meta }, maxBytes),
    name,
    retailerId: String(retailerId),
  };
}

/**
 * The JSON of a batch: always the same bytes for the same request.
 *
 * @throws {FluentRequestError}
 */
export function writeBatch(doing: string, request: SendBatchRequest, maxBytes: number): string {
  const read = batchRequest.safeParse(request);
  if (!read.success) throw new FluentRequestError(doing, problemsOf(read.error));
  const { action, entityType, source, event, catalogueRef, conditions, entities } = read.data;
  checkEntities(doing, entityType, entities);
  return write(doing, { action, entityType, source, event, catalogueRef, conditions, entities }, maxBytes);
}

/** An id that may stand in a path: no slash, dot, query or space can smuggle another endpoint in. */
export function checkId(doing: string, what: "jobId" | "batchId", id: string): string {
  if (typeof id === "string" && /^[A-Za-z0-9_-]{1,200}$/.test(id)) return encodeURIComponent(id);
  const was = typeof id === "string" && id !== "" ? `'${id.replace(/\s+/g, " ").slice(0, 40)}'` : found(id);
  throw new FluentRequestError(doing, [
    { path: what, message: `must be letters, digits, '_' or '-', found ${was}` },
  ]);
}

function checkEntities(doing: string, entityType: string, entities: readonly unknown[]): void {
  const problems: RequestProblem[] = [];
  let count = 0;
  const problem = (index: number, field: string, message: string, value: unknown) => {
    count++;
    if (problems.length >= MAX_PROBLEMS) return;
    const path = `entities[${index}]${field === "" ? "" : `.${field}`}`;
    problems.push({ path, message: `must be ${message}, found ${found(value)}` });
  };
  const inventory = entityType === "INVENTORY";
  for (let index = 0; index < entities.length; index++) {
    const entity = entities[index];
    if (!isObject(entity)) {
      problem(index, "", "an object", entity);
      continue;
    }
    if (!inventory) continue;
    const { locationRef, skuRef, qty, retailerId, correctedQty } = entity;
    if (!isText(locationRef)) problem(index, "locationRef", "a non-empty text", locationRef);
    if (!isText(skuRef)) problem(index, "skuRef", "a non-empty text", skuRef);
    if (!Number.isSafeInteger(qty)) problem(index, "qty", "a whole number", qty);
    if (!isRetailerId(retailerId)) {
      problem(index, "retailerId", "a positive whole number or a non-empty text", retailerId);
    }
    if (correctedQty !== undefined && !Number.isSafeInteger(correctedQty)) {
      problem(index, "correctedQty", "a whole number", correctedQty);
    }
  }
  if (count > 0) throw new FluentRequestError(doing, problems, count);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.trim() !== "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What was found, without saying a cell's text. */
function found(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value.trim() === "" ? "a blank text" : "a text";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function write(doing: string, value: unknown, maxBytes: number): string {
  const json = stringify(doing, value);
  checkSize(doing, json, maxBytes);
  return json;
}

/** @throws {FluentRequestError} when a body is too large */
export function checkSize(doing: string, json: string, maxBytes: number): void {
  // No text has more than three bytes per UTF-16 unit: most need no counting.
  const bytes = json.length * 3 <= maxBytes ? 0 : new TextEncoder().encode(json).length;
  if (bytes <= maxBytes) return;
  throw new FluentRequestError(doing, [
    { path: "the request", message: `must be at most ${maxBytes} bytes of JSON, found ${bytes}` },
  ]);
}

function stringify(doing: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    const why = error instanceof TypeError && /circular|cyclic/i.test(error.message)
      ? "it contains itself"
      : "a value in it has no JSON";
    throw new FluentRequestError(doing, [{
      path: "the request",
      message: `cannot be written as JSON: ${why}`,
    }]);
  }
}

function problemsOf(error: z.ZodError): RequestProblem[] {
  return error.issues.slice(0, MAX_PROBLEMS).map((issue) => {
    if (issue.code === "unrecognized_keys") {
      return { path: issue.keys.slice(0, 5).join(", "), message: "is not a field of this request" };
    }
    return {
      path: issue.path.length === 0 ? "the request" : issue.path.map(String).join("."),
      message: issue.message,
    };
  });
}
