import { z } from "zod";
import * as api from "./_api.ts";

interface Operation {
  readonly method: "get" | "post";
  readonly summary: string;
  /** Parameters of the URL: one schema, or several of which one holds. */
  readonly query?: z.ZodObject | readonly z.ZodObject[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  /** Content types of a body that is no JSON object, with what it is. */
  readonly rawBody?: Readonly<Record<string, object>>;
  readonly status: number;
  readonly answer: z.ZodType;
  /** Statuses of refusals beside those every webhook has. */
  readonly refusals: readonly number[];
}

const IDEMPOTENCY = { "Idempotency-Key": "A name for this request: the same again is the same job." };
const TEXT_ROW = { type: "object", additionalProperties: { type: ["string", "number", "boolean", "null"] } };

const OPERATIONS: Readonly<Record<string, readonly Operation[]>> = {
  "inventory-adhoc": [{
    method: "post",
    summary: "Takes waiting files now, all or by key, prefix or pattern.",
    body: api.inventoryAdhocRequest,
    status: 202,
    answer: api.inventoryAdhocAnswer,
    refusals: [404],
  }],
  "inventory-payload": [{
    method: "post",
    summary: "Takes rows in the body as if they were a file.",
    query: api.inventoryPayloadRequest,
    headers: IDEMPOTENCY,
    rawBody: {
      "application/json": { type: "array", items: TEXT_ROW },
      "application/x-ndjson": { type: "string" },
      "text/csv": { type: "string" },
    },
    status: 202,
    answer: api.inventoryPayloadAnswer,
    refusals: [404, 413, 415, 422],
  }],
  "job-status": [{
    method: "get",
    summary: "One job, as it is now.",
    query: api.jobStatusRequest,
    status: 200,
    answer: api.jobStatusAnswer,
    refusals: [404],
  }, {
    method: "post",
    summary: "One job, as it is now.",
    body: api.jobStatusRequest,
    status: 200,
    answer: api.jobStatusAnswer,
    refusals: [404],
  }],
  "job-history": [{
    method: "get",
    summary: "Jobs by what is asked of them, newest first; or, with counts=day, how many there were.",
    query: [api.jobHistoryRequest, api.jobCountsRequest],
    status: 200,
    answer: z.union([api.jobHistoryAnswer, api.jobCountsAnswer]),
    refusals: [],
  }],
  "job-rows": [{
    method: "get",
    summary: "The rejected and failed rows of a job.",
    query: api.jobRowsRequest,
    status: 200,
    answer: api.jobRowsAnswer,
    refusals: [404, 409],
  }],
  "job-actions": [{
    method: "post",
    summary: "Replays, releases or cancels a job.",
    headers: IDEMPOTENCY,
    body: api.jobActionsRequest,
    status: 202,
    answer: api.jobActionsAnswer,
    refusals: [404, 409],
  }],
  "job-explain": [{
    method: "get",
    summary: "Why Fluent has the figure it has for one SKU at one location.",
    query: api.jobExplainRequest,
    status: 200,
    answer: api.jobExplainAnswer,
    refusals: [404],
  }],
  "job-payload": [{
    method: "get",
    summary: "What was sent for one batch of a job, byte for byte.",
    query: api.jobPayloadRequest,
    status: 200,
    answer: api.jobPayloadAnswer,
    refusals: [404, 409],
  }],
  "api-docs": [{
    method: "get",
    summary: "This document.",
    status: 200,
    answer: z.object({ openapi: z.string() }).loose(),
    refusals: [],
  }],
};

const TITLES: Readonly<Record<number, string>> = {
  400: "The request is not understood",
  401: "No credential",
  403: "A wrong credential",
  404: "Nothing of that name",
  409: "Not possible in the state the job is in",
  413: "The body is too large",
  415: "The content type is not one of those taken",
  422: "The Idempotency-Key was used for another payload",
  500: "Not possible as configured, or unexpected",
  503: "Try again later",
};

/** The OpenAPI 3.1 document of the webhooks. */
export function openApiDocument(): Record<string, unknown> {
  const paths = Object.fromEntries(
    Object.entries(OPERATIONS).map(([id, operations]) => [
      `/${id}`,
      Object.fromEntries(operations.map((operation) => [operation.method, operationOf(id, operation)])),
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "Fluent inventory connector",
      version: "1",
      description: "Ingest inventory files, and ask and act on the history of their jobs.",
    },
    servers: [{ url: "/" }],
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: { apiKey: { type: "apiKey", in: "header", name: "x-api-key" } },
      schemas: {
        Problem: json(api.problemSchema),
        PlatformRefusal: json(api.platformRefusalSchema),
      },
    },
  };
}

function operationOf(id: string, operation: Operation) {
  const { method, summary, body, rawBody, status, answer, refusals } = operation;
  const content = rawBody
    ? Object.fromEntries(Object.entries(rawBody).map(([type, schema]) => [type, { schema }]))
    : body && { "application/json": { schema: json(body, "input") } };
  return {
    operationId: `${method}-${id}`,
    summary,
    parameters: parametersOf(operation),
    ...(content ? { requestBody: { content, required: rawBody !== undefined } } : {}),
    responses: {
      [status]: {
        description: "Done or accepted",
        content: { "application/json": { schema: json(answer) } },
      },
      ...Object.fromEntries(
        [400, 401, 403, ...refusals, 500, 503].map((refusal) => [refusal, refusalOf(refusal)]),
      ),
    },
  };
}

function parametersOf({ query, headers }: Operation): object[] {
  const schemas: readonly z.ZodObject[] = query === undefined
    ? []
    : query instanceof z.ZodObject
    ? [query]
    : query;
  const parameters = new Map<string, object>();
  for (const schema of schemas) {
    const { properties = {}, required = [] } = json(schema, "input") as {
      properties?: Record<string, { description?: string }>;
      required?: string[];
    };
    for (const [name, { description, ...property }] of Object.entries(properties)) {
      if (parameters.has(name)) continue;
      parameters.set(name, {
        name,
        in: "query",
        required: schemas.length === 1 && required.includes(name),
        ...(description === undefined ? {} : { description }),
        schema: property,
      });
    }
  }
  for (const [name, description] of Object.entries(headers ?? {})) {
    parameters.set(name, { name, in: "header", description, schema: { type: "string", maxLength: 255 } });
  }
  return [...parameters.values()];
}

/** The platform refuses callers, and bodies it can't read, before the connector is asked. */
function refusalOf(status: number): object {
  const own = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  const platform = { "application/json": { schema: { $ref: "#/components/schemas/PlatformRefusal" } } };
  const byPlatform = status === 401 || status === 403;
  const byBoth = status === 400 || status === 404 || status === 413 || status === 500;
  return {
    description: TITLES[status],
    content: byPlatform ? platform : byBoth ? { ...own, ...platform } : own,
  };
}

function json(schema: z.ZodType, io: "input" | "output" = "output"): object {
  const { $schema: _schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
