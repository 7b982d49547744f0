import { z } from "zod";
import type { ObjectStore } from "../s3/mod.ts";
import { readLines } from "./read_lines.ts";
import type { Work } from "./work.ts";

/** Characters of values gathered before they are written as a part: what a batch needs is read in parts as large. */
const PART_CHARS = 1024 * 1024;
/** Parts a reader keeps: batches are made in the file's order, a few at a time. */
const KEPT_PARTS = 4;

/** One object of values, and the line of the first row in it. */
export const resolvedPartSchema = z.object({ key: z.string(), line: z.number().int().nonnegative() });
export type ResolvedPart = z.output<typeof resolvedPartSchema>;

/** What the resolvers that answer later gave for a file's rows, so that no batch ever asks them again. */
export const resolvedSchema = z.object({
  /** The fields they gave, in the order of the values. */
  fields: z.array(z.string()),
  parts: z.array(resolvedPartSchema),
});
export type Resolved = z.output<typeof resolvedSchema>;

/** Writes what resolvers gave for each accepted row, in parts beside the manifest. */
export class ResolvedSpool {
  readonly #work: Work;
  readonly #parts: ResolvedPart[];
  #lines: string[] = [];
  #chars = 0;
  #firstLine = 0;

  /** @param parts what was written before, where another slice goes on */
  constructor(work: Work, parts: readonly ResolvedPart[] = []) {
    this.#work = work;
    this.#parts = [...parts];
  }

  get parts(): readonly ResolvedPart[] {
    return this.#parts;
  }

  /** Takes the values of the row at a line. True when a part is full and `flush` should be called. */
  add(line: number, values: readonly unknown[]): boolean {
    if (this.#lines.length === 0) this.#firstLine = line;
    // Blank is no value, so that null can stand for a field that is left out.
    const text = JSON.stringify([line, ...values.map((value) => value ?? null)]) + "\n";
    this.#lines.push(text);
    this.#chars += text.length;
    return this.#chars >= PART_CHARS;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const { settings, request, ports, signal } = this.#work;
    await this.#work.checkClaim();
    const body = this.#lines.join("");
    const line = this.#firstLine;
    this.#lines = [];
    this.#chars = 0;
    // The random part keeps two runs that don't know of each other from mixing their values.
    const unique = Math.floor(ports.random() * 2 ** 32).toString(16).padStart(8, "0");
    const number = String(this.#parts.length + 1).padStart(5, "0");
    const key = `${settings.s3WorkPrefix}${request.jobId}/resolved/${number}-${unique}.jsonl`;
    await ports.store.uploadFile(key, body, { contentType: "application/x-ndjson", ...signal });
    this.#parts.push({ key, line });
  }
}

/** Reads them back. */
export class ResolvedValues {
  readonly #store: ObjectStore;
  readonly #parts: readonly ResolvedPart[];
  readonly #signal: AbortSignal | undefined;
  readonly #kept = new Map<ResolvedPart, Promise<ReadonlyMap<number, readonly unknown[]>>>();

  constructor(store: ObjectStore, parts: readonly ResolvedPart[], signal?: AbortSignal) {
    this.#store = store;
    this.#parts = parts;
    this.#signal = signal;
  }

  /** What was given for the row at a line; undefined when it was rejected. */
  async of(line: number): Promise<readonly unknown[] | undefined> {
    const part = this.#parts.findLast((part) => part.line <= line);
    if (!part) return undefined;
    let values = this.#kept.get(part);
    if (!values) {
      values = this.#read(part.key);
      const [oldest] = this.#kept.keys();
      if (oldest && this.#kept.size >= KEPT_PARTS) this.#kept.delete(oldest);
      this.#kept.set(part, values);
      values.catch(() => this.#kept.delete(part));
    }
    return (await values).get(line);
  }

  async #read(key: string): Promise<ReadonlyMap<number, readonly unknown[]>> {
    const values = new Map<number, readonly unknown[]>();
    for await (const text of readLines(this.#store, key, this.#signal)) {
      const [line, ...given] = JSON.parse(text) as [number, ...unknown[]];
      values.set(line, given.map((value) => value ?? undefined));
    }
    return values;
  }
}
