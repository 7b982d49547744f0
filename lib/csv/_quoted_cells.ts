import { parse } from "csv-parse/sync";
import { ConnectorError } from "../base/mod.ts";
import type { CsvDialect } from "./dialect.ts";

/**
 * Takes the quotes off quoted cells. csv-parse does it, for many cells at a time because each call costs it much, and
 * for the quoted cells alone because each byte does, too.
 */
export class QuotedCells {
  readonly #dialect: CsvDialect;
  #texts: string[] = [];
  #places: { cells: string[]; index: number }[] = [];

  constructor(dialect: CsvDialect) {
    this.#dialect = dialect;
  }

  /**
   * Notes a quoted cell, whose place is filled by the next flush.
   *
   * @param text with its quotes, well-formed
   */
  add(text: string, cells: string[], index: number): void {
    this.#texts.push(text);
    this.#places.push({ cells, index });
  }

  /**
   * Fills the place of every cell noted since the last flush.
   *
   * @throws ConnectorError `csv-parsers-disagree` when csv-parse sees other cells than the reader: a bug, and better
   * loud than a wrong row
   */
  flush(): void {
    const texts = this.#texts;
    if (texts.length === 0) return;
    const { delimiter, quote, escape } = this.#dialect;
    const rows: string[][] = parse(texts.join("\n"), {
      delimiter,
      quote,
      escape,
      record_delimiter: "\n",
      relax_column_count: true,
    });
    if (rows.length !== texts.length || rows.some((row) => row.length !== 1)) {
      throw new ConnectorError(
        `Cannot read CSV: expected ${texts.length} quoted cells, csv-parse found ${rows.length} or other ones`,
        { code: "csv-parsers-disagree", retry: "never" },
      );
    }
    for (const [i, { cells, index }] of this.#places.entries()) cells[index] = rows[i]![0]!;
    this.#texts = [];
    this.#places = [];
  }
}
