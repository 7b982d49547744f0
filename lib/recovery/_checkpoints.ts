import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import { type KVStore, MAX_VALUE_CHARS, parseRecord, readRecord } from "../state/mod.ts";

const count = z.number().int().nonnegative();

/** An error as it is kept and shown: never a stack, never a payload. */
export const failureErrorSchema = z.object({
  name: z.string(),
  message: z.string(),
  code: z.string().optional(),
});

const itemSchema = z.object({
  index: count,
  record: z.unknown(),
  attempts: count,
  error: failureErrorSchema.optional(),
  /** ISO 8601. */
  timestamp: z.string().optional(),
});
export type Item = z.output<typeof itemSchema>;

const pageSchema = z.object({
  v: z.literal(1),
  /** `sending`: a process was about to send these, so they may have been delivered. */
  state: z.enum(["planned", "sending", "failed"]),
  items: z.array(itemSchema),
});
export type Page = z.output<typeof pageSchema>;

const headSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  key: z.string(),
  totalRecords: count,
  /** ISO 8601. */
  createdAt: z.string(),
  pages: count,
});
export type Head = z.output<typeof headSchema>;

const ROOT = "recovery";
/** Room for the page's own fields. */
const PAGE_CHARS = MAX_VALUE_CHARS - 2_048;

/** Puts items into pages of at most `size`, each small enough to be stored. */
export function intoPages(items: readonly Item[], size: number): Item[][] {
  const pages: Item[][] = [];
  let open: Item[] = [];
  let chars = 0;
  for (const item of items) {
    const own = (JSON.stringify(item) ?? "").length + 1;
    if (own > PAGE_CHARS) {
      throw new ConnectorError(
        `Cannot keep record ${item.index} in a checkpoint: expected at most ${PAGE_CHARS} characters of JSON, found ${own}`,
        { code: "checkpoint-too-large", retry: "never", details: { index: item.index } },
      );
    }
    if (open.length >= size || chars + own > PAGE_CHARS) {
      pages.push(open);
      open = [];
      chars = 0;
    }
    open.push(item);
    chars += own;
  }
  if (open.length > 0) pages.push(open);
  return pages;
}

/** Checkpoints over a key-value store: a head, and a page for every chunk that is not delivered. */
export class Checkpoints {
  readonly #kv: KVStore;

  constructor(kv: KVStore) {
    this.#kv = kv;
  }

  head(id: string): Promise<Head | undefined> {
    return readRecord(this.#kv, [ROOT, id, "head"], headSchema);
  }

  /** Pages first, head last: a checkpoint with a head is whole. */
  async create(head: Head, pages: readonly (readonly Item[])[]): Promise<void> {
    for (const [number, items] of pages.entries()) {
      await this.writePage(head.id, number, { v: 1, state: "planned", items: [...items] });
    }
    await this.#kv.set([ROOT, head.id, "head"], head);
  }

  writePage(id: string, number: number, page: Page): Promise<void> {
    return this.#kv.set([ROOT, id, pageName(number)], page);
  }

  removePage(id: string, number: number): Promise<void> {
    return this.#kv.delete([ROOT, id, pageName(number)]);
  }

  /** The pages that are left, in order. */
  async pages(id: string): Promise<{ number: number; page: Page }[]> {
    const found: { number: number; page: Page }[] = [];
    for await (const { key, value } of this.#kv.list([ROOT, id])) {
      const name = key.at(-1) ?? "";
      if (name === "head") continue;
      found.push({ number: Number(name), page: parseRecord(key, value, pageSchema) });
    }
    return found.sort((a, b) => a.number - b.number);
  }

  async heads(): Promise<Head[]> {
    const heads: Head[] = [];
    for await (const { key, value } of this.#kv.list([ROOT])) {
      if (key.at(-1) === "head") heads.push(parseRecord(key, value, headSchema));
    }
    return heads.sort((a, b) => a.createdAt < b.createdAt ? -1 : 1);
  }

  async remove(id: string): Promise<boolean> {
    const head = await this.head(id);
    for (const { number } of await this.pages(id)) await this.removePage(id, number);
    await this.#kv.delete([ROOT, id, "head"]);
    return head !== undefined;
  }
}

function pageName(number: number): string {
  return String(number).padStart(6, "0");
}
