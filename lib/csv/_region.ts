import { Buffer, isUtf8 } from "node:buffer";
import type { CsvDamage, CsvDamageCode, CsvItem, CsvRecord } from "./csv_item.ts";
import type { CsvDialect } from "./dialect.ts";
import { countBreaks, nextLine, type QuotedScan, scanQuoted, swallowsRows } from "./_quoted.ts";
import { QuotedCells } from "./_quoted_cells.ts";
import { rawHead, rawText } from "./raw_text.ts";

/** What holds for the whole file. */
export interface ReadingRules {
  readonly dialect: CsvDialect;
  readonly columns: number | undefined;
  readonly maxRecordBytes: number;
}

/** A run of whole physical lines. */
export interface Region {
  /** Ends with a line terminator, unless the file ends here. */
  readonly bytes: Uint8Array;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Physical line of the first byte. */
  readonly line: number;
  /** Bytes of the file known so far, counted from the region's start. */
  readonly known: number;
  /** Whether the file ends at `known`. */
  readonly final: boolean;
}

/** The items of a region, and how far it was read: a record that needs more of the file stays for later. */
export interface RegionScan {
  readonly items: CsvItem[];
  readonly bytes: number;
  readonly line: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a region. The text is searched as a whole, with the native string search; only records with a quote, and
 * regions with bytes that are not UTF-8, are looked at one by one.
 */
export function scanRegion(region: Region, rules: ReadingRules): RegionScan {
  return new RegionScanner(region, rules).scan();
}

class RegionScanner {
  readonly #region: Region;
  readonly #rules: ReadingRules;
  readonly #text: string;
  /** One character of the text is one byte. */
  readonly #single: boolean;
  /** There are bytes that are not UTF-8: the text is the bytes themselves, to be decoded record by record. */
  readonly #dirty: boolean;
  readonly #items: CsvItem[] = [];
  readonly #quoted: QuotedCells;
  #at = 0;
  #line: number;

  constructor(region: Region, rules: ReadingRules) {
    this.#region = region;
    this.#rules = rules;
    this.#line = region.line;
    this.#quoted = new QuotedCells(rules.dialect);
    const { bytes } = region;
    this.#dirty = !isUtf8(bytes);
    this.#text = this.#dirty
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")
      : decoder.decode(bytes);
    this.#single = this.#text.length === bytes.length;
  }

  /** Nothing but white space. Of bytes that are not UTF-8 only ASCII's counts: 0xA0 and 0x85 may be anything. */
  #isBlank(cell: string): boolean {
    return this.#dirty ? /^[\t\v\f ]*$/.test(cell) : cell.trim() === "";
  }

  scan(): RegionScan {
    const text = this.#text;
    const n = text.length;
    const { dialect, columns, maxRecordBytes } = this.#rules;
    const { delimiter } = dialect;
    const skipsBlank = columns !== undefined && columns > 1;
    const clean = !this.#dirty;
    const find = (what: string, from: number): number => {
      const found = text.indexOf(what, from);
      return found < 0 ? n : found;
    };
    // The next of each at or after `pos`; searched for again only once passed.
    let lf = -1, cr = -1, quote = -1, nul = -1, cut = -1;
    let pos = 0;
    while (pos < n) {
      if (lf < pos) lf = find("\n", pos);
      if (cr < pos) cr = find("\r", pos);
      const end = lf < cr ? lf : cr;
      const next = end === n ? n : nextLine(text, end);
      if (end === pos) {
        this.#skip(next - pos);
        pos = next;
        continue;
      }
      if (quote < pos) quote = find(dialect.quote, pos);
      if (nul < pos) nul = find("\0", pos);
      const length = this.#single ? next - pos : Buffer.byteLength(text.slice(pos, next));
      if (length > maxRecordBytes) {
        this.#tooLong(length);
        pos = next;
        continue;
      }
      if (quote < end) {
        const after = this.#quotedRecord(pos, { end, next, length, hasNul: nul < n });
        if (after === undefined) break;
        pos = after;
        continue;
      }
      const cells: string[] = [];
      let start = pos;
      if (cut < pos) cut = find(delimiter, pos);
      while (cut < end) {
        cells.push(text.slice(start, cut));
        start = cut + 1;
        cut = find(delimiter, start);
      }
      cells.push(text.slice(start, end));
      if (skipsBlank && cells.length === 1 && this.#isBlank(cells[0]!)) this.#skip(length);
      else if (clean && nul > end && (columns === undefined || cells.length === columns)) {
        this.#items.push(this.#record(cells, length, this.#line));
        this.#at += length;
        this.#line++;
      } else this.#plainRecord(cells, length);
      pos = next;
    }
    this.#quoted.flush();
    return { items: this.#items, bytes: this.#at, line: this.#line };
  }

  /** A record without quotes that isn't plainly good. */
  #plainRecord(cells: readonly string[], length: number): void {
    const record = this.#record(cells, length, this.#line);
    const damage = this.#raggedness(cells.length, record) ?? this.#badContent(cells, record);
    if (!damage && this.#dirty) record.cells = cells.map(fromLatin1);
    this.#take(damage ?? record);
  }

  /**
   * A record whose first line has a quote in it.
   *
   * @returns the position after it; undefined when the file has to be known further to tell
   */
  #quotedRecord(
    pos: number,
    first: { end: number; next: number; length: number; hasNul: boolean },
  ): number | undefined {
    const { dialect, columns, maxRecordBytes } = this.#rules;
    const text = this.#text;
    const scan = scanQuoted(text, pos, first.end, { dialect, columns, limit: maxRecordBytes });
    const tooMuch = this.#region.known - this.#at > maxRecordBytes;
    if (scan.kind === "open" && !this.#region.final && !tooMuch) return undefined;
    if (scan.kind !== "closed") {
      this.#take(this.#quoteDamage(scan, first.length, tooMuch));
      return first.next;
    }
    const next = scan.end === text.length ? scan.end : nextLine(text, scan.end);
    const length = this.#single ? next - pos : Buffer.byteLength(text.slice(pos, next));
    const column = scan.broken[0]?.column;
    if (column !== undefined && length > maxRecordBytes) {
      this.#take(this.#quoteDamage({ kind: "open", column }, first.length, true));
      return first.next;
    }
    if (column !== undefined && columns !== undefined) {
      if (swallowsRows(text, pos, scan, columns, dialect.delimiter)) {
        const why = "a quoted cell runs on over lines that look like rows";
        this.#take(
          this.#quoteDamage({ kind: "damaged", code: "csv-quote", column, why }, first.length, false),
        );
        return first.next;
      }
    }
    const endLine = column === undefined ? this.#line : this.#line + countBreaks(text, pos, scan.end);
    const cells = scan.starts.map((start, i) => {
      const following = scan.starts[i + 1];
      return text.slice(start, following === undefined ? scan.end : following - 1);
    });
    const record = this.#record(cells, length, endLine);
    const damage = this.#raggedness(cells.length, record) ??
      (this.#dirty || first.hasNul ? this.#badContent(cells, record) : undefined);
    if (!damage) {
      for (const [i, cell] of cells.entries()) {
        if (this.#dirty) cells[i] = fromLatin1(cell);
        if (cell[0] === dialect.quote) this.#quoted.add(cells[i]!, cells, i);
      }
    }
    this.#take(damage ?? record);
    return next;
  }

  #record(cells: readonly string[], length: number, endLine: number): Mutable<CsvRecord> {
    return {
      kind: "record",
      line: this.#line,
      endLine,
      offset: this.#region.offset + this.#at,
      length,
      cells,
    };
  }

  #raggedness(found: number, record: CsvRecord): CsvDamage | undefined {
    const { columns } = this.#rules;
    if (columns === undefined || found === columns) return undefined;
    const short = found < columns;
    const message = `expected ${columns} cells, found ${found}`;
    return this.#damage(
      record,
      short ? "csv-short-row" : "csv-long-row",
      message,
      short ? found + 1 : columns + 1,
    );
  }

  /** NUL, or bytes that are not UTF-8, in one of the cells. */
  #badContent(cells: readonly string[], record: CsvRecord): CsvDamage | undefined {
    for (const [i, cell] of cells.entries()) {
      if (cell.includes("\0")) {
        return this.#damage(record, "csv-nul", "the cell holds a NUL character", i + 1);
      }
      if (this.#dirty && !isUtf8(Buffer.from(cell, "latin1"))) {
        return this.#damage(record, "csv-encoding", "the cell holds bytes that are not UTF-8", i + 1);
      }
    }
    return undefined;
  }

  #quoteDamage(
    scan: Exclude<QuotedScan, { kind: "closed" }>,
    length: number,
    tooMuch: boolean,
  ): CsvDamage {
    const line = this.#record([], length, this.#line);
    if (scan.kind === "damaged") return this.#damage(line, scan.code, scan.why, scan.column);
    const where = tooMuch ? `within ${this.#rules.maxRecordBytes} bytes` : "before the file ends";
    return this.#damage(line, "csv-quote", `a quoted cell is not closed ${where}`, scan.column);
  }

  #tooLong(length: number): void {
    const at = this.#at;
    const raw = rawHead(this.#region.bytes.subarray(at, at + length), length, this.#rules.maxRecordBytes);
    this.#take(tooLongDamage(this.#record([], length, this.#line), raw, this.#rules));
  }

  #damage(position: CsvRecord, code: CsvDamageCode, why: string, column: number): CsvDamage {
    const { line, endLine, offset, length } = position;
    const raw = rawText(this.#region.bytes.subarray(this.#at, this.#at + length));
    const message = `Cannot read line ${line}, column ${column}: ${why}`;
    return { kind: "damage", line, endLine, offset, length, column, code, raw, message };
  }

  #take(item: CsvItem): void {
    this.#items.push(item);
    this.#at += item.length;
    this.#line = item.endLine + 1;
  }

  /** Passes over a blank line. */
  #skip(length: number): void {
    this.#at += length;
    this.#line++;
  }
}

/** The damage of a line above the size limit. */
export function tooLongDamage(
  position: { line: number; offset: number; length: number },
  raw: string,
  rules: ReadingRules,
): CsvDamage {
  const { line, offset, length } = position;
  const message = `Cannot read line ${line}: expected at most ${rules.maxRecordBytes} bytes, found ${length}`;
  return { kind: "damage", line, endLine: line, offset, length, code: "csv-record-too-long", raw, message };
}

function fromLatin1(bytes: string): string {
  return decoder.decode(Buffer.from(bytes, "latin1"));
}
