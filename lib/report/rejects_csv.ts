import type { CsvDialect } from "../csv/mod.ts";
import { csvLine } from "./csv_line.ts";

/** What `rejects.csv` adds to the file's own columns. By them a corrected one is known when it comes back. */
export const REJECTS_COLUMNS = ["_line", "_outcome", "_code", "_reason"] as const;

/**
 * How a cell begins that a spreadsheet may run as a formula. Source: OWASP, "CSV Injection": `=`, `+`, `-`, `@`, tab,
 * carriage return, line feed, and the full-width forms of the four.
 */
const FORMULA = "[=+\\-@\\t\\r\\n\\uff1d\\uff0b\\uff0d\\uff20]";
/** Apostrophes before it count in, so that every cell can be told from every other again. */
const FORMULA_LIKE = new RegExp(`^'*${FORMULA}`);
const NEUTRALISED = new RegExp(`^'+${FORMULA}`);
/** Stock figures are no formulas, signed or not. */
const NUMBER = /^[+-]?\d+(\.\d+)?$/;

/** A cell no spreadsheet runs: formula-like text gets a leading apostrophe. `restored` takes it off again. */
export function neutralised(cell: string): string {
  return FORMULA_LIKE.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell;
}

/** The cell that `neutralised` was given. */
export function restored(cell: string): string {
  return NEUTRALISED.test(cell) ? cell.slice(1) : cell;
}

/** Whether this is the header of a `rejects.csv`: a corrected one, put where files arrive. */
export function isRejectsCsv(header: readonly string[]): boolean {
  return REJECTS_COLUMNS.every((column) => header.filter((cell) => cell === column).length === 1);
}

/** What `rejects.csv` begins with: a byte order mark, so that a feed with another declared encoding reads it right. */
export const REJECTS_BOM = "\uFEFF";

/** A row as the report has it. */
export interface RejectsRow {
  /** Its cells; undefined for a row that cannot be cut into cells, which stands in the first column whole. */
  readonly cells: readonly string[] | undefined;
  readonly raw: string;
  readonly line: number;
  readonly outcome: string;
  readonly code: string;
  readonly message: string;
}

/** The header of a `rejects.csv` beside a file with this header, in the file's dialect. */
export function rejectsHeader(header: readonly string[], dialect: CsvDialect): string {
  const own = isRejectsCsv(header) ? header.filter(isOfFile).map(restored) : header;
  return csvLine([...own.map(neutralised), ...REJECTS_COLUMNS], dialect);
}

/** One row of it: its cells under the file's columns, then where and what. */
export function rejectsLine(header: readonly string[], row: RejectsRow, dialect: CsvDialect): string {
  // A corrected report that has rejects again keeps one set of these columns, and one apostrophe.
  const isAgain = isRejectsCsv(header);
  const width = isAgain ? header.length - REJECTS_COLUMNS.length : header.length;
  const cells = row.cells === undefined
    ? [row.raw, ...Array.from({ length: Math.max(width - 1, 0) }, () => "")]
    : isAgain
    ? row.cells.filter((_, i) => isOfFile(header[i]!)).map(restored)
    : row.cells;
  const { line, outcome, code, message } = row;
  return csvLine([...cells.map(neutralised), String(line), outcome, code, message], dialect);
}

function isOfFile(column: string): boolean {
  return !(REJECTS_COLUMNS as readonly string[]).includes(column);
}
