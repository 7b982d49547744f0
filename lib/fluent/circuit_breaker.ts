import { z } from "zod";
import type { Clock } from "../base/mod.ts";

/** When a breaker opens and for how long. Times are milliseconds. */
export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** Failures in a row before it opens. Default 5. */
  readonly failures?: number | undefined;
  /** How long they must span, from the start of the first, so that one burst of lost connections is not a dead API. Default 2,000. */
  readonly spanMs?: number | undefined;
  /** How long it stays open at first; twice as long each time the probe after it fails. Default 10,000. */
  readonly openMs?: number | undefined;
  /** The longest it stays open. Default 60,000. */
  readonly maxOpenMs?: number | undefined;
  /** Where an earlier breaker stood, e.g. in the slice before. Default: closed. */
  readonly state?: CircuitState | undefined;
}

const time = z.number();
const count = z.int().nonnegative();

/** A {@linkcode CircuitState} read back from where it was kept. */
export const circuitStateSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("closed"), failures: count, since: time.optional() }),
  z.object({
    kind: z.literal("open"),
    until: time,
    openings: count,
    failures: count,
    since: time,
    because: z.string(),
  }),
]);

/**
 * Where a breaker stands, as JSON. Times are milliseconds since the epoch; `since` is the start of the first request that
 * failed, `because` says what happened to the last one.
 */
export type CircuitState = z.output<typeof circuitStateSchema>;

/** Why a request may not leave now. */
export interface CircuitRefusal {
  readonly kind: "refused";
  /** Until the next probe. */
  readonly retryAfterMs: number;
  readonly failures: number;
  /** How long it has been failing. */
  readonly forMs: number;
  readonly because: string;
}

/** The right to send one request; told how that went, exactly once. */
export interface CircuitPermit {
  readonly kind: "permit";
  /** The other side answered, whatever it said. */
  worked(): void;
  /** It did not answer, or not as itself: no connection, no answer in time, 5xx, a web page. */
  failed(because: string): void;
  /** Nobody waited for the outcome. */
  abandoned(): void;
}

/** How long others wait while one request probes. */
const WHILE_PROBING_MS = 1_000;

/**
 * Turns a dead API into one outcome: after some failures in a row, requests are refused at once instead of each finding
 * out for itself. When its time is over, one request is let through; if that works the breaker closes, else it stays open
 * twice as long. Shared by the calls of one client.
 *
 * @example
 * ```ts
 * import { systemClock } from "../base/mod.ts";
 * import { CircuitBreaker } from "./circuit_breaker.ts";
 *
 * const breaker = new CircuitBreaker({ clock: systemClock });
 * const permit = breaker.ask();
 * if (permit.kind === "permit") permit.worked();
 * ```
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #failures: number;
  readonly #spanMs: number;
  readonly #openMs: number;
  readonly #maxOpenMs: number;
  #state: CircuitState;
  #probing = false;

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock;
    this.#failures = options.failures ?? 5;
    this.#spanMs = options.spanMs ?? 2_000;
    this.#openMs = options.openMs ?? 10_000;
    this.#maxOpenMs = options.maxOpenMs ?? 60_000;
    this.#state = options.state ?? { kind: "closed", failures: 0 };
  }

  /** Where it stands, to be kept for the next breaker. */
  get state(): CircuitState {
    return this.#state;
  }

  /** Asks for the right to send one request. */
  ask(): CircuitPermit | CircuitRefusal {
    const startedAt = this.#clock.now();
    const state = this.#state;
    if (state.kind === "closed") return this.#permit(startedAt, false);
    const left = state.until - startedAt;
    if (left > 0 || this.#probing) {
      return {
        kind: "refused",
        retryAfterMs: left > 0 ? left : WHILE_PROBING_MS,
        failures: state.failures,
        forMs: startedAt - state.since,
        because: state.because,
      };
    }
    this.#probing = true;
    return this.#permit(startedAt, true);
  }

  #permit(startedAt: number, probe: boolean): CircuitPermit {
    let told = false;
    const once = (outcome: () => void) => {
      if (told) return;
      told = true;
      if (probe) this.#probing = false;
      outcome();
    };
    return {
      kind: "permit",
      worked: () => once(() => this.#state = { kind: "closed", failures: 0 }),
      failed: (because) => once(() => this.#fail(startedAt, probe, because)),
      abandoned: () => once(() => {}),
    };
  }

  #fail(startedAt: number, probe: boolean, because: string): void {
    const now = this.#clock.now();
    const state = this.#state;
    const failures = state.failures + 1;
    const since = Math.min(state.since ?? startedAt, startedAt);
    if (state.kind === "closed") {
      const dead = failures >= this.#failures && now - since >= this.#spanMs;
      this.#state = dead ? this.#open(now, 1, failures, since, because) : { kind: "closed", failures, since };
    } else if (probe) {
      this.#state = this.#open(now, state.openings + 1, failures, since, because);
    } // what had left before it opened says nothing new
  }

  #open(now: number, openings: number, failures: number, since: number, because: string): CircuitState {
    const openMs = Math.min(this.#maxOpenMs, this.#openMs * 2 ** (openings - 1));
    return { kind: "open", until: now + openMs, openings, failures, since, because };
  }
}
