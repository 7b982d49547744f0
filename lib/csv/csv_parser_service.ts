import { ConnectorError } from "../base/mod.ts";
import { CsvReader } from "./csv_reader.ts";
import type { CsvDamage, CsvDamageCode, CsvItem, CsvPosition, CsvRecord } from "./csv_item.ts";
import { checkDialect, type CsvDialect, RFC_4180 } from "./dialect.ts";
import { type Compressed, expand, EXPAND_LIMITS, isCompressed } from "./expand.ts";
import type { ExpandLimits } from "./expand_error.ts";
import type { RandomAccess } from "./unzip.ts";
import { joined, takeHead, withHead } from "./head.ts";
import { sniff, type SniffedFormat } from "./sniff.ts";
import { type CsvExpectations, type CsvValidation, validateRows } from "./_validate.ts";

/** How a `CSVParserService` reads. */
export interface CSVParserOptions {
  /**
   * `true` (default): the first record names the columns. A list: these are the names, and every record is a row.
   * `false`: columns are named by their number, from `0`, and rows may have any number of cells.
   */
  readonly headers?: boolean | readonly string[];
  /** Default true. False: a blank line is damage, not nothing. */
  readonly skipEmptyLines?: boolean;
  /** Default: the one that is found. */
  readonly delimiter?: string;
  /** Default `"`. */
  readonly quote?: string;
  /** Default: the quote. */
  readonly escape?: string;
  /** Default UTF-8, or UTF-16 by its byte order mark; otherwise a label such as `windows-1252`. */
  readonly encoding?: string;
  /** How far a gzip or zip archive may expand; default 4 GiB and, from the first MiB on, 200 times its size. */
  readonly expandLimits?: ExpandLimits;
}

/**
 * One row: its cells by column name, and where it stands. Lines and offsets are those of the content as UTF-8, out of its
 * archive.
 */
export interface CsvRow extends CsvPosition {
  readonly kind: "row";
  /** Own properties only: an object without a prototype. */
  readonly data: Readonly<Record<string, string>>;
  /** Its text, without the line terminator. */
  readonly raw: string;
}

/** A content, read. Iterated, it gives the cells of its good rows, as the guide's code takes them. */
export interface ParsedCsv extends Iterable<Readonly<Record<string, string>>> {
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
  readonly errors: readonly CsvDamage[];
  /** How many good rows there are. */
  readonly length: number;
}

/**
 * Reads whole CSV contents, or streams of them, into rows with their places. Damaged records come as values beside the
 * rows, and never cost another row.
 *
 * @example
 * ```ts
 * import { CSVParserService } from "./mod.ts";
 * const { rows, errors } = await new CSVParserService().parse("sku,qty\nA,1\nB\nC,3\n");
 * console.log(rows.map((row) => row.data.sku), errors.map((error) => error.line)); // ["A", "C"] [3]
 * ```
 */
export class CSVParserService {
  readonly #options: CSVParserOptions;

  /** @throws ConfigError when delimiter, quote or escape is not one ASCII character */
  constructor(options: CSVParserOptions = {}) {
    const quote = options.quote ?? RFC_4180.quote;
    checkDialect({
      delimiter: options.delimiter ?? RFC_4180.delimiter,
      quote,
      escape: options.escape ?? quote,
    });
    this.#options = options;
  }

  /**
   * Reads a whole content: CSV text, or bytes, which may also be gzip (all its members) or a zip archive of one file. Use
   * `streamParse` for what may be large.
   *
   * @throws ConnectorError `header-duplicate`, `csv-header`, or the code of what the content is instead of CSV
   * @throws ExpandError when an archive is damaged, ends early or expands too far
   */
  async parse(content: string | Uint8Array): Promise<ParsedCsv> {
    const table: Table = { names: this.#givenNames() };
    const items = typeof content === "string"
      ? this.#rowsOf(new TextEncoder().encode(content), [], table)
      : this.#read([content], table, () => anywhereIn(content));
    const rows: CsvRow[] = [];
    const errors: CsvDamage[] = [];
    for await (const item of items) {
      if (item.kind === "damage") errors.push(item);
      else rows.push(item);
    }
    return parsed(table.names ?? [], rows, errors);
  }

  /**
   * Reads a stream of bytes, as `parse` does, in memory bounded by the largest chunk and record. A zip archive is kept
   * whole (compressed) besides, because its directory stands at its end.
   *
   * Rows out of an archive come before it has proved whole: when it throws, the rows before are not to be trusted.
   *
   * @throws as `parse`, while it is iterated; and whatever the stream throws
   */
  streamParse(
    stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<CsvRow | CsvDamage, void, void> {
    return this.#read(stream, { names: this.#givenNames() });
  }

  /** Reads a whole content and tells everything in it that is not as expected; throws as `parse`. */
  async validate(content: string | Uint8Array, expected: CsvExpectations): Promise<CsvValidation> {
    return await validateRows(await this.parse(content), expected);
  }

  #givenNames(): readonly string[] | undefined {
    const { headers } = this.#options;
    return typeof headers === "object" ? checkNames(headers) : undefined;
  }

  async *#read(
    stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    table: Table,
    anywhere?: Compressed["anywhere"],
  ): AsyncGenerator<CsvRow | CsvDamage, void, void> {
    const raw = started(stream);
    try {
      const head = await takeHead(raw);
      if (!isCompressed(head)) return yield* this.#rowsOf(head, raw, table);
      const whole = withHead(head, raw);
      const archive = { whole, anywhere: anywhere ?? (() => collected(whole)) };
      const content = expand(head, archive, this.#options.expandLimits ?? EXPAND_LIMITS);
      try {
        const inner = await takeHead(content);
        if (this.#sniff(inner).problem) {
          // Nothing is said of a content before its archive has proved whole.
          for await (const _ of content) { /* its end is all that matters */ }
        }
        yield* this.#rowsOf(inner, content, table);
      } finally {
        await content.return();
      }
    } finally {
      await raw.return();
    }
  }

  #sniff(head: Uint8Array): SniffedFormat {
    const { encoding, delimiter, quote, escape } = this.#options;
    return sniff(head, {
      ...(encoding === undefined ? {} : { encoding }),
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(quote === undefined ? {} : { quote }),
      ...(escape === undefined ? {} : { escape }),
    });
  }

  /** The rows of CSV text, from its head on. */
  async *#rowsOf(
    head: Uint8Array,
    rest: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    table: Table,
  ): AsyncGenerator<CsvRow | CsvDamage, void, void> {
    const { problem, encoding, dialect, bomBytes } = this.#sniff(head);
    if (problem) {
      throw new ConnectorError(`Cannot read CSV: ${problem.message}`, { code: problem.code, retry: "never" });
    }
    const source = new Source(encoding, dialect, bomBytes);
    yield* this.#rows(source, source.push(head), table);
    for await (const chunk of rest) yield* this.#rows(source, source.push(chunk), table);
    yield* this.#rows(source, source.end(), table);
  }

  *#rows(source: Source, items: readonly CsvItem[], table: Table): Generator<CsvRow | CsvDamage> {
    for (const item of items) {
      if (this.#options.skipEmptyLines === false) {
        for (; source.line < item.line; source.line++) yield blankLine(source.line, item.offset);
        source.line = item.endLine + 1;
      }
      if (item.kind === "damage" && (table.names || this.#options.headers === false)) yield item;
      else if (item.kind === "damage") {
        throw new ConnectorError(`Cannot read the CSV header: ${item.message}`, {
          code: "csv-header",
          retry: "never",
        });
      } else if (this.#options.headers === false) {
        yield row(
          item,
          item.cells.map((_, i) => String(i)),
          source,
        );
      } else if (table.names) yield cut(item, table.names, source);
      else table.names = checkNames(item.cells);
    }
  }
}

/** What is known of the table so far. */
interface Table {
  names: readonly string[] | undefined;
}

/** What makes it iterable is not enumerable, so that it prints, compares and copies as its three lists. */
function parsed(
  columns: readonly string[],
  rows: readonly CsvRow[],
  errors: readonly CsvDamage[],
): ParsedCsv {
  const lists = { columns, rows, errors };
  return Object.defineProperties(lists, {
    length: { value: rows.length },
    [Symbol.iterator]: { value: () => rows.values().map(({ data }) => data) },
  }) as typeof lists & Pick<ParsedCsv, "length" | typeof Symbol.iterator>;
}

/** A reader of bytes in any encoding. */
class Source {
  readonly reader: CsvReader;
  /** The next physical line no item was seen of. */
  line = 1;
  readonly #decoder: TextDecoder | undefined;
  readonly #encoder = new TextEncoder();
  #toSkip: number;

  constructor(encoding: string, dialect: CsvDialect, bomBytes: number) {
    const isUtf8 = encoding === "utf-8";
    this.#decoder = isUtf8 ? undefined : new TextDecoder(encoding, { fatal: true });
    this.#toSkip = isUtf8 ? bomBytes : 0;
    this.reader = new CsvReader({ dialect, startOffset: this.#toSkip });
  }

  push(chunk: Uint8Array): CsvItem[] {
    const bytes = chunk.subarray(this.#toSkip);
    this.#toSkip = 0;
    return this.reader.push(this.#decoder ? this.#recode(bytes) : bytes);
  }

  end(): CsvItem[] {
    // Nothing is left in a strict decoder but half a character, which is an error.
    if (this.#decoder) this.#recode(undefined);
    return this.reader.end();
  }

  #recode(bytes: Uint8Array | undefined): Uint8Array {
    try {
      return this.#encoder.encode(this.#decoder?.decode(bytes, { stream: bytes !== undefined }));
    } catch (cause) {
      throw new ConnectorError(`Cannot read CSV: its bytes are not valid ${this.#decoder?.encoding}`, {
        code: "encoding-invalid",
        retry: "never",
        cause,
      });
    }
  }
}

function cut(record: CsvRecord, names: readonly string[], source: Source): CsvRow | CsvDamage {
  const { line, endLine, offset, length, cells } = record;
  if (cells.length === names.length) return row(record, names, source);
  const code: CsvDamageCode = cells.length < names.length ? "csv-short-row" : "csv-long-row";
  const message = `Cannot read line ${line}: expected ${names.length} cells, found ${cells.length}`;
  return { kind: "damage", line, endLine, offset, length, code, raw: source.reader.rawText(record), message };
}

function row(record: CsvRecord, names: readonly string[], source: Source): CsvRow {
  const { line, endLine, offset, length, cells } = record;
  const data: Record<string, string> = Object.create(null);
  for (const [i, name] of names.entries()) data[name] = cells[i]!;
  return { kind: "row", data, line, endLine, offset, length, raw: source.reader.rawText(record) };
}

function checkNames(names: readonly string[]): readonly string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  throw new ConnectorError(
    `Cannot read CSV: expected every column to have its own name, found '${twice}' twice`,
    { code: "header-duplicate", retry: "never" },
  );
}

function blankLine(line: number, offset: number): CsvDamage {
  const position = { line, endLine: line, offset, length: 0 };
  const message = `Cannot read line ${line}: expected a row, found a blank line`;
  return { kind: "damage", ...position, code: "csv-short-row", raw: "", message };
}

async function* started(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield* stream;
}

function anywhereIn(content: Uint8Array): RandomAccess {
  return { size: content.length, read: (start, end) => Promise.resolve(content.slice(start, end)) };
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<RandomAccess> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk.slice());
    size += chunk.length;
  }
  return anywhereIn(joined(chunks, size));
}
