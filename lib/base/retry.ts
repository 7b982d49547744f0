import type { Clock } from "./clock.ts";

/** How often and how patiently to repeat an operation. Delays are milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
}

/** What a repeated operation needs from outside, and what it may decide. */
export interface RetryOptions {
  policy: RetryPolicy;
  clock: Clock;
  /** A number in [0, 1). */
  random: () => number;
  /** Whether this failure is worth another attempt, and after how long at least (milliseconds). */
  isRetryable: (error: unknown) => boolean | { afterMs: number };
  signal?: AbortSignal | undefined;
  onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Exponential backoff with full jitter: a delay in [0, min(max, base × 2^(attempt-1))]; attempt is 1-based. */
export function backoffDelay(policy: RetryPolicy, attempt: number, random: () => number): number {
  return Math.floor(random() * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1)));
}

/**
 * Runs `operation` until it succeeds, a failure is not retryable, or the attempts are used up.
 *
 * @throws the last failure, unchanged; the signal's reason when it aborts.
 */
export async function retry<T>(
  operation: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      if (attempt >= options.policy.attempts || options.signal?.aborted) throw error;
      const verdict = options.isRetryable(error);
      if (verdict === false) throw error;
      const least = verdict === true ? 0 : verdict.afterMs;
      const delayMs = Math.max(least, backoffDelay(options.policy, attempt, options.random));
      options.onRetry?.(error, attempt, delayMs);
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
