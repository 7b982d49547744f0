import type { PlatformKeyValue } from "../../lib/state/mod.ts";

/**
 * The platform's key-value store as a model: JSON text, lists of at most 100, newest first, opaque cursors; keys and
 * values of lists come back as the pessimistic answers to what its documentation leaves open.
 */
export class MemoryKeyValue implements PlatformKeyValue {
  readonly entries = new Map<string, string>();
  /** Each entry's place in lists, by key: the larger the newer. */
  readonly #places = new Map<string, number>();
  #lastPlace = 0;
  /** Called before every operation; may throw. */
  before: (operation: string, key: readonly string[]) => void | Promise<void> = () => {};
  /** Called after every write and delete; may throw: then its answer is lost. */
  after: (operation: string, key: readonly string[]) => void = () => {};
  writes = 0;
  /** Operations so far. */
  calls = 0;
  /** Whether an update makes an entry the newest of its lists, which the platform leaves open. */
  updateMovesToFront = false;

  async get<T>(key: string[]): Promise<T | undefined> {
    await this.#begin("get", key);
    const text = this.entries.get(check(key).join("/"));
    return text === undefined ? undefined : JSON.parse(text) as T;
  }

  async set<T>(key: string[], value: T): Promise<void> {
    await this.#begin("set", key);
    this.writes++;
    const path = check(key).join("/");
    if (this.updateMovesToFront || !this.entries.has(path)) this.#places.set(path, ++this.#lastPlace);
    this.entries.set(path, JSON.stringify(value));
    this.after("set", key);
  }

  async delete(key: string[]): Promise<void> {
    await this.#begin("delete", key);
    this.entries.delete(check(key).join("/"));
    this.after("delete", key);
  }

  async list(
    prefix: string[],
    options?: { selector?: { after?: string }; options?: { limit?: number } },
  ): Promise<{ data: { key: string[]; value: unknown }[]; pagination: { nextCursor: string } }> {
    await this.#begin("list", prefix);
    const start = check(prefix).join("/") + "/";
    const before = Number(options?.selector?.after ?? Infinity);
    const limit = Math.min(options?.options?.limit ?? 100, 100);
    const all = [...this.entries].filter(([key]) => key.startsWith(start))
      .map(([key, value]) => ({ key, value, place: this.#places.get(key) ?? 0 }))
      .filter(({ place }) => place < before)
      .sort((a, b) => b.place - a.place);
    const page = all.slice(0, limit);
    return {
      data: page.map(({ key, value }) => ({ key: ["org", "project", "local", ...key.split("/")], value })),
      pagination: { nextCursor: all.length > limit ? String(page.at(-1)!.place) : "" },
    };
  }

  async count(prefix: string[]): Promise<{ count: number }> {
    await this.#begin("count", prefix);
    const start = check(prefix).join("/") + "/";
    return { count: [...this.entries.keys()].filter((key) => key.startsWith(start)).length };
  }

  #begin(operation: string, key: readonly string[]): void | Promise<void> {
    this.calls++;
    return this.before(operation, key);
  }
}

function check(key: string[]): string[] {
  for (const segment of key) if (!/^[A-Za-z0-9._=-]+$/.test(segment)) throw new Error("invalid key");
  return key;
}
