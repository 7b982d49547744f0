import type { Clock } from "../../lib/base/mod.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * One process of the connector. What it waits for is dropped when it dies, without any `catch` or `finally` of its code
 * being run, and put off while it is paused.
 */
export class Process implements Clock {
  alive = true;
  pausedUntil = 0;
  /** Slices it works on. */
  busy = 0;

  constructor(readonly name: string, readonly scheduler: Scheduler) {}

  now(): number {
    return this.scheduler.now;
  }

  /** Goes on after `ms` milliseconds, if it is still alive then. */
  after(ms: number, run: () => void): void {
    const fire = () => {
      if (!this.alive) return;
      const paused = this.pausedUntil - this.scheduler.now;
      if (paused > 0) this.scheduler.after(paused, fire);
      else run();
    };
    this.scheduler.after(ms, fire);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.after(Math.max(0, ms), () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
  }

  never(): Promise<never> {
    return new Promise(() => {});
  }
}
