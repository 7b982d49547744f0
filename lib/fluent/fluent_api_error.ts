import { ConnectorError, type Retry } from "../base/mod.ts";

/** What went wrong between the connector and Fluent; the `code` of a {@linkcode FluentApiError}. */
export type FluentErrorCode =
  /** 401: the token or the credentials are refused, also after a fresh token. */
  | "fluent-unauthorised"
  /** The platform has no token for the connection and does not say that its credentials are refused. */
  | "fluent-no-token"
  /** 403: signed in, but not allowed. */
  | "fluent-forbidden"
  /** 400 and the other 4xx: the request itself is refused. */
  | "fluent-bad-request"
  | "fluent-not-found"
  /** The job takes no more batches (Fluent closes jobs at midnight UTC): create another one. */
  | "fluent-job-closed"
  /** 429, or Fluent's error C0011E. */
  | "fluent-rate-limited"
  /** 5xx, 425. */
  | "fluent-unavailable"
  /** No connection, or a connection lost on the way. */
  | "fluent-unreachable"
  /** No answer in time, or 408. */
  | "fluent-timeout"
  /** A 2xx or 3xx answer that is not what the API documents: HTML, nothing, another shape, incomplete pages. */
  | "fluent-bad-answer"
  /** Not sent: too many requests in a row have failed, see `CircuitBreaker`. `retryAfterMs` says when to try again. */
  | "fluent-circuit-open"
  /** The results of a batch were wanted before the batch was COMPLETE. */
  | "fluent-batch-not-complete"
  /** A GraphQL answer with errors and without data. */
  | "fluent-graphql-error";

/**
 * `none`: the request changed nothing at Fluent. `unknown`: it may have (time-out, connection lost after sending, 5xx,
 * unreadable answer to a POST), so ask what exists before sending it again.
 */
export type Effect = "none" | "unknown";

/** The fields of a {@linkcode FluentApiError}. */
export interface FluentApiErrorInit {
  readonly code: FluentErrorCode;
  readonly retry: Retry;
  readonly effect: Effect;
  readonly method: string;
  readonly path: string;
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A call to Fluent that did not work. The message says what was being done, the request, the answer and what to do;
 * it holds no secret and no payload, and neither do `reason` and `details`.
 */
export class FluentApiError extends ConnectorError {
  override name = "FluentApiError";
  declare readonly code: FluentErrorCode;
  readonly method: string;
  /** With its query, without the host. */
  readonly path: string;
  /** The HTTP status; `undefined` when there was no answer. */
  readonly status: number | undefined;
  /** Fluent's own words, at most 500 characters, secrets blacked out. */
  readonly reason: string | undefined;
  /** The id Fluent (or a proxy before it) gave the request, for its support. */
  readonly requestId: string | undefined;
  readonly effect: Effect;

  constructor(message: string, init: FluentApiErrorInit) {
    const { code, retry, effect, method, path, status, reason, requestId, retryAfterMs, cause } = init;
    super(message, {
      code,
      retry,
      retryAfterMs,
      cause,
      details: { method, path, status, reason, requestId, effect },
    });
    this.method = method;
    this.path = path;
    this.status = status;
    this.reason = reason;
    this.requestId = requestId;
    this.effect = effect;
  }
}

/** A request that was refused before it left: nothing was sent. `code` is `fluent-invalid-request`. */
export class FluentRequestError extends ConnectorError {
  override name = "FluentRequestError";
  /** The first problems (at most 20), each with its place in the request, e.g. `entities[3].qty`. */
  readonly problems: readonly RequestProblem[];
  /** How many there are in all. */
  readonly problemCount: number;

  constructor(doing: string, problems: readonly RequestProblem[], problemCount = problems.length) {
    const shown = problems.slice(0, 3).map((p) => `${p.path} ${p.message}`.trim()).join("; ");
    const more = problemCount > 3 ? `; ${problemCount - 3} more` : "";
    super(`Cannot ${doing}: ${shown}${more}`, {
      code: "fluent-invalid-request",
      retry: "never",
      details: { problems, problemCount },
    });
    this.problems = problems;
    this.problemCount = problemCount;
  }
}

/** One thing wrong with a request: where, and what was expected and found (never the value of a cell). */
export interface RequestProblem {
  readonly path: string;
  readonly message: string;
}
