import assert from "node:assert/strict";
import { FluentApiError, type FluentErrorCode } from "../../lib/fluent/mod.ts";
import type { Effect } from "../../lib/fluent/mod.ts";
import { batch, failure, FakeFluent, html, inTurn, json, type Reply, TARGET, text } from "./_fake_fluent.ts";

const LOST = new TypeError("fetch failed", {
  cause: new Error("client error (SendRequest): connection closed before message completed"),
});
const REFUSED = new TypeError(
  "error sending request for url (https://x/): client error (Connect): tcp connect error: Connection refused (os error 111)",
);
const UNKNOWN_HOST = Object.assign(new TypeError("fetch failed"), {
  cause: Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }),
});

/** An error with a code, as Node's network errors have one. */
function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

interface Row {
  readonly name: string;
  readonly reply: Reply;
  readonly code: FluentErrorCode;
  readonly retry: "later" | "never";
  readonly effect: Effect;
  /** After "Cannot send a batch to Fluent job 199: POST /api/v4.1/job/199/batch ". */
  readonly message: string;
  readonly reason?: string;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
}

/** What sendBatch says for each answer, with one attempt. */
const ROWS: readonly Row[] = [
  {
    name: "401 for ever",
    reply: text("", 401),
    code: "fluent-unauthorised",
    retry: "never",
    effect: "none",
    message: "answered 401; check the client id, secret and the user's permissions",
  },
  {
    name: "403 with a reason",
    reply: json({ message: "Retailer 2 is not yours" }, 403, { "x-request-id": "req-1" }),
    code: "fluent-forbidden",
    retry: "never",
    effect: "none",
    message:
      "answered 403: Retailer 2 is not yours; the user lacks the permission for this, or for this retailer " +
      "(request id req-1)",
    reason: "Retailer 2 is not yours",
    requestId: "req-1",
  },
  {
    name: "400 with errors[]",
    reply: json({ errors: [{ code: "C0001E", message: "qty is wrong." }, { message: "so is skuRef" }] }, 400),
    code: "fluent-bad-request",
    retry: "never",
    effect: "none",
    message: "answered 400: C0001E: qty is wrong.; so is skuRef",
    reason: "C0001E: qty is wrong.; so is skuRef",
  },
  {
    name: "400 with an error object",
    reply: json({ error: { message: "Bad\nentity" } }, 400, { "x-correlation-id": "cor-2" }),
    code: "fluent-bad-request",
    retry: "never",
    effect: "none",
    message: "answered 400: Bad entity (request id cor-2)",
    reason: "Bad entity",
    requestId: "cor-2",
  },
  {
    name: "400 with an unknown JSON body",
    reply: json({ entities: [{ skuRef: "canary" }] }, 400),
    code: "fluent-bad-request",
    retry: "never",
    effect: "none",
    message: "answered 400",
  },
  {
    name: "404",
    reply: json({ message: "Job not found" }, 404),
    code: "fluent-not-found",
    retry: "never",
    effect: "none",
    message: "answered 404: Job not found; check the id and the base URL",
    reason: "Job not found",
  },
  {
    name: "413",
    reply: text("Payload too large", 413),
    code: "fluent-bad-request",
    retry: "never",
    effect: "none",
    message: "answered 413: Payload too large",
    reason: "Payload too large",
  },
  {
    name: "408",
    reply: text("", 408),
    code: "fluent-timeout",
    retry: "later",
    effect: "unknown",
    message: "answered 408; it may have taken effect",
  },
  {
    name: "425",
    reply: text("", 425),
    code: "fluent-unavailable",
    retry: "later",
    effect: "none",
    message: "answered 425; try again later",
  },
  {
    name: "429 with Retry-After in seconds",
    reply: text("Too many requests", 429, { "retry-after": "12" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429: Too many requests; try again in 12 s",
    reason: "Too many requests",
    retryAfterMs: 12_000,
  },
  {
    name: "429 with Retry-After as a date",
    reply: text("", 429, { "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; try again in 30 s",
    retryAfterMs: 30_000,
  },
  {
    name: "429 with Retry-After in the past",
    reply: text("", 429, { "retry-after": "Thu, 01 Jan 2015 00:00:30 GMT" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; try again in 0 ms",
    retryAfterMs: 0,
  },
  {
    name: "429 with a Retry-After as an old date without a zone, which is UTC wherever we are",
    reply: text("", 429, { "retry-after": "Thu Jan  1 00:00:30 2026" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; try again in 30 s",
    retryAfterMs: 30_000,
  },
  {
    name: "429 with a Retry-After as a date of the oldest form",
    reply: text("", 429, { "retry-after": "Thursday, 01-Jan-26 00:00:30 GMT" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; try again in 30 s",
    retryAfterMs: 30_000,
  },
  {
    name: "429 with a Retry-After of years",
    reply: text("", 429, { "retry-after": "99999999999" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; try again in 3600 s",
    retryAfterMs: 3_600_000,
  },
  ...["1.5", "1e3", "Mon 7", "soon", "", "Thu, 32 Jan 2026 00:00:30 GMT", "2026-01-01T00:00:30Z"].map((
    value,
  ): Row => ({
    name: `429 with the Retry-After '${value}'`,
    reply: text("", 429, { "retry-after": value }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; send less, or try again later",
  })),
  {
    name: "429 with a Retry-After that is garbage",
    reply: text("", 429, { "retry-after": "-1; soon" }),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 429; send less, or try again later",
  },
  {
    name: "Fluent's own rate limit code",
    reply: json({ errors: [{ code: "C0011E", message: "Rate limit" }] }, 400),
    code: "fluent-rate-limited",
    retry: "later",
    effect: "none",
    message: "answered 400: C0011E: Rate limit; try again in 60 s",
    reason: "C0011E: Rate limit",
    retryAfterMs: 60_000,
  },
  ...[500, 502, 503, 504].map((status): Row => ({
    name: String(status),
    reply: html(status),
    code: "fluent-unavailable",
    retry: "later",
    effect: "unknown",
    message: `answered ${status}: text/html beginning '<!doctype html><html><body>Sign in</body></html>'; ` +
      "it may have taken effect",
    reason: "text/html beginning '<!doctype html><html><body>Sign in</body></html>'",
  })),
  {
    name: "a redirect",
    reply: text("", 302, { location: "https://elsewhere.example/login" }),
    code: "fluent-bad-answer",
    retry: "never",
    effect: "unknown",
    message: "answered 302; a redirect is not followed, check the base URL",
  },
  {
    name: "HTML with 200",
    reply: html(),
    code: "fluent-bad-answer",
    retry: "later",
    effect: "unknown",
    message:
      "answered 200: expected JSON, found text/html beginning '<!doctype html><html><body>Sign in</body></html>'; " +
      "it may have taken effect",
  },
  {
    name: "nothing with 200",
    reply: text(""),
    code: "fluent-bad-answer",
    retry: "later",
    effect: "unknown",
    message: "answered 200: expected JSON, found an empty body; it may have taken effect",
  },
  {
    name: "another shape with 200",
    reply: json({ status: "OK" }),
    code: "fluent-bad-answer",
    retry: "never",
    effect: "unknown",
    message:
      "answered 200: expected the new batch's id, found JSON whose 'id' is not an id; it may have taken effect",
  },
  {
    name: "an id no path can hold",
    reply: json({ id: "../1" }),
    code: "fluent-bad-answer",
    retry: "never",
    effect: "unknown",
    message:
      "answered 200: expected the new batch's id, found JSON whose 'id' is not an id; it may have taken effect",
  },
  {
    name: "a lost connection",
    reply: LOST,
    code: "fluent-unreachable",
    retry: "later",
    effect: "unknown",
    message:
      `lost the connection to ${TARGET} (connection closed before message completed); it may have taken effect`,
  },
  {
    name: "a refused connection",
    reply: REFUSED,
    code: "fluent-unreachable",
    retry: "later",
    effect: "none",
    message: `could not reach ${TARGET} (connection refused); check the base URL and the network`,
  },
  {
    name: "a host that could not be reached",
    reply: new TypeError("fetch failed", {
      cause: coded("EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.1:443"),
    }),
    code: "fluent-unreachable",
    retry: "later",
    effect: "none",
    message: `could not reach ${TARGET} (fetch failed: connect EHOSTUNREACH 10.0.0.1:443: EHOSTUNREACH); ` +
      "check the base URL and the network",
  },
  {
    name: "a host that was lost on the way",
    reply: new TypeError("fetch failed", { cause: coded("EHOSTUNREACH", "read EHOSTUNREACH") }),
    code: "fluent-unreachable",
    retry: "later",
    effect: "unknown",
    message: `lost the connection to ${TARGET} (fetch failed: read EHOSTUNREACH: EHOSTUNREACH); ` +
      "it may have taken effect",
  },
  {
    name: "half an answer",
    reply: text('{"id":"7', 200, { "content-type": "application/json" }),
    code: "fluent-bad-answer",
    retry: "later",
    effect: "unknown",
    message: 'answered 200: expected JSON, found application/json beginning \'{"id":"7\'; ' +
      "it may have taken effect",
  },
  {
    name: "an unknown host",
    reply: UNKNOWN_HOST,
    code: "fluent-unreachable",
    retry: "later",
    effect: "none",
    message: `could not reach ${TARGET} (the host name is unknown); check the base URL and the network`,
  },
];

for (const { name, reply, message, ...expected } of ROWS) {
  Deno.test(`sendBatch says what happened: ${name}`, async () => {
    const fluent = new FakeFluent(inTurn(reply));
    const error = await failure(fluent.client({}, { attempts: 1 }).sendBatch("199", batch()));
    assert(error instanceof FluentApiError, String(error));
    assert.equal(
      error.message,
      `Cannot send a batch to Fluent job 199: POST /api/v4.1/job/199/batch ${message}`,
    );
    const { code, retry, effect, reason, retryAfterMs, requestId } = error;
    assert.deepEqual({ code, retry, effect, reason, retryAfterMs, requestId }, {
      reason: undefined,
      retryAfterMs: undefined,
      requestId: undefined,
      ...expected,
    });
    assert.equal(error.method, "POST");
    assert.equal(error.path, "/api/v4.1/job/199/batch");
    assert.equal(error.status, reply instanceof Response ? reply.status : undefined);
    assert.equal(error.details.effect, effect);
    assert(!/\n/.test(error.message));
  });
}

Deno.test("a request without an answer ends at its timeout, and is aborted", async () => {
  const fluent = new FakeFluent(() => (queueMicrotask(() => fluent.timers.at(-1)?.fire()), "hang"));
  const error = await failure(fluent.client({ timeoutMs: 1_500 }, { attempts: 1 }).sendBatch("199", batch()));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    `Cannot send a batch to Fluent job 199: POST /api/v4.1/job/199/batch had no answer from ${TARGET} within 1.5 s; ` +
      "it may have taken effect",
  );
  assert.deepEqual([error.code, error.retry, error.effect], ["fluent-timeout", "later", "unknown"]);
  assert.equal(fluent.timers.at(-1)?.ms, 1_500);
  assert.equal(fluent.apiCalls[0]?.signal?.aborted, true);
});

Deno.test("the timeout covers the body: an answer that never ends is no answer", async () => {
  const fluent = new FakeFluent(() => {
    setTimeout(() => fluent.timers.at(-1)?.fire(), 0);
    return new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{"id":')) }));
  });
  const error = await failure(fluent.client({}, { attempts: 1 }).getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-timeout");
});

Deno.test("a read never has an effect, whatever happens to it", async () => {
  for (const reply of [text("", 500), LOST, html(), text("", 408)]) {
    const fluent = new FakeFluent(inTurn(reply));
    const error = await failure(fluent.client({}, { attempts: 1 }).getJob("199"));
    assert(error instanceof FluentApiError);
    assert.equal(error.effect, "none");
    assert.match(error.message, /^Cannot read Fluent job 199: GET \/api\/v4\.1\/job\/199 /);
    assert.doesNotMatch(error.message, /may have taken effect/);
  }
});

const CLOSED: [string, number, boolean][] = [
  ["Job is closed", 400, true],
  ["Cannot add batch: job 199 has status CLOSED", 400, true],
  ["The job has expired", 409, true],
  ["JOB_EXPIRED", 400, true],
  ["batch rejected: closed job", 422, true],
  ["Job 199 is not open", 400, true],
  ["job no longer accepts batches", 400, true],
  ["token has expired", 400, false],
  ["location LOC_1 is closed", 400, false],
  ["Job name is missing", 400, false],
];

for (const [message, status, closed] of CLOSED) {
  Deno.test(`a ${status} saying '${message}' means ${closed ? "a closed job" : "a refused batch"}`, async () => {
    const fluent = new FakeFluent(() => json({ message }, status));
    const error = await failure(fluent.client().sendBatch("199", batch()));
    assert(error instanceof FluentApiError);
    assert.equal(error.code, closed ? "fluent-job-closed" : "fluent-bad-request");
    assert.equal(error.message.endsWith("; the job takes no more batches, create another one"), closed);
    assert.equal(error.retry, "never");
    assert.equal(error.effect, "none");
    assert.equal(fluent.apiCalls.length, 1);
  });
}

Deno.test("a long reason is cut to 500 characters, a long page to 80", async () => {
  const reasoned = new FakeFluent(() => json({ message: "x".repeat(2_000) }, 400));
  const one = await failure(reasoned.client().sendBatch("199", batch()));
  assert(one instanceof FluentApiError);
  assert.equal(one.reason?.length, 500);
  const paged = new FakeFluent(() =>
    new Response(`<html>${"y".repeat(500)}`, { headers: { "content-type": "text/html" } })
  );
  const two = await failure(paged.client().getJob("199"));
  assert(two instanceof FluentApiError);
  const snippet = /beginning '(.*)'/.exec(two.message)?.[1];
  assert.equal(snippet?.length, 80);
});

Deno.test("an answer about another job or batch than was asked for is refused", async () => {
  const job = await failure(
    new FakeFluent(() => json({ jobId: "200", status: "OPEN" })).client().getJob("199"),
  );
  assert(job instanceof FluentApiError);
  assert.equal(
    job.message,
    "Cannot read Fluent job 199: GET /api/v4.1/job/199 answered 200: expected job 199, found job 200",
  );
  const other = new FakeFluent(() =>
    json({ batchId: "8", jobId: "199", status: "COMPLETE", results: [], total: 0 })
  );
  const read = await failure(other.client().getBatch("199", "7"));
  assert(read instanceof FluentApiError);
  assert.equal(read.code, "fluent-bad-answer");
});
