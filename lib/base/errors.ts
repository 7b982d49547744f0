/** What the caller of a failed operation may do next. */
export type Retry = "never" | "later";

/** The fields every error of the connector carries. */
export interface ConnectorErrorInit {
  /** Stable, machine-readable: `s3-not-found`, `fluent-unauthorised`, … Nobody matches errors by message. */
  code: string;
  /** `later`: the same call may succeed another time. `never`: something has to be changed first. */
  retry: Retry;
  /** Milliseconds to wait before the retry, when the other side said so. */
  retryAfterMs?: number | undefined;
  /** Facts for the log and the job record. Never secrets, never whole payloads. */
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/**
 * The base of every error thrown on purpose in `lib/`.
 *
 * @example
 * ```ts
 * import { ConnectorError } from "./errors.ts";
 * const e = new ConnectorError("Cannot read 'a.csv': the bucket does not exist", { code: "s3-no-bucket", retry: "never" });
 * if (e.retry === "later") throw e;
 * ```
 */
export class ConnectorError extends Error {
  override name = "ConnectorError";
  readonly code: string;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  readonly details: Record<string, unknown>;

  constructor(message: string, init: ConnectorErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.retry = init.retry;
    this.retryAfterMs = init.retryAfterMs;
    this.details = init.details ?? {};
  }
}

/** Configuration that has to be changed before anything can work: a variable, a mapping file, a credential. */
export class ConfigError extends ConnectorError {
  override name = "ConfigError";
  constructor(message: string, details?: Record<string, unknown>, cause?: unknown) {
    super(message, { code: "config-invalid", retry: "never", details, cause });
  }
}

/** The message of anything thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return text.replace(/\s*\n\s*/g, " ");
}
