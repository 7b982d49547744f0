import { checkDialect, type CsvDialect } from "./dialect.ts";
import type { CsvDamage, CsvItem, CsvPosition } from "./csv_item.ts";
import { type ReadingRules, scanRegion, tooLongDamage } from "./_region.ts";
import { RAW_HEAD_BYTES, rawHead, rawText } from "./raw_text.ts";

/** Largest record, in bytes, when nothing else is said: far above any row of stock. */
export const MAX_RECORD_BYTES = 1024 * 1024;

/** How a reader reads. */
export interface CsvReaderOptions {
  readonly dialect: CsvDialect;
  /** Cells each record must have; any number when absent. */
  readonly expectedColumns?: number | undefined;
  /** Physical line of the first byte; default 1. */
  readonly startLine?: number | undefined;
  /** Bytes of the file before the first byte; default 0. */
  readonly startOffset?: number | undefined;
  /** Bytes a record may have, and a quoted cell may run on; default 1 MiB. */
  readonly maxRecordBytes?: number | undefined;
}

/**
 * Reads CSV in UTF-8, in chunks of any size, into records and damage, each with its physical line and byte offset.
 *
 * - Blank lines are no records. With two columns or more, lines of nothing but white space are blank.
 * - A record that cannot be read costs itself: reading goes on with the next physical line. That holds for quotes,
 *   too: one that is never closed, or whose cell runs on over lines that look like whole rows, costs its first line.
 * - A reader started at any record's `line` and `offset` finds the same rest.
 * - Memory is bounded by a chunk and twice `maxRecordBytes`.
 * - A byte order mark is not expected; `sniff` tells how many bytes to leave out.
 *
 * @example
 * ```ts
 * import { CsvReader, RFC_4180 } from "./mod.ts";
 * const reader = new CsvReader({ dialect: RFC_4180, expectedColumns: 2 });
 * const items = [...reader.push(new TextEncoder().encode("A1,5\nB2\n")), ...reader.end()];
 * for (const item of items) console.log(item.line, item.kind === "record" ? item.cells : item.message);
 * ```
 */
export class CsvReader {
  readonly #rules: ReadingRules;
  /** Bytes not read yet; the first is at `#offset`, on `#line`. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Pending bytes below which another look is not worth it. */
  #enough = 1;
  #offset: number;
  #line: number;
  #discarding: { head: Uint8Array; length: number } | undefined;
  /** The bytes of the items returned last. */
  #seen: Uint8Array = new Uint8Array();
  #seenOffset = 0;

  /** @throws ConfigError when the dialect makes no sense */
  constructor(options: CsvReaderOptions) {
    this.#rules = {
      dialect: checkDialect(options.dialect),
      columns: options.expectedColumns,
      maxRecordBytes: options.maxRecordBytes ?? MAX_RECORD_BYTES,
    };
    this.#line = options.startLine ?? 1;
    this.#offset = options.startOffset ?? 0;
  }

  /** Takes the next bytes; returns what is complete. The chunk may be reused after the next call. */
  push(chunk: Uint8Array): CsvItem[] {
    this.#seen = new Uint8Array();
    if (chunk.length === 0) return [];
    if (this.#pendingBytes + chunk.length < this.#enough) {
      this.#pending.push(chunk.slice());
      this.#pendingBytes += chunk.length;
      return [];
    }
    return this.#read(this.#join(chunk), false);
  }

  /** Where the first record stands that was not returned yet: a reader started there finds the same rest. */
  get position(): { readonly line: number; readonly offset: number } {
    return { line: this.#line, offset: this.#offset };
  }

  /** The file is at its end; returns the rest. */
  end(): CsvItem[] {
    this.#seen = new Uint8Array();
    return this.#read(this.#join(undefined), true);
  }

  /** The text of an item of the last `push` or `end`, without its line terminator. */
  rawText(item: CsvPosition): string {
    const start = item.offset - this.#seenOffset;
    if (start < 0 || start + item.length > this.#seen.length) {
      throw new RangeError(`The text of line ${item.line} is gone: only items of the last push have it`);
    }
    return rawText(this.#seen.subarray(start, start + item.length));
  }

  #join(chunk: Uint8Array | undefined): Uint8Array {
    const parts = chunk ? [...this.#pending, chunk] : this.#pending;
    this.#pending = [];
    if (parts.length === 1) return parts[0]!;
    const joined = new Uint8Array(this.#pendingBytes + (chunk?.length ?? 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #read(data: Uint8Array, final: boolean): CsvItem[] {
    const items: CsvItem[] = [];
    let rest = data;
    if (this.#discarding) {
      const { damage, used } = this.#discard(this.#discarding, rest, final);
      if (damage) items.push(damage);
      rest = rest.subarray(used);
    }
    if (!this.#discarding) {
      this.#seen = rest;
      this.#seenOffset = this.#offset;
      const lines = final ? rest.length : wholeLines(rest);
      if (lines > 0) {
        const region = { bytes: rest.subarray(0, lines), offset: this.#offset, line: this.#line };
        const scan = scanRegion({ ...region, known: rest.length, final }, this.#rules);
        for (const item of scan.items) items.push(item);
        rest = rest.subarray(scan.bytes);
        this.#offset += scan.bytes;
        this.#line = scan.line;
      }
      if (!final && rest.length > this.#rules.maxRecordBytes) {
        // No line ends in here: a record that long would not have been left. A last CR may be half of a CRLF.
        const length = rest.length - (rest.at(-1) === CR ? 1 : 0);
        this.#discarding = { head: rest.slice(0, RAW_HEAD_BYTES), length };
        rest = rest.subarray(length);
      }
    }
    // Look again when there is twice as much, so that a long record is not searched once per chunk.
    this.#enough = this.#discarding
      ? rest.length + 1
      : Math.min(2 * rest.length, Math.max(this.#rules.maxRecordBytes, rest.length) + 1);
    this.#pending = rest.length > 0 ? [rest.slice()] : [];
    this.#pendingBytes = rest.length;
    return items;
  }

  /** Passes over the rest of a line above the size limit. */
  #discard(
    discarding: { head: Uint8Array; length: number },
    data: Uint8Array,
    final: boolean,
  ): { damage?: CsvDamage; used: number } {
    const end = firstBreak(data);
    const isHalf = end >= 0 && data[end] === CR && end + 1 === data.length && !final;
    if (!final && (end < 0 || isHalf)) {
      const used = end < 0 ? data.length : end;
      this.#discarding = { ...discarding, length: discarding.length + used };
      return { used };
    }
    const used = end < 0 ? data.length : data[end] === CR && data[end + 1] === LF ? end + 2 : end + 1;
    const length = discarding.length + used;
    const position = { line: this.#line, offset: this.#offset, length };
    this.#offset += length;
    this.#line++;
    this.#discarding = undefined;
    return {
      damage: tooLongDamage(
        position,
        rawHead(discarding.head, length, this.#rules.maxRecordBytes),
        this.#rules,
      ),
      used,
    };
  }
}

const LF = 10;
const CR = 13;

function firstBreak(data: Uint8Array): number {
  const cr = data.indexOf(CR);
  const lf = (cr < 0 ? data : data.subarray(0, cr)).indexOf(LF);
  return lf < 0 ? cr : lf;
}

/** Bytes up to the end of the last line that is surely whole: a CR at the very end may be half of a CRLF. */
function wholeLines(data: Uint8Array): number {
  const lf = data.lastIndexOf(LF);
  const tail = data.subarray(lf + 1);
  const cr = tail.lastIndexOf(CR, tail.at(-1) === CR ? -2 : -1);
  return lf + 1 + (cr < 0 ? 0 : cr + 1);
}
