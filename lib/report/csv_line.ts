/** One line of CSV per RFC 4180: cells quoted where they need it, quotes doubled, CRLF. */
export function csvLine(cells: readonly string[]): string {
  return cells.map((cell) => /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell).join(",") +
    "\r\n";
}

/**
 * A cell that a spreadsheet won't run: formula-like text gets a leading apostrophe. For files people open only.
 *
 * Source: OWASP, "CSV Injection" (cells starting with `=`, `+`, `-`, `@`, tab or carriage return).
 */
export function inert(cell: string): string {
  return /^[=+\-@\t\r]/.test(cell) && !/^[+-]?\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
}
