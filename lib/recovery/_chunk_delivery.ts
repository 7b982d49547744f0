import type { AnsweredFailure } from "./_answers.ts";
import type { Item } from "./_checkpoints.ts";
import { ConnectorError, messageOf } from "../base/mod.ts";
import { halvesOf, REFUSALS_WITHOUT_ACCEPTANCE } from "./bisection.ts";
import { verdictOf } from "./verdict.ts";

/** How one chunk is delivered. */
export interface ChunkRules {
  /** Sends records; gives back those that were not taken. Throws when all of them were not. */
  readonly send: (items: readonly Item[]) => Promise<readonly AnsweredFailure[]>;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly retryOnlyFailed: boolean;
  readonly shouldRetry: (error: Error, attemptCount: number) => boolean;
  readonly wasDelivered: ((items: readonly Item[]) => Promise<boolean>) | undefined;
  readonly now: () => string;
  readonly sleep: (ms: number) => Promise<void>;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: (error: Error, records: number, delayMs: number) => void;
}

const MAX_DELAY_MS = 60_000;

interface Group {
  readonly items: readonly Item[];
  /** Calls of exactly these records that have failed. */
  readonly failures: number;
  readonly waitMs: number;
  readonly inDoubt: boolean;
}

/** The delivery of one chunk of records, until each is delivered or has failed for good. */
export class ChunkDelivery {
  readonly #rules: ChunkRules;
  #queue: Group[];
  #failed: Item[] = [];
  #delivered = 0;
  #failuresWithoutSuccess = 0;
  resent = 0;

  constructor(items: readonly Item[], rules: ChunkRules) {
    this.#rules = rules;
    this.#queue = [{ items, failures: 0, waitMs: 0, inDoubt: false }];
  }

  /** What was not delivered, in the order of the records. */
  get failed(): readonly Item[] {
    return this.#failed.toSorted((a, b) => a.index - b.index);
  }

  /** Gives everything up for a reason that has nothing to do with these records. */
  give(error: Error): void {
    for (const { items } of this.#queue.splice(0)) this.#fail(items, error);
  }

  /**
   * @param inDoubt whether an earlier process may have delivered the chunk
   * @param keep stores what is left to be delivered: before the first call, and whenever a part was delivered
   * @returns the error because of which nothing more may be sent
   */
  async run(
    inDoubt: boolean,
    keep: (state: "sending", left: readonly Item[]) => Promise<void>,
  ): Promise<Error | undefined> {
    this.#queue = this.#queue.map((group) => ({ ...group, inDoubt }));
    await keep("sending", this.#left());
    for (let group = this.#queue.shift(); group !== undefined; group = this.#queue.shift()) {
      this.#rules.signal?.throwIfAborted();
      if (group.waitMs > 0) await this.#rules.sleep(group.waitMs);
      const stopped = await this.#one(group);
      if (stopped) {
        this.give(stopped);
        return stopped;
      }
      if (this.#queue.length > 0 && this.#delivered > 0) await keep("sending", this.#left());
      this.#delivered = 0;
    }
    return undefined;
  }

  async #one(group: Group): Promise<Error | undefined> {
    const { items } = group;
    const { wasDelivered } = this.#rules;
    if (group.inDoubt) {
      if (wasDelivered && await wasDelivered(items)) {
        this.#accept(items.length);
        return undefined;
      }
      this.resent += items.length;
    }
    let failures: readonly AnsweredFailure[];
    try {
      failures = await this.#rules.send(items);
    } catch (thrown) {
      this.#rules.signal?.throwIfAborted();
      return this.#thrown(group, thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    }
    this.#answered(group, failures);
    return undefined;
  }

  /** The call worked, with or without records it did not take. */
  #answered(group: Group, failures: readonly AnsweredFailure[]): void {
    if (failures.length < group.items.length) this.#accept(group.items.length - failures.length);
    const again: Item[] = [];
    let last: Error | undefined;
    for (const { at, error } of failures) {
      const item = group.items[at]!;
      const attempts = item.attempts + 1;
      const tried: Item = { ...item, attempts };
      if (attempts <= this.#rules.maxRetries && this.#rules.shouldRetry(error, attempts)) {
        again.push(tried);
        last = error;
      } else {
        this.#fail([tried], error);
      }
    }
    if (last === undefined) return;
    const repeated = this.#rules.retryOnlyFailed ? again : this.#withNeighbours(group.items, again);
    this.#repeat({ ...group, items: repeated, failures: group.failures + 1, inDoubt: false }, last);
  }

  /** `retryOnlyFailed: false`: the whole call again, except for what has failed for good. */
  #withNeighbours(items: readonly Item[], again: readonly Item[]): Item[] {
    const lost = new Set(this.#failed.map(({ index }) => index));
    const tried = new Map(again.map((item) => [item.index, item]));
    return items.filter(({ index }) => !lost.has(index)).map((item) => tried.get(item.index) ?? item);
  }

  /** The call did not work. */
  #thrown(group: Group, error: Error): Error | undefined {
    const { maxRetries, shouldRetry, retryDelayMs } = this.#rules;
    const verdict = verdictOf(error);
    const failures = group.failures + 1;
    const items = group.items.map((item) => ({ ...item, attempts: item.attempts + 1 }));
    const mayRepeat = failures <= maxRetries && shouldRetry(error, items[0]?.attempts ?? failures);
    switch (verdict) {
      case "stop":
        this.#fail(items, error);
        return error;
      case "slow-down":
      case "passing":
      case "in-doubt":
        if (mayRepeat) this.#repeat({ ...group, items, failures, inDoubt: verdict === "in-doubt" }, error);
        else this.#fail(items, error);
        return undefined;
      case "refused":
        this.#isolate({ ...group, items, failures }, error, 0, mayRepeat);
        return undefined;
      case "unknown":
        // Once more as it is, because it may have been the network; then in halves, because it may be a record.
        if (mayRepeat && (items.length === 1 || failures < 2)) {
          this.#repeat({ ...group, items, failures }, error);
        } else this.#isolate({ ...group, items, failures }, error, retryDelayMs, false);
        return undefined;
    }
  }

  /** Halves what was refused; a single record has failed. When nothing at all goes through, no record is to blame. */
  #isolate(group: Group, error: Error, waitMs: number, mayRepeat: boolean): void {
    this.#failuresWithoutSuccess++;
    const halves = halvesOf({ from: 0, rows: group.items.length });
    if (!halves) {
      if (mayRepeat) this.#repeat(group, error);
      else this.#fail(group.items, error);
      return;
    }
    if (this.#failuresWithoutSuccess >= REFUSALS_WITHOUT_ACCEPTANCE) {
      this.#fail(group.items, error);
      return;
    }
    for (const { from, rows } of halves) {
      const items = group.items.slice(from, from + rows);
      // A half is not repeated as it is, only a single record: else every level would cost its repetitions again.
      const failures = waitMs > 0 && rows > 1 ? 1 : 0;
      this.#queue.push({ items, failures, waitMs: Math.min(waitMs, MAX_DELAY_MS), inDoubt: false });
    }
  }

  #repeat(group: Group, error: Error): void {
    const least = error instanceof ConnectorError ? error.retryAfterMs ?? 0 : 0;
    const backoff = Math.min(this.#rules.retryDelayMs * 2 ** (group.failures - 1), MAX_DELAY_MS);
    const waitMs = Math.max(least, backoff);
    this.#rules.onRetry(error, group.items.length, waitMs);
    this.#queue.unshift({ ...group, waitMs });
  }

  #accept(records: number): void {
    this.#delivered += records;
    this.#failuresWithoutSuccess = 0;
  }

  #fail(items: readonly Item[], error: Error): void {
    const { code } = error as { code?: unknown };
    this.#failed.push(...items.map((item) => ({
      ...item,
      error: { name: error.name, message: messageOf(error), ...(typeof code === "string" ? { code } : {}) },
      timestamp: this.#rules.now(),
    })));
  }

  #left(): Item[] {
    return [...this.#queue.flatMap(({ items }) => items), ...this.#failed].sort((a, b) => a.index - b.index);
  }
}
