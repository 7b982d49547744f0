import {
  type Clock,
  ConfigError,
  ConnectorError,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "../base/mod.ts";
import { MAX_ENTITIES_PER_BATCH } from "../fluent/mod.ts";
import { type KVStore, MemoryKVStore } from "../state/mod.ts";
import { failuresIn } from "./_answers.ts";
import { Checkpoints, type Item } from "./_checkpoints.ts";
import { ChunkDelivery, type ChunkRules } from "./_chunk_delivery.ts";
import { intoPages } from "./_checkpoints.ts";

/** How to recover. Times are milliseconds. */
export interface RecoveryOptions<T = unknown> {
  /** Repetitions of a failed call beside the first one. Isolating a bad record is not a repetition. Default 3. */
  readonly maxRetries?: number | undefined;
  /** Repeat only the records that failed; false repeats the whole call one of them was in. Default true. */
  readonly retryOnlyFailed?: boolean | undefined;
  /** Pause before the first repetition, doubled each time, at most a minute. Default 1,000. */
  readonly retryDelayMs?: number | undefined;
  /** Records per call, the first one included; 1 to 5,000. Default 100. */
  readonly retryBatchSize?: number | undefined;
  /** Keeps what is not delivered under a name, so that it can be resumed, also by another process. */
  readonly checkpointKey?: string | undefined;
  /**
   * Whether to repeat after this failure; `attemptCount` calls have failed so far. Default: not when the error says that
   * repeating is no use.
   */
  readonly shouldRetry?: ((error: Error, attemptCount: number) => boolean) | undefined;
  /**
   * Asked before records are sent again whose first call may have worked (time-out, lost answer, a crash): true when they
   * are there. Without it they are sent again; absolute quantities bear that.
   */
  readonly wasDelivered?: ((records: T[]) => Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A record that was not delivered. */
export interface FailedRecord<T = unknown> {
  /** Its place among the records that were handed in. */
  readonly index: number;
  readonly record: T;
  readonly error: { readonly name: string; readonly message: string; readonly code?: string | undefined };
  /** Failed calls it was in; 0 when it was never sent. */
  readonly attemptCount: number;
  /** ISO 8601: when it failed last. */
  readonly timestamp: string;
}

/** What became of the records. Every record is either a success or in `failedRecords`. */
export interface RecoveryResult<T = unknown> {
  readonly totalRecords: number;
  readonly successCount: number;
  readonly failedCount: number;
  readonly failedRecords: readonly FailedRecord<T>[];
  /** Where the failed records are kept; only with a `checkpointKey` and failed records. */
  readonly checkpointId?: string;
  /** Records sent again although their first call may have worked. */
  readonly resentCount: number;
  /** In one sentence. */
  readonly summary: string;
  readonly durationMs: number;
}

/** What is kept under a checkpoint id. */
export interface CheckpointInfo {
  readonly id: string;
  readonly key: string;
  readonly totalRecords: number;
  /** Records in it: failed, and not yet sent. */
  readonly remaining: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** What a recovery is handed beside its log. */
export interface RecoveryParts {
  /** Where checkpoints are kept. Default: in memory, gone with the process. */
  readonly kv?: KVStore | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Delivers records in calls of bounded size and follows each record: what is delivered is never sent again, a bad record
 * among good ones is isolated by halving (2·log2(n) calls), failures that may pass are repeated with exponential backoff,
 * per-row answers are honoured, and what is left can be resumed from a checkpoint in the key-value store.
 *
 * A refusal of everything (credentials, permissions) ends it at once: the remaining records fail with that reason.
 *
 * @example
 * ```ts
 * import { PartialBatchRecovery } from "./mod.ts";
 *
 * const recovery = new PartialBatchRecovery();
 * const result = await recovery.processBatchWithRecovery([1, 2, 3], (batch) => Promise.resolve(batch.length));
 * console.log(result.successCount); // 3
 * ```
 */
export class PartialBatchRecovery {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #checkpoints: Checkpoints;

  constructor(logger: Logger = silentLogger, parts: RecoveryParts = {}) {
    this.#logger = logger;
    this.#clock = parts.clock ?? systemClock;
    this.#checkpoints = new Checkpoints(parts.kv ?? new MemoryKVStore());
  }

  /**
   * Hands the records to `processor`, a batch at a time.
   *
   * @param processor sends a batch; throws when it failed. An answer with `results` (Fluent's per-row results) or with a
   * failed `status` or `errors` counts as it says; every other answer means that the batch was taken
   * @throws {ConfigError} for options that are not usable; StateError when a checkpoint cannot be kept; the signal's reason
   */
  async processBatchWithRecovery<T, R>(
    records: readonly T[],
    processor: (batch: T[]) => Promise<R> | R,
    options: RecoveryOptions<T> = {},
  ): Promise<RecoveryResult<T>> {
    const { size } = checked(options);
    const items = records.map((record, index): Item => ({ index, record, attempts: 0 }));
    if (options.checkpointKey === undefined) {
      const chunks: Chunk[] = [];
      for (let at = 0; at < items.length; at += size) {
        chunks.push({ number: chunks.length, items: items.slice(at, at + size), inDoubt: false });
      }
      return await this.#deliver(chunks, records.length, processor, options, undefined);
    }
    const pages = intoPages(items, size);
    const id = await this.#freeId(options.checkpointKey);
    const createdAt = new Date(this.#clock.now()).toISOString();
    await this.#checkpoints.create(
      { v: 1, id, key: options.checkpointKey, totalRecords: records.length, createdAt, pages: pages.length },
      pages,
    );
    const chunks = pages.map((page, number) => ({ number, items: page, inDoubt: false }));
    return await this.#deliver(chunks, records.length, processor, options, id);
  }

  /**
   * Goes on with what a checkpoint holds: records that failed, and those an interrupted process had not sent. The
   * checkpoint is gone when everything is delivered.
   *
   * @throws ConnectorError `checkpoint-not-found`
   */
  async resumeFromCheckpoint<T = unknown, R = unknown>(
    checkpointId: string | undefined,
    processor: (batch: T[]) => Promise<R> | R,
    options: RecoveryOptions<T> = {},
  ): Promise<RecoveryResult<T>> {
    checked(options);
    const head = checkpointId === undefined ? undefined : await this.#checkpoints.head(checkpointId);
    if (!head) {
      throw new ConnectorError(
        `Cannot resume from checkpoint '${checkpointId}': there is none; it was never made, or all of it is delivered`,
        { code: "checkpoint-not-found", retry: "never", details: { checkpointId } },
      );
    }
    const chunks = (await this.#checkpoints.pages(head.id)).map(({ number, page }): Chunk => ({
      number,
      items: page.items.map(({ index, record }) => ({ index, record, attempts: 0 })),
      inDoubt: page.state === "sending",
    }));
    const total = chunks.reduce((sum, { items }) => sum + items.length, 0);
    return await this.#deliver(chunks, total, processor, options, head.id);
  }

  /** What a checkpoint holds; undefined when there is none. */
  async getCheckpoint(id: string): Promise<CheckpointInfo | undefined> {
    const head = await this.#checkpoints.head(id);
    if (!head) return undefined;
    const pages = await this.#checkpoints.pages(id);
    const remaining = pages.reduce((sum, { page }) => sum + page.items.length, 0);
    const { key, totalRecords, createdAt } = head;
    return { id, key, totalRecords, remaining, createdAt };
  }

  /** All checkpoints, the oldest first; with a key, those made under it. */
  async listCheckpoints(key?: string): Promise<CheckpointInfo[]> {
    const found: CheckpointInfo[] = [];
    for (const head of await this.#checkpoints.heads()) {
      const info = key === undefined || head.key === key ? await this.getCheckpoint(head.id) : undefined;
      if (info) found.push(info);
    }
    return found;
  }

  /** Forgets a checkpoint and the records in it; false when there was none. */
  deleteCheckpoint(id: string): Promise<boolean> {
    return this.#checkpoints.remove(id);
  }

  /** Forgets all checkpoints; says how many there were. */
  async clearCheckpoints(): Promise<number> {
    const heads = await this.#checkpoints.heads();
    for (const { id } of heads) await this.#checkpoints.remove(id);
    return heads.length;
  }

  async #deliver<T, R>(
    chunks: readonly Chunk[],
    totalRecords: number,
    processor: (batch: T[]) => Promise<R> | R,
    options: RecoveryOptions<T>,
    checkpointId: string | undefined,
  ): Promise<RecoveryResult<T>> {
    const startedAt = this.#clock.now();
    const { signal } = options;
    const failed: Item[] = [];
    let resentCount = 0;
    let stopped: Error | undefined;
    for (const { number, items, inDoubt } of chunks) {
      signal?.throwIfAborted();
      const delivery = new ChunkDelivery(items, this.#rules(processor, options));
      if (stopped) {
        delivery.give(stopped);
      } else {
        const keep = async (state: "sending" | "failed", left: readonly Item[]) => {
          if (checkpointId === undefined) return;
          await this.#checkpoints.writePage(checkpointId, number, { v: 1, state, items: [...left] });
        };
        stopped = await delivery.run(inDoubt, keep);
        resentCount += delivery.resent;
      }
      failed.push(...delivery.failed);
      if (checkpointId === undefined) continue;
      if (delivery.failed.length === 0) await this.#checkpoints.removePage(checkpointId, number);
      else {
        await this.#checkpoints.writePage(checkpointId, number, {
          v: 1,
          state: "failed",
          items: [...delivery.failed],
        });
      }
    }
    if (checkpointId !== undefined && failed.length === 0) await this.#checkpoints.remove(checkpointId);
    const successCount = totalRecords - failed.length;
    const first = failed[0]?.error?.message;
    const summary = failed.length === 0
      ? `${successCount} of ${totalRecords} records delivered`
      : `${successCount} of ${totalRecords} records delivered, ${failed.length} failed: ${first}`;
    this.#logger.info("batch recovery done", { totalRecords, successCount, failedCount: failed.length });
    return {
      totalRecords,
      successCount,
      failedCount: failed.length,
      failedRecords: failed.map(shown<T>),
      ...(checkpointId !== undefined && failed.length > 0 ? { checkpointId } : {}),
      resentCount,
      summary,
      durationMs: this.#clock.now() - startedAt,
    };
  }

  #rules<T, R>(processor: (batch: T[]) => Promise<R> | R, options: RecoveryOptions<T>): ChunkRules {
    const { maxRetries, retryDelayMs } = checked(options);
    const { wasDelivered, shouldRetry, signal } = options;
    return {
      send: async (items) => {
        const batch = items.map((item) => item.record as T);
        return failuresIn(await processor(batch), batch);
      },
      maxRetries,
      retryDelayMs,
      retryOnlyFailed: options.retryOnlyFailed ?? true,
      shouldRetry: shouldRetry ?? ((error) => !(error instanceof ConnectorError) || error.retry === "later"),
      wasDelivered: wasDelivered && ((items) => wasDelivered(items.map((item) => item.record as T))),
      now: () => new Date(this.#clock.now()).toISOString(),
      sleep: (ms) => this.#clock.sleep(ms, signal),
      signal,
      onRetry: (error, records, delayMs) =>
        this.#logger.warn("batch failed, trying again", { error: messageOf(error), records, delayMs }),
    };
  }

  async #freeId(key: string): Promise<string> {
    const base = `${key}-${this.#clock.now()}`;
    for (let n = 1;; n++) {
      const id = n === 1 ? base : `${base}-${n}`;
      if (!(await this.#checkpoints.head(id))) return id;
    }
  }
}

interface Chunk {
  readonly number: number;
  readonly items: readonly Item[];
  readonly inDoubt: boolean;
}

function shown<T>(item: Item): FailedRecord<T> {
  return {
    index: item.index,
    record: item.record as T,
    error: item.error ?? { name: "Error", message: "not delivered" },
    attemptCount: item.attempts,
    timestamp: item.timestamp ?? "",
  };
}

function checked<T>(options: RecoveryOptions<T>): { size: number; maxRetries: number; retryDelayMs: number } {
  const { retryBatchSize = 100, maxRetries = 3, retryDelayMs = 1_000, checkpointKey } = options;
  const wrong = (what: string, expected: string, found: unknown) =>
    new ConfigError(
      `Cannot process a batch with recovery: expected ${what} to be ${expected}, found ${found}`,
    );
  if (
    !Number.isSafeInteger(retryBatchSize) || retryBatchSize < 1 || retryBatchSize > MAX_ENTITIES_PER_BATCH
  ) {
    throw wrong("retryBatchSize", `a whole number from 1 to ${MAX_ENTITIES_PER_BATCH}`, retryBatchSize);
  }
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0) {
    throw wrong("maxRetries", "a whole number from 0", maxRetries);
  }
  if (!(retryDelayMs >= 0 && Number.isFinite(retryDelayMs))) {
    throw wrong("retryDelayMs", "0 or more", retryDelayMs);
  }
  if (checkpointKey !== undefined && (checkpointKey.trim() === "" || checkpointKey.length > 200)) {
    throw wrong("checkpointKey", "a text of 1 to 200 characters", `'${checkpointKey}'`);
  }
  return { size: retryBatchSize, maxRetries, retryDelayMs };
}
