/** Calls `fire` after `ms` milliseconds unless the returned function is called first. */
export type StartTimer = (ms: number, fire: () => void) => () => void;

/** The machine's own timer. */
export const systemTimer: StartTimer = (ms, fire) => {
  const id = setTimeout(fire, ms);
  return () => clearTimeout(id);
};

/** An answer whose body has been read to its end, so that the connection can be used again. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Thrown by {@linkcode limited} when the time was up. */
export class TimedOut extends Error {}

/** How long, and until whose signal. */
export interface Limits {
  readonly timeoutMs: number;
  readonly startTimer: StartTimer;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` within its limits, which hold even when it does not heed the signal it is given (a platform's fetch may
 * not).
 *
 * @throws {TimedOut}; the signal's reason; whatever `work` throws.
 */
export function limited<T>(work: (signal: AbortSignal) => Promise<T>, limits: Limits): Promise<T> {
  const { signal } = limits;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const inner = new AbortController();
    const settle = (how: () => void) => {
      stopTimer();
      signal?.removeEventListener("abort", onAbort);
      how();
    };
    const give = (reason: unknown) => {
      settle(() => reject(reason));
      inner.abort(reason);
    };
    const onAbort = () => give(signal?.reason);
    const stopTimer = limits.startTimer(limits.timeoutMs, () => give(new TimedOut()));
    signal?.addEventListener("abort", onAbort, { once: true });
    // An async function, so that a `work` that throws at once is a rejection too.
    (async () => await work(inner.signal))().then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}

/** One request and its whole answer, within its limits. Throws as {@linkcode limited} does. */
export function exchange(
  send: (signal: AbortSignal) => Promise<Response>,
  limits: Limits,
): Promise<Answer> {
  return limited(async (signal) => {
    const response = await send(signal);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }, limits);
}
