/** Time as the platform sees it; tests may hand in their own. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay a timer of the runtime can take. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's own clock. (`node:timers/promises` would do, but under Deno 2.3 it leaves aborted timers running.) */
export const machineClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, Math.min(ms, LONGEST_TIMER_MS));
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
