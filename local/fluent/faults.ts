import type { Clock } from "../../lib/base/mod.ts";

/** Which requests a fault means. What is left out matches everything. */
export interface FaultMatch {
  readonly method?: string;
  /** A prefix of the path, or an expression tried on it; the query is not part of it. */
  readonly path?: string | RegExp;
  /** The first matching request to fail, counted from 1 since the faults were set. Default 1. */
  readonly nth?: number;
  /** How many fail from there on. Default 1 when `nth` is given, else all. */
  readonly times?: number;
  /** Milliseconds by the server's clock after the faults were set: requests before it are not meant. Default 0. */
  readonly fromMs?: number;
  /** Requests from then on are not meant: with `fromMs`, an outage. Default never. */
  readonly untilMs?: number;
}

/** How a request fails. */
export type FaultKind =
  /** Answers this status instead of doing the work. */
  | {
    readonly kind: "status";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  }
  /** Does the work, then answers this status instead of the real answer. */
  | {
    readonly kind: "status-after-effect";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  }
  /** Drops the connection while the request's body comes in, without doing the work. */
  | { readonly kind: "reset-during-request" }
  /** Takes the whole request, then drops the connection without doing the work. */
  | { readonly kind: "reset-before" }
  /** Does the work, then drops the connection in the middle of the answer. */
  | { readonly kind: "reset-during-answer" }
  /** Does the work, then drops the connection: the caller can't know. */
  | { readonly kind: "reset-after-effect" }
  /** Never answers, until the caller or the server gives up. Does no work, unless `afterEffect`. */
  | { readonly kind: "hang"; readonly afterEffect?: boolean }
  /** Answers a page of HTML, as a proxy in between would; default status 200. Does no work, unless `afterEffect`. */
  | { readonly kind: "html"; readonly status?: number; readonly afterEffect?: boolean }
  /** Refuses with the request's own head and form in the reason, as a careless gateway does; default status 400. No work. */
  | { readonly kind: "echo"; readonly status?: number }
  /** Answers an empty body; default status 200. Does no work, unless `afterEffect`. */
  | { readonly kind: "empty"; readonly status?: number; readonly afterEffect?: boolean };

/**
 * A failure on request. Faults are tried in order and the first that fires wins; each counts every request it
 * matches, fired or not. Only `/oauth` and `/api` are affected.
 *
 * @example
 * ```ts
 * import type { Fault } from "./faults.ts";
 *
 * // The third batch is accepted, but its answer never arrives.
 * const fault: Fault = { match: { method: "POST", path: /\/batch$/, nth: 3 }, kind: "reset-after-effect" };
 * ```
 */
export type Fault = { readonly match?: FaultMatch } & FaultKind;

/** The faults in force and how often each has been met. */
export class FaultPlan {
  readonly #clock: Clock;
  #faults: { readonly fault: Fault; seen: number }[] = [];
  #setAt = 0;

  constructor(faults: readonly Fault[], clock: Clock) {
    this.#clock = clock;
    this.set(faults);
  }

  /** Replaces the faults and starts counting anew. */
  set(faults: readonly Fault[]): void {
    this.#setAt = this.#clock.now();
    this.#faults = faults.map((fault) => ({ fault, seen: 0 }));
  }

  /** The fault this request meets, if any. Counts the request. */
  meet(method: string, path: string): Fault | undefined {
    const sinceSet = this.#clock.now() - this.#setAt;
    let met: Fault | undefined;
    for (const entry of this.#faults) {
      const { match = {} } = entry.fault;
      if (!matches(match, method, path)) continue;
      if (sinceSet < (match.fromMs ?? 0) || sinceSet >= (match.untilMs ?? Infinity)) continue;
      entry.seen += 1;
      const first = match.nth ?? 1;
      const times = match.times ?? (match.nth === undefined ? Infinity : 1);
      if (entry.seen >= first && entry.seen < first + times) met ??= entry.fault;
    }
    return met;
  }
}

function matches(match: FaultMatch, method: string, path: string): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== method) return false;
  if (match.path === undefined) return true;
  // `search` ignores lastIndex, so a global expression matches the same every time.
  return typeof match.path === "string" ? path.startsWith(match.path) : path.search(match.path) >= 0;
}
