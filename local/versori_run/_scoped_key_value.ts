import { Buffer } from "node:buffer";
import {
  type GetOptions,
  type KeyValue,
  KVNotFoundError,
  type ListKVRequest,
  type ListKVResponse,
} from "./_key_value.ts";
import { toJson } from "./_json.ts";
import type { StoredScope } from "./_kv_scope.ts";
import type { KvStore, StoredEntry } from "./_kv_store.ts";
import type { PlatformOptions } from "./_options.ts";

/** The platform's largest page. */
const MAX_PAGE = 100;
/** What the platform's NATS-backed storage accepted in production; a key must not start or end with a dot there. */
const KEY = /^[A-Za-z0-9._=/-]+$/;
const CURSOR = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** The key-value store of one scope, as `openKv` answers it. */
export function scopedKeyValue(
  store: KvStore,
  scope: StoredScope,
  options: PlatformOptions,
): KeyValue {
  const pathOf = (key: string | string[]) =>
    [...scope.prefix, ...segmentsOf(key, options.kvMaxKeyBytes)].join("/");
  const under = (prefix: string[]): StoredScope => ({
    store: scope.store,
    prefix: prefix.length === 0 ? scope.prefix : [
      ...scope.prefix,
      ...segmentsOf(listPrefix(prefix), options.kvMaxKeyBytes),
    ],
  });

  return {
    get: <T>(key: string | string[], getOptions?: GetOptions<T>) =>
      Promise.try((): T | undefined => {
        const value = store.get(scope.store, pathOf(key));
        if (value !== undefined) return JSON.parse(value) as T;
        if (
          getOptions && "throwOnNotFound" in getOptions &&
          getOptions.throwOnNotFound
        ) {
          throw new KVNotFoundError(`Key '${nameOf(key)}' not found`);
        }
        return getOptions && "defaultValue" in getOptions ? getOptions.defaultValue : undefined;
      }),
    set: (key, value) =>
      Promise.try(() => {
        const path = pathOf(key);
        const json = toJson(value, `the value of key '${nameOf(key)}'`);
        const bytes = Buffer.byteLength(json);
        if (bytes > options.kvMaxValueBytes) {
          throw new RangeError(
            `Cannot store key '${nameOf(key)}': its value is ${bytes} bytes of JSON, allowed are ` +
              `${options.kvMaxValueBytes} (option kvMaxValueBytes)`,
          );
        }
        store.set(scope.store, path, json);
      }),
    delete: (key) => Promise.try(() => store.delete(scope.store, pathOf(key))),
    list: (prefix, request = {}) =>
      Promise.try((): ListKVResponse => {
        const {
          selector,
          options: { limit = MAX_PAGE, reverse = false } = {},
        } = request;
        if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
          throw new RangeError(
            `Cannot list: limit must be a whole number from 1 to ${MAX_PAGE}, found ${limit}`,
          );
        }
        refuseUnsupported(prefix, selector);
        const page = store.page(under(prefix), {
          after: decodeCursor(selector?.after),
          before: decodeCursor(selector?.before),
          createdAfter: timeOf(selector?.filter?.createdAfter),
          createdBefore: timeOf(selector?.filter?.createdBefore),
          limit,
          reverse,
        });
        const hidden = options.listKeysIncludeScopePrefix ? 0 : scope.prefix.length;
        return {
          data: page.entries.map((entry) => ({
            key: entry.path.split("/").slice(hidden),
            value: options.listValuesParsed ? JSON.parse(entry.value) : entry.value,
            versionstamp: entry.versionstamp,
            createdAt: new Date(entry.created_at).toISOString(),
            expiresAt: null,
          })),
          pagination: {
            nextCursor: page.hasNext ? encodeCursor(page.entries.at(-1)) : "",
            prevCursor: page.hasPrevious ? encodeCursor(page.entries[0]) : "",
          },
        };
      }),
    count: (prefix) => Promise.try(() => ({ count: store.count(under(prefix)) })),
  };
}

/** Segments of a key: `'a/b'` and `['a', 'b']` name the same entry. */
function segmentsOf(
  key: string | readonly string[],
  maxBytes: number,
): string[] {
  const name = nameOf(key);
  if (
    !KEY.test(name) || name.startsWith(".") || name.endsWith(".") ||
    name.split("/").includes("")
  ) {
    throw new TypeError(
      `invalid key: ${JSON.stringify(name)} (allowed are A-Z a-z 0-9 . _ = - in segments joined by /)`,
    );
  }
  if (name.length > maxBytes) {
    throw new RangeError(
      `invalid key: ${name.length} bytes, allowed are ${maxBytes} (option kvMaxKeyBytes)`,
    );
  }
  return name.split("/");
}

function nameOf(key: string | readonly string[]): string {
  return typeof key === "string" ? key : key.join("/");
}

function listPrefix(prefix: unknown): string[] {
  if (Array.isArray(prefix)) return prefix;
  throw new TypeError(
    `Cannot list: the prefix must be an array of segments, found ${typeof prefix}`,
  );
}

function refuseUnsupported(
  prefix: string[],
  selector: ListKVRequest["selector"],
): void {
  if (
    selector?.prefix &&
    selector.prefix.join("/") !== listPrefix(prefix).join("/")
  ) {
    throw new TypeError(
      "Cannot list: selector.prefix contradicts the prefix argument",
    );
  }
  if (selector?.filter?.metadata) {
    throw new TypeError(
      "Cannot list by metadata: the SDK has no way to store any",
    );
  }
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new TypeError(`Cannot list: ${JSON.stringify(text)} is no time`);
  }
  return time;
}

function encodeCursor(entry: StoredEntry | undefined): string {
  return entry ? Buffer.from(entry.id).toString("base64url") : "";
}

function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined || cursor === "") return undefined;
  const id = Buffer.from(cursor, "base64url").toString();
  if (!CURSOR.test(id)) {
    throw new Error(
      "Cannot list: 500 Internal Server Error (the cursor is none of an earlier answer)",
    );
  }
  return id;
}
