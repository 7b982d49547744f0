import { setImmediate } from "node:timers/promises";
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
 * By the machine's fine clock: never early, late by a tenth of a millisecond on average. Its timers know whole milliseconds
 * only and come 0.4 to 1.6 ms late, so that they are asked for less; turns of the event loop fill what that leaves.
 */
export const preciseTimer: CallTimer = {
  now: () => performance.now(),
  async waitUntil(at, signal) {
    for (let left = at - performance.now(); left > 0; left = at - performance.now()) {
      const ms = Math.floor(left - 1);
      if (ms > 0) await systemClock.sleep(ms, signal);
      else await setImmediate();
      if (signal.aborted) throw signal.reason;
    }
  },
};
