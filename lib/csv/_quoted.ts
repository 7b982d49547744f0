import type { CsvDialect } from "./dialect.ts";

const LF = 10;
const CR = 13;

/** What a record with quotes turns out to be. Positions are characters of the text. */
export type QuotedScan =
  | {
    readonly kind: "closed";
    /** End of the content; the terminator, if any, starts here. */
    readonly end: number;
    /** Where each cell starts. */
    readonly starts: readonly number[];
    /** The quoted cells with a line break in them. */
    readonly broken: readonly BrokenCell[];
  }
  /** The text ends, or the limit is reached, inside the quoted cell of this column. */
  | { readonly kind: "open"; readonly column: number }
  | {
    readonly kind: "damaged";
    readonly code: "csv-quote" | "csv-escape";
    readonly column: number;
    readonly why: string;
  };

interface BrokenCell {
  /** 1-based. */
  readonly column: number;
  /** Position of the opening quote. */
  readonly open: number;
  /** Position of the closing quote. */
  readonly close: number;
}

/** What the scan has to know. */
export interface QuotedRules {
  readonly dialect: CsvDialect;
  /** Undefined when not known. */
  readonly columns: number | undefined;
  /** Characters after which a quoted cell is taken for never closed. */
  readonly limit: number;
}

/**
 * Finds the end of the record at `from` by RFC 4180: a quoted cell starts and ends right at its delimiters.
 *
 * @param lineEnd where the record's first physical line ends
 */
export function scanQuoted(text: string, from: number, lineEnd: number, rules: QuotedRules): QuotedScan {
  const quote = rules.dialect.quote.charCodeAt(0);
  const delimiter = rules.dialect.delimiter.charCodeAt(0);
  const starts = [from];
  const broken: BrokenCell[] = [];
  let i = from;
  for (;;) {
    const column = starts.length;
    if (text.charCodeAt(i) === quote) {
      const close = closingQuote(text, i + 1, rules.dialect, from + rules.limit);
      if (close === OPEN) return { kind: "open", column };
      if (close === BAD_ESCAPE) {
        const why = `only a quote or another ${
          JSON.stringify(rules.dialect.escape)
        } can follow the escape character`;
        return { kind: "damaged", code: "csv-escape", column, why };
      }
      if (close > lineEnd) {
        broken.push({ column, open: i, close });
        lineEnd = endOfLine(text, close);
      }
      i = close + 1;
    } else {
      i = endOfUnquoted(text, i, quote, delimiter);
      if (text.charCodeAt(i) === quote) {
        return damaged("a quote stands inside a cell that is not quoted", column, broken[0]);
      }
    }
    const after = text.charCodeAt(i);
    if (after === delimiter) {
      if (broken.length > 0 && starts.length === rules.columns) {
        return damaged("too many cells follow it", column, broken[0]);
      }
      starts.push(++i);
    } else if (i >= text.length || after === LF || after === CR) {
      return { kind: "closed", end: i, starts, broken };
    } else {
      return damaged("text follows the closing quote", column, broken[0]);
    }
  }
}

/**
 * Whether a record that spans lines looks as if its quote had swallowed rows: a line inside a quoted cell has the shape
 * of a whole row. Rows of one or two columns have no shape to speak of, unless the record is ragged anyway.
 */
export function swallowsRows(
  text: string,
  from: number,
  scan: Extract<QuotedScan, { kind: "closed" }>,
  columns: number,
  delimiter: string,
): boolean {
  if (scan.broken.length === 0) return false;
  const code = delimiter.charCodeAt(0);
  const isShaped = (start: number, end: number) =>
    columns > 1 && count(text, start, end, code) === columns - 1;
  if (scan.starts.length !== columns) {
    return lines(text, from, scan.end).some(([start, end]) => isShaped(start, end));
  }
  return scan.broken.some(({ column, open, close }) => {
    const inside = lines(text, open, close);
    const last = inside.pop();
    // The quote that closes the cell stands where the same cell of another row would start or end.
    if (last && column > 3 && count(text, last[0], close, code) === column - 1) return true;
    const shaped = inside.filter(([start, end]) => isShaped(start, end)).length;
    return columns > 3 ? shaped > 0 : columns === 3 && shaped > 0 && shaped === inside.length;
  });
}

/** The physical lines that start after `from` and before `to`, as [start, end]. */
function lines(text: string, from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let start = nextLine(text, endOfLine(text, from));
  while (start < to) {
    const end = Math.min(endOfLine(text, start), to);
    found.push([start, end]);
    start = nextLine(text, end);
  }
  return found;
}

/** The end of the physical line that holds position `i`: its terminator, or the end of the text. */
export function endOfLine(text: string, i: number): number {
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === LF || c === CR) break;
  }
  return i;
}

/** Where the line after a terminator starts. */
export function nextLine(text: string, end: number): number {
  return text.charCodeAt(end) === CR && text.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
}

/** Line terminators in a part of the text. */
export function countBreaks(text: string, from: number, to: number): number {
  let breaks = 0;
  for (let i = endOfLine(text, from); i < to; i = endOfLine(text, nextLine(text, i))) breaks++;
  return breaks;
}

const OPEN = -1;
const BAD_ESCAPE = -2;

function closingQuote(text: string, i: number, dialect: CsvDialect, limit: number): number {
  if (dialect.escape === dialect.quote) {
    const quote = dialect.quote.charCodeAt(0);
    while (i <= limit) {
      const found = text.indexOf(dialect.quote, i);
      if (found < 0) return OPEN;
      if (text.charCodeAt(found + 1) !== quote) return found;
      i = found + 2;
    }
    return OPEN;
  }
  for (; i < text.length && i <= limit; i++) {
    const c = text[i];
    if (c === dialect.quote) return i;
    if (c !== dialect.escape) continue;
    const next = text[++i];
    if (next !== dialect.quote && next !== dialect.escape) return BAD_ESCAPE;
  }
  return OPEN;
}

function endOfUnquoted(text: string, i: number, quote: number, delimiter: number): number {
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === delimiter || c === LF || c === CR || c === quote) break;
  }
  return i;
}

function count(text: string, from: number, to: number, code: number): number {
  let n = 0;
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === code) n++;
  return n;
}

function damaged(why: string, column: number, broken: BrokenCell | undefined): QuotedScan {
  return broken
    ? {
      kind: "damaged",
      code: "csv-quote",
      column: broken.column,
      why: `a quoted cell runs on over lines, and ${why}`,
    }
    : { kind: "damaged", code: "csv-quote", column, why };
}
