import type { CloneableFluentServerOptions, LatencyByCall } from "./options.ts";

/** How long each call waits: the configured latency, spread by a seeded generator. */
export class Latency {
  readonly #byCall: LatencyByCall;
  readonly #jitter: number;
  #state: number;

  constructor(options: CloneableFluentServerOptions) {
    const ms = options.latencyMs ?? 0;
    this.#byCall = typeof ms === "number" ? { token: ms, job: ms, batch: ms, read: ms } : ms;
    this.#jitter = options.latencyJitter ?? 0;
    this.#state = (options.seed ?? 1) >>> 0;
  }

  /** Milliseconds the next call of this kind waits. */
  next(call: keyof LatencyByCall): number {
    const base = this.#byCall[call] ?? 0;
    if (base === 0 || this.#jitter === 0) return base;
    return base * (1 + this.#jitter * (2 * this.#random() - 1));
  }

  /** A linear congruential generator (constants of Numerical Recipes): repeatable, and good enough for jitter. */
  #random(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }
}
