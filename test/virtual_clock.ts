import type { Clock } from "../lib/base/mod.ts";

/**
 * A clock whose time passes only by sleeping: every sleep resolves in a later turn of the event loop, in order of
 * its due time, and moves `now` to it. No real waiting.
 */
export class VirtualClock implements Clock {
  #now: number;
  #sleepers: { due: number; wake: () => void }[] = [];
  #tickTimer: ReturnType<typeof setTimeout> | undefined;
  /** Every sleep asked for, in milliseconds, in order. */
  readonly slept: number[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  /** Moves time on without waking anybody who is not due. */
  advance(ms: number): void {
    this.#now += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { due: this.#now + ms, wake: resolve };
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        if (this.#sleepers.length === 0) this.#stopTicking();
        reject(signal.reason);
      }, { once: true });
      this.#sleepers.push(sleeper);
      this.#tick();
    });
  }

  #tick(): void {
    this.#tickTimer ??= setTimeout(() => {
      this.#tickTimer = undefined;
      this.#sleepers.sort((a, b) => a.due - b.due);
      const next = this.#sleepers.shift();
      if (!next) return;
      this.#now = Math.max(this.#now, next.due);
      next.wake();
      if (this.#sleepers.length > 0) this.#tick();
    }, 0);
  }

  #stopTicking(): void {
    clearTimeout(this.#tickTimer);
    this.#tickTimer = undefined;
  }
}
