import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/base/mod.ts";

/** Virtual time for models with very many sleeps: as `VirtualClock`, a turn of the event loop per sleep, no timers. */
export class EventClock implements Clock {
  #now: number;
  #sleepers: { due: number; wake: () => void }[] = [];
  #ticking = false;

  constructor(startMs: number) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { due: this.#now + ms, wake: resolve };
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      }, { once: true });
      const after = this.#sleepers.findIndex(({ due }) => due > sleeper.due);
      this.#sleepers.splice(after < 0 ? this.#sleepers.length : after, 0, sleeper);
      this.#tick();
    });
  }

  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      const next = this.#sleepers.shift();
      if (!next) return;
      this.#now = Math.max(this.#now, next.due);
      next.wake();
      if (this.#sleepers.length > 0) this.#tick();
    });
  }
}
