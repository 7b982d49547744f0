import { messageOf, type Retry } from "../base/mod.ts";
import type { S3Settings } from "./s3_config.ts";
import { S3Error, type S3ErrorCode, type S3Operation } from "./s3_error.ts";

/** A server's error code, in groups that mean the same to the caller. */
const BAD_CREDENTIALS: Readonly<Record<string, string>> = {
  InvalidAccessKeyId:
    "the access key id is not known to {server}; check AWS_ACCESS_KEY_ID / the 's3' connection",
  SignatureDoesNotMatch:
    "{server} refuses the signature; check AWS_SECRET_ACCESS_KEY / the 's3' connection, and the region",
  ExpiredToken: "the session token has expired; renew AWS_SESSION_TOKEN / the 's3' connection",
  InvalidToken: "the session token is not valid; check AWS_SESSION_TOKEN / the 's3' connection",
  TokenRefreshRequired: "the session token has to be renewed; check AWS_SESSION_TOKEN / the 's3' connection",
  AccountProblem: "{server} reports a problem with the account of these credentials",
  NotSignedUp: "the account of these credentials is not signed up for S3",
};
const WRONG_REGION = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);
const THROTTLED = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "TooManyRequestsException",
  "RequestLimitExceeded",
  "BandwidthLimitExceeded",
]);
const UNAVAILABLE = new Set([
  "InternalError",
  "InternalServerError",
  "ServiceUnavailable",
  "OperationAborted",
  "RequestTimeout",
  // The SDK corrects its clock by this answer; the next attempt is signed with the right time.
  "RequestTimeTooSkewed",
  "ConditionalRequestConflict",
]);
/** Codes of node:net, node:dns and undici, and the names of Deno's own errors. */
const BROKEN_CONNECTION = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ConnectionRefused",
  "ConnectionReset",
  "ConnectionAborted",
  "BrokenPipe",
  "TimedOut",
  "TimeoutError",
  "UnexpectedEof",
  "NotConnected",
  "NetworkUnreachable",
  "HostUnreachable",
]);
/** Codes of node:tls and of undici's parser; for both, Deno before 2.9 says `InvalidData`. */
const WRONG_PROTOCOL =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH|HPE_|HTTPParserError$|InvalidData$)/;
const PERMISSION: Readonly<Record<S3Operation["operation"], string>> = {
  "list": "s3:ListBucket",
  "connect to": "s3:ListBucket",
  "stat": "s3:GetObject",
  "read": "s3:GetObject",
  "write": "s3:PutObject",
  "copy": "s3:GetObject and s3:PutObject",
  "move": "s3:GetObject, s3:PutObject and s3:DeleteObject",
  "delete": "s3:DeleteObject",
};

/** The longest wait a server may ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

interface Verdict {
  readonly code: S3ErrorCode;
  readonly reason: string;
  readonly retry: Retry;
}

/** Any failure of the SDK or the network as an {@link S3Error} without a secret in it. */
export function translate(
  thrown: unknown,
  what: S3Operation & { readonly onBucket?: boolean | undefined },
  settings: S3Settings,
): S3Error {
  if (thrown instanceof S3Error) return thrown;
  const raw = inspect(thrown, settings);
  const verdict = judge(raw, what, settings);
  return new S3Error(verdict.reason, {
    operation: what.operation,
    key: what.key,
    bucket: settings.bucket,
    code: verdict.code,
    retry: verdict.retry,
    retryAfterMs: verdict.retry === "later" ? raw.retryAfterMs : undefined,
    status: raw.status,
    requestId: raw.requestId,
    // Not the thrown error itself: S3 quotes the signed request, session token included, in some of its errors.
    cause: new Error(`${raw.shownCode}: ${raw.message}`),
  });
}

interface RawFailure {
  /** To compare with, never to show: it is the server's text. */
  readonly code: string;
  /** The code and the message without a secret in them. */
  readonly shownCode: string;
  readonly message: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly region: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly connection: string | undefined;
}

/** Reads what the SDK leaves on its errors: `name`, `$metadata`, and the hidden `$response`. */
function inspect(thrown: unknown, settings: S3Settings): RawFailure {
  const error = (typeof thrown === "object" && thrown !== null ? thrown : {}) as {
    name?: unknown;
    code?: unknown;
    Code?: unknown;
    cause?: unknown;
    $metadata?: { httpStatusCode?: number; requestId?: string };
    $response?: { statusCode?: number; headers?: Record<string, string> };
  };
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  const headers = error.$response?.headers ?? {};
  const seconds = Number(headers["retry-after"]);
  const names = [error.Code, error.code, error.name];
  const code = names.find((name) => typeof name === "string") as string | undefined ?? "Error";
  const hide = (text: string) => withoutSecrets(text, settings).slice(0, 200);
  const requestId = error.$metadata?.requestId ?? headers["x-amz-request-id"];
  return {
    code,
    shownCode: hide(code),
    message: hide(messageOf(thrown)),
    status,
    requestId: requestId === undefined ? undefined : hide(requestId),
    region: headers["x-amz-bucket-region"],
    retryAfterMs: seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined,
    connection: status === undefined ? brokenConnection(thrown) : undefined,
  };
}

/** The code of the network failure somewhere in a chain of causes. */
function brokenConnection(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === "string" && BROKEN_CONNECTION.has(code)) return code;
    if (BROKEN_CONNECTION.has(error.name)) return error.name;
    const inner = (error as { errors?: unknown }).errors;
    if (Array.isArray(inner) && inner.length > 0) {
      const found = brokenConnection(inner[0]);
      if (found) return found;
    }
    // What a fetch-based handler throws carries no code.
    if (error instanceof TypeError && error.message === "fetch failed") return "fetch failed";
  }
  return undefined;
}

function judge(
  raw: RawFailure,
  what: S3Operation & { readonly onBucket?: boolean | undefined },
  settings: S3Settings,
): Verdict {
  const { code, status } = raw;
  const { server, bucket, region } = settings;
  const never = (name: S3ErrorCode, reason: string): Verdict => ({ code: name, reason, retry: "never" });
  const later = (name: S3ErrorCode, reason: string): Verdict => ({ code: name, reason, retry: "later" });
  const said = status === undefined ? raw.shownCode : `${status} ${raw.shownCode}`;

  if (raw.connection) {
    return later(
      "s3-unreachable",
      `the connection to ${server} failed (${raw.connection}); check the endpoint and the network`,
    );
  }
  if (status === undefined && WRONG_PROTOCOL.test(code)) {
    return never(
      "s3-unreachable",
      `${server} cannot be talked to (${raw.message}); check http or https in the endpoint, and its certificate`,
    );
  }
  const credentials = BAD_CREDENTIALS[code];
  if (credentials) return never("s3-bad-credentials", credentials.replace("{server}", server));
  if (code === "NoSuchBucket" || (what.onBucket && status === 404)) {
    return never(
      "s3-no-bucket",
      `bucket '${bucket}' does not exist at ${server}; create it or correct its name`,
    );
  }
  if (WRONG_REGION.has(code) || status === 301 || status === 307) {
    const right = raw.region ? ` but in '${raw.region}'` : "";
    return never(
      "s3-wrong-region",
      `bucket '${bucket}' is not in region '${region}'${right}; correct the region`,
    );
  }
  if (THROTTLED.has(code) || status === 429) {
    return later("s3-throttled", `${server} asks to slow down (${said})`);
  }
  if (UNAVAILABLE.has(code)) return later("s3-unavailable", `${server} could not do it now (${said})`);
  if (code === "PreconditionFailed" || status === 412) {
    return never(
      "s3-precondition-failed",
      "the object was changed meanwhile: it has another ETag than wanted",
    );
  }
  if (code === "InvalidRange" || status === 416) {
    return never("s3-invalid-range", "the range begins beyond the object's end");
  }
  if (status === 404) return never("s3-not-found", "there is no such object");
  if (status === 403) {
    return never(
      "s3-access-denied",
      `${server} denies access; the credentials need ${PERMISSION[what.operation]} on bucket '${bucket}'`,
    );
  }
  if (status === 401) {
    return never("s3-bad-credentials", `${server} refuses the credentials; check the 's3' connection`);
  }
  if (status === 503) return later("s3-throttled", `${server} asks to slow down (${said})`);
  if (status !== undefined && status >= 500) {
    return later("s3-unavailable", `${server} could not do it now (${said})`);
  }
  if (status !== undefined && status < 300) {
    return never(
      "s3-unexpected",
      `what ${server} answered (${status}) is not what S3 answers; check the endpoint`,
    );
  }
  return never("s3-unexpected", `unexpected answer of ${server} (${said}: ${raw.message})`);
}

function withoutSecrets(text: string, settings: S3Settings): string {
  let clean = text;
  for (const secret of [settings.secretAccessKey, settings.sessionToken, settings.accessKeyId]) {
    if (secret) clean = clean.replaceAll(secret, "***");
  }
  return clean;
}
