import { messageOf, type Retry } from "../base/mod.ts";
import type { Answer } from "./_exchange.ts";
import type { Redactor } from "./_redactor.ts";
import type { CircuitRefusal } from "./circuit_breaker.ts";
import { type Effect, FluentApiError, type FluentErrorCode } from "./fluent_api_error.ts";

/** What has to be known of a request to speak of its failure. */
export interface RequestFacts {
  /** After "Cannot ": `send a batch to Fluent job 199`. */
  readonly doing: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Whether repeating it changes nothing at Fluent. */
  readonly repeatable: boolean;
  /** Where it goes: `host:port`, or the name of the platform's connection. */
  readonly target: string;
  /** What to do about a 401. */
  readonly credentialsHint: string;
}

const MAX_REASON = 500;
const MAX_SNIPPET = 80;
/** Said by the SDK's error catalogue to mean "rate limit, wait a minute". */
const RATE_LIMIT_CODE = /\bC0011E\b/;
const RATE_LIMIT_CODE_WAIT_MS = 60_000;
/**
 * The one place that knows a closed job. Fluent documents neither status nor text for it, so its reason is read
 * tolerantly: any refusal that speaks of a job and of it being closed, expired or no longer open.
 */
const JOB_CLOSED =
  /\bJOB_(CLOSED|EXPIRED)\b|\bjob\b.{0,80}\b(closed|expired|not open|no longer (open|active|accept\w*))\b|\b(closed|expired)\b.{0,20}\bjob\b/i;
/**
 * No request leaves before the connection stands, so these prove that nothing happened. An unreachable host or network
 * can end a connection that stands, too, so it has to be the connecting that failed.
 */
const NOT_CONNECTED =
  /client error \(Connect\)|connection refused|dns error|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|\bconnect (EHOSTUNREACH|ENETUNREACH)/i;
const REQUEST_ID_HEADERS = [
  "x-request-id",
  "x-correlation-id",
  "request-id",
  "x-amzn-requestid",
  "x-amzn-trace-id",
  "cf-ray",
];

/** The error of an answer that is not 2xx. */
export function refused(
  facts: RequestFacts,
  answer: Answer,
  redactor: Redactor,
  nowMs: number,
): FluentApiError {
  const { status } = answer;
  const reason = reasonOf(answer, redactor);
  const code = codeOf(facts, status, reason);
  const retry: Retry = code === "fluent-rate-limited" || [408, 425].includes(status) || status >= 500
    ? "later"
    : "never";
  const effect: Effect = !facts.repeatable && (status >= 500 || status === 408 || status < 400)
    ? "unknown"
    : "none";
  const retryAfterMs = parseRetryAfter(answer.headers.get("retry-after"), nowMs) ??
    (reason !== undefined && RATE_LIMIT_CODE.test(reason) ? RATE_LIMIT_CODE_WAIT_MS : undefined);
  const requestId = requestIdOf(answer.headers, redactor);
  const said = reason === undefined ? "" : `: ${reason.replace(/[.;:\s]+$/, "")}`;
  const hint = hintOf(code, facts, effect, retryAfterMs);
  const id = requestId === undefined ? "" : ` (request id ${requestId})`;
  return new FluentApiError(
    `Cannot ${facts.doing}: ${requestLine(facts)} answered ${status}${said}${hint}${id}`,
    {
      code,
      retry,
      effect,
      method: facts.method,
      path: facts.path,
      status,
      reason,
      requestId,
      retryAfterMs,
    },
  );
}

/**
 * The one place that knows a sign-in the platform was refused: its reasons are text alone. A status of 400, 401 or 403, or
 * an error code of RFC 6749, 5.2, says that the credentials have to be changed; anything else may pass.
 */
const SIGN_IN_REFUSED =
  /\b(answered|status|code|http)\W{0,3}(400|401|403)\b|\binvalid_(client|grant|request|scope)\b|\bunauthorized_client\b/i;

/** The error of a sign-in that the platform could not do. */
export function noToken(why: string, connection: string, hint: string): FluentApiError {
  const isRefused = SIGN_IN_REFUSED.test(why);
  return new FluentApiError(
    `Cannot sign in to Fluent: the connection '${connection}' gives no token (${why}); ${hint}`,
    {
      code: isRefused ? "fluent-unauthorised" : "fluent-no-token",
      retry: isRefused ? "never" : "later",
      effect: "none",
      method: "POST",
      path: "/oauth/token",
      reason: why,
    },
  );
}

/** The error of a request that was held back, because those before it have failed. */
export function circuitOpen(facts: RequestFacts, refusal: CircuitRefusal): FluentApiError {
  const { failures, forMs, because, retryAfterMs } = refusal;
  return new FluentApiError(
    `Cannot ${facts.doing}: nothing was sent, because ${failures} requests in a row to ${facts.target} have failed over ${
      seconds(forMs)
    } (the last: ${because}); try again in ${seconds(retryAfterMs)}`,
    {
      code: "fluent-circuit-open",
      retry: "later",
      effect: "none",
      method: facts.method,
      path: facts.path,
      reason: because,
      retryAfterMs,
    },
  );
}

/** The error of a request without an answer: nothing came in time. */
export function timedOut(facts: RequestFacts, timeoutMs: number): FluentApiError {
  const effect: Effect = facts.repeatable ? "none" : "unknown";
  const tail = effect === "unknown" ? "; it may have taken effect" : "";
  return new FluentApiError(
    `Cannot ${facts.doing}: ${requestLine(facts)} had no answer from ${facts.target} within ${
      seconds(timeoutMs)
    }${tail}`,
    { code: "fluent-timeout", retry: "later", effect, method: facts.method, path: facts.path },
  );
}

/** The error of a request whose connection could not be made, or was lost. */
export function unreachable(facts: RequestFacts, thrown: unknown, redactor: Redactor): FluentApiError {
  const words = networkWords(thrown);
  const connected = !NOT_CONNECTED.test(words);
  const effect: Effect = connected && !facts.repeatable ? "unknown" : "none";
  const why = redactor.clean(shortReason(words), 120);
  const what = connected
    ? `lost the connection to ${facts.target} (${why})`
    : `could not reach ${facts.target} (${why})`;
  const hint = connected
    ? (effect === "unknown" ? "; it may have taken effect" : "")
    : "; check the base URL and the network";
  return new FluentApiError(`Cannot ${facts.doing}: ${requestLine(facts)} ${what}${hint}`, {
    code: "fluent-unreachable",
    retry: "later",
    effect,
    method: facts.method,
    path: facts.path,
    cause: redactor.cause(thrown),
  });
}

/**
 * The error of an answer that is not JSON: something in between has answered, or only half of it came. That may pass, so
 * the same call may work another time.
 */
export function notJson(facts: RequestFacts, answer: Answer, redactor: Redactor): FluentApiError {
  return badAnswer(facts, answer, "JSON", describeText(answer, redactor), redactor, "later");
}

/** The error of an answer that is not what the API documents. `found` is said after "expected …, found ". */
export function badAnswer(
  facts: RequestFacts,
  answer: Answer,
  expected: string,
  found: string,
  redactor: Redactor,
  retry: Retry = "never",
): FluentApiError {
  const effect: Effect = facts.repeatable ? "none" : "unknown";
  const requestId = requestIdOf(answer.headers, redactor);
  const tail = effect === "unknown" ? "; it may have taken effect" : "";
  const id = requestId === undefined ? "" : ` (request id ${requestId})`;
  return new FluentApiError(
    `Cannot ${facts.doing}: ${
      requestLine(facts)
    } answered ${answer.status}: expected ${expected}, found ${found}${tail}${id}`,
    {
      code: "fluent-bad-answer",
      retry,
      effect,
      method: facts.method,
      path: facts.path,
      status: answer.status,
      requestId,
    },
  );
}

/** What an answer is when it is not JSON: its type and its beginning, at most 80 characters of it. */
export function describeText(answer: Answer, redactor: Redactor): string {
  if (answer.text.trim() === "") return "an empty body";
  const type = answer.headers.get("content-type")?.split(";")[0]?.trim() || "text without a type";
  return `${redactor.clean(type, 60)} beginning '${redactor.clean(answer.text, MAX_SNIPPET)}'`;
}

/** Whether the answer is a web page, whatever its status. */
export function isHtml(answer: Answer): boolean {
  return /html/i.test(answer.headers.get("content-type") ?? "") || /^\s*<(!doctype|html)/i.test(answer.text);
}

/** A longer `Retry-After` is taken for a mistake, or for another clock than ours: this is waited instead. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** The three forms of an HTTP date (RFC 9110, 5.6.7). Only the last one has no zone; it is UTC all the same. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * `Retry-After` in milliseconds, an hour at most: seconds or an HTTP date (RFC 9110, 10.2.3); `undefined` for anything else.
 */
export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  if (!HTTP_DATES.some((form) => form.test(text))) return undefined;
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowMs), MAX_RETRY_AFTER_MS);
}

/** Fluent's own words in a body: `message`, `error`, `error_description`, `detail`, `title`, `errors[]`. */
function reasonOf(answer: Answer, redactor: Redactor): string | undefined {
  if (answer.text.trim() === "") return undefined;
  if (isHtml(answer)) return describeText(answer, redactor);
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch {
    return redactor.clean(answer.text, MAX_REASON); // plain words
  }
  const words = [...new Set(wordsIn(body, 0))].join("; ");
  return words === "" ? undefined : redactor.clean(words, MAX_REASON);
}

function wordsIn(value: unknown, depth: number): string[] {
  if (typeof value === "string") return value.trim() === "" ? [] : [value.trim()];
  if (Array.isArray(value)) {
    return depth > 3 ? [] : value.slice(0, 5).flatMap((one) => wordsIn(one, depth + 1));
  }
  if (typeof value !== "object" || value === null || depth > 3) return [];
  const of = (key: string): unknown =>
    Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  const said = ["error", "message", "error_description", "title", "detail", "errors"]
    .flatMap((key) => wordsIn(of(key), depth + 1));
  const code = of("code") ?? of("errorCode");
  if ((typeof code === "string" || typeof code === "number") && said.length > 0 && `${code}` !== said[0]) {
    return [`${code}: ${said[0]}`, ...said.slice(1)];
  }
  return said;
}

function codeOf(facts: RequestFacts, status: number, reason: string | undefined): FluentErrorCode {
  if (status < 400) return "fluent-bad-answer";
  if (status === 401) return "fluent-unauthorised";
  if (status === 429 || (reason !== undefined && RATE_LIMIT_CODE.test(reason))) return "fluent-rate-limited";
  if (status === 408) return "fluent-timeout";
  if (status === 425 || status >= 500) return "fluent-unavailable";
  if (status === 403) return "fluent-forbidden";
  if (facts.path === "/oauth/token" && status === 400) return "fluent-unauthorised"; // RFC 6749, 5.2
  if (/\/job\/[^/]+\/batch$/.test(facts.path) && reason !== undefined && JOB_CLOSED.test(reason)) {
    return "fluent-job-closed";
  }
  return status === 404 ? "fluent-not-found" : "fluent-bad-request";
}

function hintOf(
  code: FluentErrorCode,
  facts: RequestFacts,
  effect: Effect,
  retryAfterMs: number | undefined,
): string {
  switch (code) {
    case "fluent-unauthorised":
      return `; ${facts.credentialsHint}`;
    case "fluent-forbidden":
      return "; the user lacks the permission for this, or for this retailer";
    case "fluent-not-found":
      return "; check the id and the base URL";
    case "fluent-job-closed":
      return "; the job takes no more batches, create another one";
    case "fluent-rate-limited":
      return retryAfterMs === undefined
        ? "; send less, or try again later"
        : `; try again in ${seconds(retryAfterMs)}`;
    case "fluent-bad-answer":
      return `; a redirect is not followed, check the base URL`;
    case "fluent-unavailable":
    case "fluent-timeout":
      return effect === "unknown" ? "; it may have taken effect" : "; try again later";
    case "fluent-bad-request":
    case "fluent-no-token":
    case "fluent-unreachable":
    case "fluent-circuit-open":
    case "fluent-batch-not-complete":
    case "fluent-graphql-error":
      return "";
  }
}

function requestLine(facts: RequestFacts): string {
  return `${facts.method} ${facts.path}`;
}

function requestIdOf(headers: Headers, redactor: Redactor): string | undefined {
  for (const name of REQUEST_ID_HEADERS) {
    const value = headers.get(name);
    if (value) return redactor.clean(value, 100);
  }
  return undefined;
}

/** Everything a failed fetch says: Deno puts the words in the message or in the cause, Node in the cause's code. */
function networkWords(thrown: unknown): string {
  const words: string[] = [];
  for (let at = thrown; at instanceof Error && words.length < 5; at = at.cause) {
    words.push(messageOf(at));
    if ("code" in at && typeof at.code === "string") words.push(at.code);
  }
  return words.length === 0 ? messageOf(thrown) : words.join(": ");
}

function shortReason(words: string): string {
  const known =
    /connection refused|ECONNREFUSED|dns error|ENOTFOUND|connection reset|ECONNRESET|connection closed before message completed|invalid peer certificate: \w+|certificate[^:]*|broken pipe|unexpected end of file|operation timed out/i
      .exec(words)?.[0];
  if (known === undefined) return words;
  switch (known.toUpperCase()) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    case "DNS ERROR":
    case "ENOTFOUND":
      return "the host name is unknown";
    default:
      return known.toLowerCase();
  }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.ceil(ms / 100) / 10} s`;
}
