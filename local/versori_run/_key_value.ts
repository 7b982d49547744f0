/** What a key-value store covers; see the reference table in `_kv_scope.ts`. */
export type KeyValueScope =
  | ":execution:"
  | ":project:"
  | ":workspace:"
  | ":organization:"
  | ":user:";

/** How `get` answers a key that is not there; without either it answers `undefined`. */
export type GetOptions<T> = { defaultValue?: T } | {
  throwOnNotFound?: boolean;
};

/** What `list` selects, and how much of it. */
export interface ListKVRequest {
  selector?: {
    prefix?: string[];
    /** Cursor of an earlier answer: entries before it. */
    before?: string;
    /** Cursor of an earlier answer: entries after it. */
    after?: string;
    filter?: {
      createdAfter?: string;
      createdBefore?: string;
      metadata?: Record<string, unknown>;
    };
  };
  options?: {
    /** 1–100, default 100. */
    limit?: number;
    /** Oldest first. */
    reverse?: boolean;
  };
}

/** One entry of a list. */
export interface KVEntry {
  key: string[];
  value: unknown;
  versionstamp: string;
  createdAt: string;
  expiresAt?: string | null;
}

/** One page of a list; an empty `nextCursor` is its end. */
export interface ListKVResponse {
  data: KVEntry[];
  pagination: { nextCursor: string; prevCursor: string };
}

/** Number of entries under a prefix. */
export interface CountKVResponse {
  count: number;
}

/** A key-value store of one scope. Values are JSON. */
export interface KeyValue {
  get<T>(
    key: string | string[],
    options?: GetOptions<T>,
  ): Promise<T | undefined>;
  set<T>(key: string | string[], value: T): Promise<void>;
  delete(key: string | string[]): Promise<void>;
  /** Entries whose key starts with these whole segments, newest first. */
  list(prefix: string[], options?: ListKVRequest): Promise<ListKVResponse>;
  count(prefix: string[]): Promise<CountKVResponse>;
}

/** Thrown by `get` with `throwOnNotFound`. */
export class KVNotFoundError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "KVNotFoundError";
  }
}
