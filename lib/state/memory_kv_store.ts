import type { KVEntry, KVPage, KVStore } from "./kv.ts";

/** Entries per page, as the platform's store has it. */
const PAGE = 100;

/** A key-value store that lasts as long as the process. */
export class MemoryKVStore implements KVStore {
  readonly #entries = new Map<string, { key: readonly string[]; json: string }>();

  get(key: readonly string[]): Promise<unknown | undefined> {
    const entry = this.#entries.get(JSON.stringify(key));
    return Promise.resolve(entry && JSON.parse(entry.json));
  }

  set(key: readonly string[], value: object): Promise<void> {
    this.#entries.set(JSON.stringify(key), { key: [...key], json: JSON.stringify(value) });
    return Promise.resolve();
  }

  delete(key: readonly string[]): Promise<void> {
    this.#entries.delete(JSON.stringify(key));
    return Promise.resolve();
  }

  async *list(prefix: readonly string[]): AsyncIterable<KVEntry> {
    for (const { key, json } of [...this.#entries.values()].reverse()) {
      if (key.length > prefix.length && prefix.every((part, at) => key[at] === part)) {
        yield await Promise.resolve({ key, value: JSON.parse(json) });
      }
    }
  }

  async page(prefix: readonly string[], after?: string): Promise<KVPage> {
    const entries: KVEntry[] = [];
    for await (const entry of this.list(prefix)) entries.push(entry);
    const from = Number(after ?? 0);
    const to = from + PAGE;
    return { entries: entries.slice(from, to), next: to < entries.length ? String(to) : undefined };
  }

  async count(prefix: readonly string[]): Promise<number> {
    let entries = 0;
    for await (const _ of this.list(prefix)) entries++;
    return entries;
  }
}
