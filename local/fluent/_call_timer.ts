import { type Clock, systemClock } from "../../lib/base/mod.ts";

/** Measures a call from its arrival, and waits until it may be answered. Times are milliseconds since some moment. */
export interface CallTimer {
  now(): number;
  /** @throws the signal's reason when it aborts first. */
  waitUntil(at: number, signal: AbortSignal): Promise<void>;
}

/** By the clock a test hands in. */
export function timerOf(clock: Clock): CallTimer {
  return {
    now: () => clock.now(),
    async waitUntil(at, signal) {
      const left = at - clock.now();
      if (left > 0) await clock.sleep(left, signal);
    },
  };
}

/**
 * By the machine's fine clock: never early, and late by about a millisecond. Its timers drop fractions and come up to 1.5 ms
 * late, so that whole milliseconds are asked for, and what they leave is looked at again.
 */
export const preciseTimer: CallTimer = {
  now: () => performance.now(),
  async waitUntil(at, signal) {
    for (let left = at - performance.now(); left > 0; left = at - performance.now()) {
      await systemClock.sleep(Math.max(1, Math.floor(left)), signal);
    }
  },
};
