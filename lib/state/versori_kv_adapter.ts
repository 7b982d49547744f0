import { messageOf } from "../base/mod.ts";
import { type KVEntry, type KVPage, type KVStore, type PlatformKeyValue, StateError } from "./kv.ts";

/**
 * Largest value written, in characters of its JSON. The platform documents no limit; this one is below every
 * plausible one, so that no record depends on it.
 */
export const MAX_VALUE_CHARS = 64 * 1024;

/** Entries asked for per page: the platform's maximum. */
const PAGE = 100;

/**
 * A `KVStore` over Versori's key-value store.
 *
 * - Keys live below one literal namespace segment, because a workspace's store is shared with other rows.
 * - Segments are encoded injectively into the alphabet every backend of the platform accepts (`A-Z a-z 0-9 _ - .` and
 *   `=` as the escape): two different names never share a key.
 * - Lists are read to their end, whether or not the platform returns keys with the scope's prefix and values as JSON
 *   text, both of which its documentation leaves open.
 * - Errors are thrown as `StateError` (code `kv-unavailable`, retry `later`), never answered as "not there".
 *
 * @example
 * ```ts ignore
 * const kv = new VersoriKVAdapter(ctx.openKv(":workspace:"));
 * const tracker = new JobTracker(kv, ctx.log);
 * ```
 */
export class VersoriKVAdapter implements KVStore {
  readonly #kv: PlatformKeyValue;
  readonly #namespace: string;

  /** @param namespace first segment of every key, default `fluent-inventory` */
  constructor(kv: PlatformKeyValue, namespace = "fluent-inventory") {
    this.#kv = kv;
    this.#namespace = namespace;
  }

  async get(key: readonly string[]): Promise<unknown | undefined> {
    const value = await this.#call("read", key, () => this.#kv.get<unknown>(this.#path(key)));
    return value === null ? undefined : parsed(value);
  }

  async set(key: readonly string[], value: object): Promise<void> {
    const chars = JSON.stringify(value).length;
    if (chars > MAX_VALUE_CHARS) {
      throw new StateError(
        `Cannot write '${
          key.join("/")
        }' to the state store: expected at most ${MAX_VALUE_CHARS} characters, found ${chars}`,
        { code: "kv-value-too-large", retry: "never", details: { key, chars } },
      );
    }
    await this.#call("write", key, () => this.#kv.set(this.#path(key), value));
  }

  async delete(key: readonly string[]): Promise<void> {
    await this.#call("delete", key, () => this.#kv.delete(this.#path(key)));
  }

  async *list(prefix: readonly string[]): AsyncIterable<KVEntry> {
    let after: string | undefined;
    while (true) {
      const { entries, next } = await this.page(prefix, after);
      yield* entries;
      if (next === undefined) return;
      if (next === after) {
        throw new StateError(
          `Cannot list '${prefix.join("/")}' in the state store: the same page was offered twice`,
          { code: "kv-bad-answer", retry: "later" },
        );
      }
      after = next;
    }
  }

  async page(prefix: readonly string[], after?: string): Promise<KVPage> {
    const path = this.#path(prefix);
    const { data, pagination } = await this.#call("list", prefix, () =>
      this.#kv.list(path, {
        selector: after === undefined ? {} : { after },
        options: { limit: PAGE },
      }));
    return {
      entries: data.map(({ key, value }) => ({ key: this.#relative(key, path), value: parsed(value) })),
      next: pagination.nextCursor || undefined,
    };
  }

  async count(prefix: readonly string[]): Promise<number> {
    return (await this.#call("count", prefix, () => this.#kv.count(this.#path(prefix)))).count;
  }

  #path(key: readonly string[]): string[] {
    return [this.#namespace, ...key].map(encodeSegment);
  }

  /** The key below the namespace, wherever the scope's own prefix may stand before it. */
  #relative(key: readonly string[], path: readonly string[]): string[] {
    for (let at = 0; at + path.length <= key.length; at++) {
      if (path.every((segment, i) => key[at + i] === segment)) return key.slice(at + 1).map(decodeSegment);
    }
    throw new StateError(
      `Cannot list '${path.join("/")}' in the state store: found an entry of another prefix, '${
        key.join("/")
      }'`,
      { code: "kv-bad-answer", retry: "later" },
    );
  }

  async #call<T>(verb: string, key: readonly string[], operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      throw new StateError(`Cannot ${verb} '${key.join("/")}' in the state store: ${messageOf(error)}`, {
        code: "kv-unavailable",
        retry: "later",
        details: { key },
        cause: error,
      });
    }
  }
}

/** Encodes a free-text segment into `[A-Za-z0-9._-]`, every other byte as `=XX`. Injective, and never empty. */
export function encodeSegment(segment: string): string {
  if (segment === "") return "=";
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(segment)) return segment;
  let encoded = "";
  for (const byte of new TextEncoder().encode(segment)) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9._-]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  // A segment of dots alone could be read as a relative path by a store that addresses keys by URL.
  return /^\.+$/.test(encoded) ? encoded.replaceAll(".", "=2E") : encoded;
}

/** The inverse of `encodeSegment`. */
export function decodeSegment(encoded: string): string {
  if (encoded === "=") return "";
  if (!encoded.includes("=")) return encoded;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    if (encoded[i] === "=") {
      bytes.push(parseInt(encoded.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(encoded.charCodeAt(i));
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** Our values are objects: a string is the JSON text of one. */
function parsed(value: unknown): unknown {
  return typeof value === "string" ? JSON.parse(value) : value;
}
