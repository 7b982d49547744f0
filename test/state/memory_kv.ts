import type { PlatformKeyValue } from "../../lib/state/mod.ts";

/**
 * The platform's key-value store as a model: JSON text, lists of at most 100, newest first, opaque cursors; keys and
 * values of lists come back as the pessimistic answers to what its documentation leaves open.
 */
export class MemoryKeyValue implements PlatformKeyValue {
  readonly entries = new Map<string, string>();
  /** Called before every operation; may throw. */
  before: (operation: string, key: readonly string[]) => void | Promise<void> = () => {};
  writes = 0;

  async get<T>(key: string[]): Promise<T | undefined> {
    await this.before("get", key);
    const text = this.entries.get(check(key).join("/"));
    return text === undefined ? undefined : JSON.parse(text) as T;
  }

  async set<T>(key: string[], value: T): Promise<void> {
    await this.before("set", key);
    this.writes++;
    this.entries.set(check(key).join("/"), JSON.stringify(value));
  }

  async delete(key: string[]): Promise<void> {
    await this.before("delete", key);
    this.entries.delete(check(key).join("/"));
  }

  async list(
    prefix: string[],
    options?: { selector?: { after?: string }; options?: { limit?: number } },
  ): Promise<{ data: { key: string[]; value: unknown }[]; pagination: { nextCursor: string } }> {
    await this.before("list", prefix);
    const start = check(prefix).join("/") + "/";
    const all = [...this.entries].filter(([key]) => key.startsWith(start)).reverse();
    const from = Number(options?.selector?.after ?? 0);
    const limit = Math.min(options?.options?.limit ?? 100, 100);
    const page = all.slice(from, from + limit);
    return {
      data: page.map(([key, value]) => ({ key: ["org", "project", "local", ...key.split("/")], value })),
      pagination: { nextCursor: from + limit < all.length ? String(from + limit) : "" },
    };
  }

  async count(prefix: string[]): Promise<{ count: number }> {
    await this.before("count", prefix);
    const start = check(prefix).join("/") + "/";
    return { count: [...this.entries.keys()].filter((key) => key.startsWith(start)).length };
  }
}

function check(key: string[]): string[] {
  for (const segment of key) if (!/^[A-Za-z0-9._=-]+$/.test(segment)) throw new Error("invalid key");
  return key;
}
