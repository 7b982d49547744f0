/** Where a record stands in its file. */
export interface CsvPosition {
  /** First physical line, 1-based. LF, CRLF and CR end a line, inside quotes too. */
  readonly line: number;
  /** Last physical line. */
  readonly endLine: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes, line terminator included. */
  readonly length: number;
}

/** A record that was read as it was meant. */
export interface CsvRecord extends CsvPosition {
  readonly kind: "record";
  readonly cells: readonly string[];
}

/** What can be wrong with a record. */
export type CsvDamageCode =
  /** Fewer cells than columns. */
  | "csv-short-row"
  /** More cells than columns. */
  | "csv-long-row"
  /** A quote inside an unquoted cell, text after a closing quote, or a quoted cell that runs on. */
  | "csv-quote"
  /** An escape character before anything but a quote or itself. */
  | "csv-escape"
  /** A NUL character. */
  | "csv-nul"
  /** Bytes that are not UTF-8. */
  | "csv-encoding"
  /** A line above the size limit. */
  | "csv-record-too-long";

/** A record that cannot be read. The next physical line is read as if it had not been there. */
export interface CsvDamage extends CsvPosition {
  readonly kind: "damage";
  /** 1-based; absent when the damage is in no one column. */
  readonly column?: number;
  readonly code: CsvDamageCode;
  /** Its text without the line terminator; bytes that are not UTF-8 as `\xHH`. */
  readonly raw: string;
  readonly message: string;
}

/** What the reader finds, in file order. */
export type CsvItem = CsvRecord | CsvDamage;
