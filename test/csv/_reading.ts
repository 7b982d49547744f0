import {
  type CsvDialect,
  type CsvItem,
  CsvReader,
  type CsvReaderOptions,
  RFC_4180,
} from "../../lib/csv/mod.ts";

export type Content = string | Uint8Array;

export function bytesOf(content: Content): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Reads a content in chunks of the given sizes (over and over), by default at once. */
export function read(
  content: Content,
  options: Partial<CsvReaderOptions> = {},
  sizes: readonly number[] = [],
): CsvItem[] {
  const reader = new CsvReader({ dialect: RFC_4180, ...options });
  const bytes = bytesOf(content);
  const items: CsvItem[] = [];
  // One buffer for all chunks, as a file read in a loop gives them.
  const buffer = new Uint8Array(bytes.length);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[i % sizes.length]!);
    const chunk = buffer.subarray(0, Math.min(size, bytes.length - at));
    chunk.set(bytes.subarray(at, at + chunk.length));
    for (const item of reader.push(chunk)) items.push(item);
    buffer.fill(0);
    at += chunk.length;
  }
  for (const item of reader.end()) items.push(item);
  return items;
}

/** What a test looks at: lines and cells, or lines and what is wrong. */
export function brief(items: readonly CsvItem[]): unknown[] {
  return items.map((item) =>
    item.kind === "record" ? [item.line, item.cells] : [item.line, item.code, item.column ?? null, item.raw]
  );
}

/** Writes a table the way any program might. */
export function write(
  table: readonly (readonly string[])[],
  dialect: CsvDialect,
  style: { ends: readonly string[]; quoteAll: boolean; finalEnd: boolean },
): string {
  const { delimiter, quote, escape } = dialect;
  const special = (cell: string) => cell.includes(delimiter) || cell.includes(quote) || /[\r\n]/.test(cell);
  const write = (cell: string, alone: boolean) => {
    if (!style.quoteAll && !special(cell) && !(alone && cell.trim() === "")) return cell;
    const escaped = [...cell].map((c) => (c === quote || c === escape ? escape + c : c)).join("");
    return quote + escaped + quote;
  };
  let text = "";
  for (const [i, row] of table.entries()) {
    text += row.map((cell) => write(cell, row.length === 1)).join(delimiter);
    if (i < table.length - 1 || style.finalEnd) text += style.ends[i % style.ends.length]!;
  }
  return text;
}
