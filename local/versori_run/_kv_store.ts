import { monotonicFactory } from "ulid";
import type { Clock } from "./_clock.ts";
import type { Database } from "./_database.ts";
import type { StoredScope } from "./_kv_scope.ts";

/** An entry as it is stored. */
export interface StoredEntry {
  readonly path: string;
  /** Its place in lists: ULIDs sort by age. */
  readonly id: string;
  /** JSON. */
  readonly value: string;
  readonly versionstamp: string;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
}

/** What a page consists of. */
export interface PageRequest {
  readonly after: string | undefined;
  readonly before: string | undefined;
  readonly createdAfter: number | undefined;
  readonly createdBefore: number | undefined;
  readonly limit: number;
  readonly reverse: boolean;
}

/** A page, and whether there are entries on either side of it. */
export interface Page {
  readonly entries: readonly StoredEntry[];
  readonly hasNext: boolean;
  readonly hasPrevious: boolean;
}

const UNDER = "store = ? AND (path = ? OR (path >= ? AND path < ?))";
const FILTER = "id < ? AND id > ? AND created_at > ? AND created_at < ?";
/** Beyond every ULID. */
const MAX_ID = "~";

/** The entries of every store of the platform. Paths are whole: prefix of the scope, then key, joined by `/`. */
export class KvStore {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #updateMovesToFront: boolean;
  readonly #ulid = monotonicFactory();

  constructor(db: Database, clock: Clock, updateMovesToFront: boolean) {
    this.#db = db;
    this.#clock = clock;
    this.#updateMovesToFront = updateMovesToFront;
  }

  get(store: string, path: string): string | undefined {
    return this.#db.get<{ value: string }>(
      "SELECT value FROM kv WHERE store = ? AND path = ?",
      store,
      path,
    )?.value;
  }

  set(store: string, path: string, value: string): void {
    const now = this.#clock.now();
    const id = this.#ulid(now);
    this.#db.run(
      `INSERT INTO kv (store, path, id, value, versionstamp, created_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (store, path) DO UPDATE SET value = excluded.value, versionstamp = excluded.versionstamp
       ${this.#updateMovesToFront ? ", id = excluded.id" : ""}`,
      store,
      path,
      id,
      value,
      id,
      now,
    );
  }

  delete(store: string, path: string): void {
    this.#db.run("DELETE FROM kv WHERE store = ? AND path = ?", store, path);
  }

  count(scope: StoredScope): number {
    return this.#db.get<{ n: number }>(
      `SELECT count(*) AS n FROM kv WHERE ${UNDER}`,
      ...under(scope),
    )!.n;
  }

  /** Removes everything under the prefix. */
  removeUnder(scope: StoredScope): void {
    this.#db.run(`DELETE FROM kv WHERE ${UNDER}`, ...under(scope));
  }

  /** Removes a whole store. */
  removeStore(store: string): void {
    this.#db.run("DELETE FROM kv WHERE store = ?", store);
  }

  /** Entries under the prefix, newest first unless reversed. */
  page(scope: StoredScope, request: PageRequest): Page {
    const { limit, reverse } = request;
    // In reverse order, what comes after a cursor is newer than it.
    const upper = (reverse ? request.before : request.after) ?? MAX_ID;
    const lower = (reverse ? request.after : request.before) ?? "";
    // Only a `before` cursor is read towards it: the entries next to it are wanted, not the first of the list.
    const backwards = request.before !== undefined &&
      request.after === undefined;
    const found = this.#select(
      scope,
      request,
      upper,
      lower,
      limit + 1,
      reverse !== backwards,
    );
    const more = found.length > limit;
    const entries = found.slice(0, limit);
    if (backwards) entries.reverse();
    return {
      entries,
      hasNext: backwards ? true : more,
      hasPrevious: backwards ? more : request.after !== undefined,
    };
  }

  #select(
    scope: StoredScope,
    request: PageRequest,
    upper: string,
    lower: string,
    limit: number,
    ascending: boolean,
  ) {
    return this.#db.all<StoredEntry>(
      `SELECT path, id, value, versionstamp, created_at FROM kv WHERE ${UNDER} AND ${FILTER}
       ORDER BY id ${ascending ? "ASC" : "DESC"} LIMIT ?`,
      ...under(scope),
      upper,
      lower,
      request.createdAfter ?? -1,
      request.createdBefore ?? Number.MAX_SAFE_INTEGER,
      limit,
    );
  }
}

/** Parameters of {@linkcode UNDER}: the prefix itself, and what lies between `prefix/` and `prefix0` (`0` follows `/`). */
function under(
  { store, prefix }: StoredScope,
): [string, string, string, string] {
  const path = prefix.join("/");
  return [store, path, `${path}/`, `${path}0`];
}
