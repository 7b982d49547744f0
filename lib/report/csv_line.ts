import { type CsvDialect, RFC_4180 } from "../csv/mod.ts";

/** One line of CSV, CRLF included: cells are quoted where any reader or spreadsheet could want it. */
export function csvLine(cells: readonly string[], dialect: CsvDialect = RFC_4180): string {
  const line = cells.map((cell) => quoted(cell, dialect)).join(dialect.delimiter);
  // A line without a character is no row to anybody.
  return (line === "" ? dialect.quote + dialect.quote : line) + "\r\n";
}

function quoted(cell: string, { delimiter, quote, escape }: CsvDialect): string {
  const isPlain = !/[",;|\t\r\n]/.test(cell) && !cell.includes(delimiter) && !cell.includes(quote);
  if (isPlain) return cell;
  const escaped = escape === quote ? cell : cell.replaceAll(escape, escape + escape);
  return quote + escaped.replaceAll(quote, escape + quote) + quote;
}
