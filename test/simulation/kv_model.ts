import type { PlatformKeyValue } from "../../lib/state/mod.ts";
import { shuffle } from "./random.ts";
import type { Call, Effects } from "./effects.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

interface Version {
  readonly at: number;
  readonly by: Process;
  /** JSON text; undefined: deleted. */
  readonly text: string | undefined;
}

/**
 * The platform's key-value store. Where it is `stale`, what one process wrote may be seen by another only up to
 * `staleMs` later; lists come in any order.
 */
export class KeyValueModel {
  readonly #versions = new Map<string, Version[]>();
  /** The largest value written, in characters. */
  largest = 0;

  constructor(
    readonly scheduler: Scheduler,
    readonly effects: Effects,
    readonly random: () => number,
    readonly staleMs: number,
  ) {}

  /** The store as one process sees it. */
  of(process: Process): PlatformKeyValue {
    const call = <T>(name: string, key: string[], changes: boolean, apply: () => T): Promise<T> => {
      const described: Call = { port: "kv", name, key: key.slice(1).join("/"), changes };
      return this.effects.call(process, described, apply, () => new Error("503 from the key-value store"));
    };
    const set = (key: string[], text: string | undefined) => {
      this.largest = Math.max(this.largest, text?.length ?? 0);
      const versions = this.#versions.get(key.join("/")) ?? [];
      versions.push({ at: this.scheduler.now, by: process, text });
      if (versions.length > 8) versions.shift();
      this.#versions.set(key.join("/"), versions);
    };
    return {
      get: <T>(key: string[]) =>
        call("get", key, false, () => {
          const text = this.#seen(key.join("/"), process);
          return text === undefined ? undefined : JSON.parse(text) as T;
        }),
      set: <T>(key: string[], value: T) => {
        const text = JSON.stringify(value);
        return call("set", key, true, () => set(key, text));
      },
      delete: (key: string[]) => call("delete", key, true, () => set(key, undefined)),
      list: (prefix, options) =>
        call("list", prefix, false, () => {
          const all = this.#entries(prefix, process);
          if (this.staleMs > 0) shuffle(this.random, all);
          const limit = options?.options?.limit ?? 100;
          const from = Number(options?.selector?.after ?? 0);
          const data = all.slice(from, from + limit).map(([key, value]) => ({ key: key.split("/"), value }));
          return {
            data,
            pagination: { nextCursor: from + limit < all.length ? String(from + limit) : "" },
          };
        }),
      count: (prefix) =>
        call("count", prefix, false, () => ({ count: this.#entries(prefix, process).length })),
    };
  }

  /** Everything stored now, by key. */
  contents(): Map<string, unknown> {
    const contents = new Map<string, unknown>();
    for (const [key, versions] of this.#versions) {
      const text = versions.at(-1)?.text;
      if (text !== undefined) contents.set(key, JSON.parse(text));
    }
    return contents;
  }

  #entries(prefix: string[], process: Process): [string, string][] {
    const start = prefix.join("/") + "/";
    const all: [string, string][] = [];
    for (const key of this.#versions.keys()) {
      const text = key.startsWith(start) ? this.#seen(key, process) : undefined;
      if (text !== undefined) all.push([key, text]);
    }
    return all.reverse();
  }

  /** The value as this process sees it now. */
  #seen(key: string, process: Process): string | undefined {
    const versions = this.#versions.get(key);
    if (!versions) return undefined;
    const lag = this.staleMs === 0 ? 0 : Math.floor(this.random() * this.staleMs);
    for (let n = versions.length - 1; n >= 0; n--) {
      const version = versions[n]!;
      if (version.by === process || version.at + lag <= this.scheduler.now) return version.text;
    }
    return versions.length < 8 ? undefined : versions[0]!.text;
  }
}
