import { ConnectorError, type LogFields, messageOf } from "../base/mod.ts";

/** Causes that are followed: an error of a library's library is as deep as it gets. */
const MOST_CAUSES = 5;

/**
 * What a log entry says of an error, so that nobody has to run it again to know: message, code, whether it passes, its
 * own facts, where it was thrown, and the causes behind it.
 */
export function errorFields(error: unknown): LogFields {
  const causes: string[] = [];
  for (
    let cause = error instanceof Error ? error.cause : undefined;
    cause !== undefined && causes.length < MOST_CAUSES;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    const name = cause instanceof ConnectorError
      ? cause.code
      : cause instanceof Error
      ? cause.name
      : typeof cause;
    causes.push(`${name}: ${messageOf(cause)}`);
  }
  const connector = error instanceof ConnectorError ? error : undefined;
  return {
    error: messageOf(error),
    errorCode: connector?.code ?? "unexpected",
    ...(connector ? { retry: connector.retry } : {}),
    ...(connector?.retryAfterMs === undefined ? {} : { retryAfterMs: connector.retryAfterMs }),
    ...(connector && Object.keys(connector.details).length > 0 ? { errorDetails: connector.details } : {}),
    ...(causes.length > 0 ? { causes } : {}),
    ...(error instanceof Error && error.stack ? { stack: error.stack.slice(0, 4_000) } : {}),
  };
}
