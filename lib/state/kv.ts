import { ConnectorError } from "../base/mod.ts";

/**
 * The part of Versori's `KeyValue` the connector uses; `ctx.openKv(scope)` fits it as it is. There is no TTL, no
 * compare-and-set and no transaction, because the platform's SDK documents none.
 */
export interface PlatformKeyValue {
  get<T>(key: string[]): Promise<T | undefined>;
  set<T>(key: string[], value: T): Promise<void>;
  delete(key: string[]): Promise<void>;
  list(
    prefix: string[],
    options?: { selector?: { after?: string }; options?: { limit?: number } },
  ): Promise<{ data: { key: string[]; value: unknown }[]; pagination: { nextCursor?: string } }>;
  count(prefix: string[]): Promise<{ count: number }>;
}

/** One entry of a list: its key below the namespace, and its value. */
export interface KVEntry {
  readonly key: readonly string[];
  readonly value: unknown;
}

/** A part of a list, and where the next part starts. */
export interface KVPage {
  readonly entries: readonly KVEntry[];
  /** The store's own, opaque cursor of the next page; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * The key-value store the connector is handed. Keys are lists of free-text segments; values are JSON objects.
 * Every method throws a `StateError` when the store cannot answer: nothing is ever guessed to be absent.
 */
export interface KVStore {
  get(key: readonly string[]): Promise<unknown | undefined>;
  set(key: readonly string[], value: object): Promise<void>;
  delete(key: readonly string[]): Promise<void>;
  /** Every entry whose key starts with the whole segments of `prefix`, newest first, through all pages. */
  list(prefix: readonly string[]): AsyncIterable<KVEntry>;
  /** One page of such a list, in one call: up to 100 entries, starting behind the cursor of an earlier page. */
  page(prefix: readonly string[], after?: string): Promise<KVPage>;
  count(prefix: readonly string[]): Promise<number>;
}

/** The state store could not be read or written, or holds something unreadable. */
export class StateError extends ConnectorError {
  override name = "StateError";
}
