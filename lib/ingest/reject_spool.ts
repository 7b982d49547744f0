import type { RejectedRow } from "../report/mod.ts";
import type { Work } from "./work.ts";

/** Characters of rejected rows gathered before they are written as a part. */
const PART_CHARS = 4 * 1024 * 1024;

/** Where a job's rejected rows are kept until the report is written. */
export function rejectPartsPrefix(workPrefix: string, jobId: string): string {
  return `${workPrefix}${jobId}/rejects/`;
}

/** The key of part `n`, from 1. */
export function rejectPartKey(workPrefix: string, jobId: string, n: number): string {
  return `${rejectPartsPrefix(workPrefix, jobId)}${String(n).padStart(5, "0")}.jsonl`;
}

/** Writes rejected rows out in parts, so that any number of them takes little memory. */
export class RejectSpool {
  readonly #work: Work;
  #lines: string[] = [];
  #chars = 0;
  parts: number;
  count: number;

  /** @param from what was written before, where another slice goes on */
  constructor(work: Work, from: { readonly parts: number; readonly count: number } = { parts: 0, count: 0 }) {
    this.#work = work;
    this.parts = from.parts;
    this.count = from.count;
  }

  /** Takes one row. True when a part is full and `flush` should be called. */
  add(row: RejectedRow): boolean {
    const line = JSON.stringify(row) + "\n";
    this.#lines.push(line);
    this.#chars += line.length;
    this.count++;
    return this.#chars >= PART_CHARS;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    await this.#work.checkClaim();
    this.parts++;
    const { settings, request, ports } = this.#work;
    const body = this.#lines.join("");
    this.#lines = [];
    this.#chars = 0;
    await ports.store.uploadFile(rejectPartKey(settings.s3WorkPrefix, request.jobId, this.parts), body, {
      contentType: "application/x-ndjson",
      ...this.#work.signal,
    });
  }
}
