import { ConnectorError, type Retry } from "../base/mod.ts";

/** The stable codes of {@link S3Error}, named by what the caller can do next. */
export type S3ErrorCode =
  /** There is no such object. */
  | "s3-not-found"
  /** There is no such bucket. */
  | "s3-no-bucket"
  /** The bucket is in another region than configured. */
  | "s3-wrong-region"
  /** The credentials are right but may not do this. */
  | "s3-access-denied"
  /** The credentials are wrong or have expired. */
  | "s3-bad-credentials"
  /** No connection, a broken connection, or no answer in time. */
  | "s3-unreachable"
  /** The server asks to slow down. */
  | "s3-throttled"
  /** The server failed by itself (500, 502, 504, …). */
  | "s3-unavailable"
  /** The object changed: its ETag is another one than wanted. */
  | "s3-precondition-failed"
  /** Something is at the target already. */
  | "s3-target-exists"
  /** A copy differs from its source. */
  | "s3-verify-failed"
  /** The range begins beyond the object's end. */
  | "s3-invalid-range"
  /** The server did not prove that its listing was complete. */
  | "s3-incomplete-listing"
  /** The text to read or write is not valid Unicode. */
  | "s3-not-utf8"
  /** The store was not declared capable of this. */
  | "s3-unsupported"
  /** The call itself makes no sense. */
  | "s3-invalid-argument"
  /** Anything else; the message says what was found. */
  | "s3-unexpected";

/** What was being done: `list`, `read`, `write`, … with the key (or prefix, for `list`) it was done to. */
export interface S3Operation {
  readonly operation: "list" | "stat" | "read" | "write" | "copy" | "delete" | "move" | "connect to";
  readonly key: string;
}

/** The fields of an {@link S3Error} beyond its message. */
export interface S3ErrorInit extends S3Operation {
  readonly code: S3ErrorCode;
  readonly bucket: string;
  readonly retry?: Retry | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  /** Further facts for the log. */
  readonly facts?: Record<string, unknown> | undefined;
  readonly cause?: unknown;
}

/**
 * Any failure of the object store. Its message is one line, `Cannot <operation> s3://<bucket>/<key>: <reason>`; its
 * details hold operation, bucket, key and, where the server answered, status and request id.
 */
export class S3Error extends ConnectorError {
  override name = "S3Error";
  declare readonly code: S3ErrorCode;

  constructor(reason: string, init: S3ErrorInit) {
    const { operation, bucket, key, status, requestId, facts } = init;
    super(`Cannot ${operation} s3://${bucket}/${oneLine(key)}: ${oneLine(reason)}`, {
      code: init.code,
      retry: init.retry ?? "never",
      retryAfterMs: init.retryAfterMs,
      details: {
        operation,
        bucket,
        key,
        ...(status === undefined ? {} : { status }),
        ...(requestId === undefined ? {} : { requestId }),
        ...facts,
      },
      cause: init.cause,
    });
  }
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- a key may hold any character, a message line must not.
  return text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, " ");
}
