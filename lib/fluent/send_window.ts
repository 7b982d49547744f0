import { z } from "zod";
import { type Clock, ConfigError } from "../base/mod.ts";

/** How much may be under way. */
export interface SendWindowOptions {
  readonly clock: Clock;
  /** Most requests at once, ever. It starts there: whoever configures it knows what the API bears. */
  readonly ceiling: number;
  /** Where an earlier window of the same job stood, e.g. in the slice before. */
  readonly state?: SendWindowState | undefined;
}

/**
 * A {@linkcode SendWindowState} read back from where it was kept. Requests per second, times in milliseconds since the
 * epoch.
 */
export const sendWindowStateSchema = z.object({
  /** Requests at once. */
  window: z.number().positive(),
  /** The rate that was too much, when the API said so last, and how often it has. */
  limit: z.object({ rate: z.number().positive(), at: z.number(), cuts: z.int().positive() }).optional(),
  /** Until when the API asked to be left alone. */
  pausedUntil: z.number().optional(),
});

/** What a window has learned, as JSON. */
export type SendWindowState = z.output<typeof sendWindowStateSchema>;

/** The right to send one request; told how it went, exactly once. */
export interface SendPermit {
  /** The API took it, or answered for it in its own time: there is room for more. */
  worked(): void;
  /** 429: nothing was done, and less should be sent. `retryAfterMs`: nothing at all for so long. */
  slowDown(retryAfterMs?: number): void;
  /** 5xx, no answer, no connection. */
  failed(): void;
  /** It was not sent after all. */
  unused(): void;
}

type Limit = NonNullable<SendWindowState["limit"]>;

/** Part of the rate given up when the API says "too many", and won back within {@linkcode RECOVERY_MS}. */
const RATE_CUT = 0.05;
/** How far below a rate that was too much, by a little, the next one rests: at that rate itself chance decides. */
const REST_BELOW = 0.02;
/** How long until the rate that was too much is tried again; longer where few requests are sent. */
const RECOVERY_MS = 30_000;
/** The first ones are shorter: what the first burst said of the limit may be far from it. */
const FIRST_RECOVERIES_MS: readonly number[] = [4_000, 8_000, 15_000];
/** A recovery spans at least so many requests, so that the ones refused by trying stay below 1 %. */
const RECOVERY_REQUESTS = 150;
/** Taken requests that are less than this share of what was asked say themselves what the API bears. */
const MUCH_LESS = 0.85;
/** Nothing is sent for so long after a 429 that names no time of its own. */
const PAUSE_MS = 1_000;
/** A timer that is late by this much is made up for. */
const CATCH_UP_MS = 20;
/** Over how long the rate the API bears is measured. */
const MEASURE_MS = 1_000;
/** Samples before latency counts. */
const LATENCY_SAMPLES = 20;
/** Latency is a sign of overload from twice the usual and this many milliseconds on. */
const LATENCY_SLACK_MS = 50;

/**
 * How many requests may be under way, and how fast they may follow each other: as much as the API bears and no more.
 *
 * Three signs cut it down: "too many requests" (429), failures (5xx, no answer), and answers that take far longer than
 * usual. The number at once is halved (or cut by a fifth, for latency) and grows by one per round. Since calls may take
 * a millisecond, the number alone cannot keep below a rate: after the first 429 requests are also spaced out. The rate
 * is cut to 95 % of what was taken in the second before, approaches the old one on a cubic curve, rests there, and then
 * tries for more (the curve of TCP CUBIC, RFC 9438).
 *
 * One cut per round: answers to requests that left before the last cut say nothing new.
 */
export class SendWindow {
  readonly #clock: Clock;
  readonly #ceiling: number;
  #window: number;
  #inFlight = 0;
  #round = 0;
  /** The rate that was too much, and since when it has been recovering. */
  #limit: Limit | undefined;
  #pausedUntil = 0;
  #nextAt = 0;
  readonly #taken: number[] = [];
  #latency = { samples: 0, recent: 0, usual: 0 };
  readonly #waiting: { by: number; grant: (permit: SendPermit | undefined) => void }[] = [];
  #wakeAt = Infinity;
  #sleep: AbortController | undefined;

  /** @throws {ConfigError} when the ceiling is not a whole number from 1. */
  constructor(options: SendWindowOptions) {
    const { clock, ceiling, state } = options;
    if (!Number.isSafeInteger(ceiling) || ceiling < 1) {
      throw new ConfigError(
        `Cannot send ${ceiling} requests at once: expected a whole number from 1`,
      );
    }
    this.#clock = clock;
    this.#ceiling = ceiling;
    this.#window = Math.max(1, Math.min(ceiling, state?.window ?? ceiling));
    this.#limit = state?.limit;
    this.#pausedUntil = state?.pausedUntil ?? 0;
  }

  /** What it has learned, to be kept for the next window of the job. */
  get state(): SendWindowState {
    return {
      window: this.#window,
      ...(this.#limit ? { limit: { ...this.#limit } } : {}),
      ...(this.#pausedUntil > this.#clock.now() ? { pausedUntil: this.#pausedUntil } : {}),
    };
  }

  /** Requests at once, now. */
  get size(): number {
    return Math.floor(this.#window);
  }

  /** Requests per second, now; undefined while the API has refused none. */
  get rate(): number | undefined {
    return this.#limit && this.#rateAt(this.#limit, this.#clock.now());
  }

  /** Milliseconds until the next request may leave. */
  get waitMs(): number {
    return Math.max(0, Math.max(this.#pausedUntil, this.#limit ? this.#nextAt : 0) - this.#clock.now());
  }

  /**
   * Waits for a place and its turn; undefined when the turn comes only after `by` (milliseconds since the epoch).
   *
   * @throws the signal's reason when it aborts first.
   */
  acquire(signal?: AbortSignal): Promise<SendPermit>;
  acquire(signal: AbortSignal | undefined, by: number): Promise<SendPermit | undefined>;
  acquire(signal?: AbortSignal, by = Infinity): Promise<SendPermit | undefined> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise<SendPermit | undefined>((resolve, reject) => {
      const onAbort = () => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        if (this.#waiting.length === 0) this.#stopSleeping();
        reject(signal?.reason);
      };
      const waiter = {
        by,
        grant: (permit: SendPermit | undefined) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(permit);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.size) {
      const now = this.#clock.now();
      const rate = this.rate;
      const due = Math.max(this.#pausedUntil, rate === undefined ? 0 : this.#nextAt);
      if (now < due) {
        for (let at = this.#waiting.length - 1; at >= 0; at--) {
          if (this.#waiting[at]!.by < due) this.#waiting.splice(at, 1)[0]!.grant(undefined);
        }
        if (this.#waiting.length > 0) this.#sleepUntil(due);
        return;
      }
      if (rate !== undefined) this.#nextAt = Math.max(this.#nextAt, now - CATCH_UP_MS) + 1_000 / rate;
      this.#inFlight++;
      this.#waiting.shift()!.grant(this.#permit(now));
    }
  }

  #permit(from: number): SendPermit {
    const round = this.#round;
    let told = false;
    const once = (outcome: (now: number) => void) => {
      if (told) return;
      told = true;
      this.#inFlight--;
      outcome(this.#clock.now());
      this.#pump();
    };
    return {
      worked: () =>
        once((now) => {
          this.#note(now);
          if (!this.#isSlow(now - from)) this.#grow();
          else if (round === this.#round) this.#cut(0.8);
        }),
      slowDown: (retryAfterMs = PAUSE_MS) =>
        once((now) => {
          this.#pausedUntil = Math.max(this.#pausedUntil, now + retryAfterMs);
          if (round === this.#round) this.#tooFast(now);
        }),
      failed: () =>
        once(() => {
          if (round === this.#round) this.#cut(0.5);
        }),
      unused: () => once(() => {}),
    };
  }

  /** The API refused to take so much: learn what it took, and stay below. */
  #tooFast(now: number): void {
    this.#forget(now);
    const taken = Math.max(1, this.#taken.length) * 1_000 / MEASURE_MS;
    const asked = this.rate;
    // What was asked was too much by a little, or by a lot; a second is too short to measure the little. The last one may
    // have been one of waiting, too: never less than half of what was asked.
    const byALot = asked !== undefined && taken < MUCH_LESS * asked;
    const rate = asked === undefined ? taken : byALot ? Math.max(asked / 2, taken) : asked * (1 - REST_BELOW);
    this.#limit = { rate, at: now, cuts: (this.#limit?.cuts ?? 0) + 1 };
    const needed = Math.ceil(rate * this.#latency.recent / 1_000) + 1;
    this.#cut(Math.max(0.5, needed / this.#window));
  }

  /** By one per round of requests. */
  #grow(): void {
    this.#window = Math.min(this.#ceiling, this.#window + 1 / this.#window);
  }

  #cut(factor: number): void {
    this.#round++;
    this.#window = Math.max(1, this.#window * Math.min(1, factor));
  }

  #rateAt(limit: Limit, now: number): number {
    const recoveryMs = FIRST_RECOVERIES_MS[limit.cuts - 1] ??
      Math.max(RECOVERY_MS, RECOVERY_REQUESTS * 1_000 / limit.rate);
    const part = Math.max(0, now - limit.at) / recoveryMs;
    return limit.rate * (1 + RATE_CUT * (part - 1) ** 3);
  }

  #note(now: number): void {
    this.#taken.push(now);
    this.#forget(now);
  }

  #forget(now: number): void {
    let old = 0;
    while (old < this.#taken.length && this.#taken[old]! <= now - MEASURE_MS) old++;
    if (old > 0) this.#taken.splice(0, old);
  }

  /** Whether answers now take far longer than usual. What stays slow becomes the usual. */
  #isSlow(ms: number): boolean {
    const { samples, recent, usual } = this.#latency;
    const mean = (old: number, weight: number) => samples === 0 ? ms : old + (ms - old) * weight;
    this.#latency = {
      samples: samples + 1,
      recent: mean(recent, 0.2),
      usual: mean(usual, samples < LATENCY_SAMPLES ? 1 / (samples + 1) : 0.003),
    };
    return samples >= LATENCY_SAMPLES && this.#latency.recent > 2 * this.#latency.usual + LATENCY_SLACK_MS;
  }

  #sleepUntil(due: number): void {
    if (due >= this.#wakeAt) return;
    this.#stopSleeping();
    const sleep = new AbortController();
    this.#sleep = sleep;
    this.#wakeAt = due;
    this.#clock.sleep(due - this.#clock.now(), sleep.signal).then(() => {
      this.#sleep = undefined;
      this.#wakeAt = Infinity;
      this.#pump();
    }, () => {/* another time to wake was set, or nobody waits any more */});
  }

  #stopSleeping(): void {
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#wakeAt = Infinity;
  }
}
