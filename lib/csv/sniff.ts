import { archiveOrDocument, type ContentProblem, notText, otherText } from "./_content.ts";
import { CsvReader } from "./csv_reader.ts";
import { checkDialect, type CsvDialect, RFC_4180 } from "./dialect.ts";

/** What is known about a file before it is read. */
export interface DeclaredFormat {
  /** A label of the WHATWG Encoding Standard: utf-8, utf-16le, windows-1252, … A byte order mark overrules it. */
  readonly encoding?: string;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
}

/** What the first bytes of a file tell. */
export interface SniffedFormat {
  /** `utf-8`, `utf-16le`, `utf-16be`, or the declared encoding's standard name. */
  readonly encoding: string;
  /** Bytes of the byte order mark. */
  readonly bomBytes: number;
  readonly dialect: CsvDialect;
  /** Why the file cannot be read as CSV. */
  readonly problem?: ContentProblem;
}

/** Delimiters that are recognised, the likeliest first. */
const DELIMITERS = [",", ";", "\t", "|"];
/** Records looked at to tell the delimiter. */
const RECORDS_LOOKED_AT = 100;
/** Byte order marks. Source: Unicode Standard, section 23.8. UTF-32's start like UTF-16's. */
const MARKS: readonly (readonly [encoding: string, bytes: readonly number[]])[] = [
  ["utf-32le", [0xff, 0xfe, 0, 0]],
  ["utf-32be", [0, 0, 0xfe, 0xff]],
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/**
 * Tells encoding and dialect from the first bytes of a file (a few KiB are enough, 64 KiB are plenty).
 *
 * The encoding is never guessed: UTF-8, or UTF-16 by its byte order mark, or what is declared. The delimiter is the one
 * that cuts the header into several cells and most records into as many.
 *
 * @throws ConfigError when the declared delimiter, quote or escape makes no sense
 */
export function sniff(firstBytes: Uint8Array, declared: DeclaredFormat = {}): SniffedFormat {
  const base = checkDialect({
    delimiter: declared.delimiter ?? RFC_4180.delimiter,
    quote: declared.quote ?? RFC_4180.quote,
    escape: declared.escape ?? declared.quote ?? RFC_4180.escape,
  });
  const mark = MARKS.find(([, bytes]) => bytes.every((byte, i) => firstBytes[i] === byte));
  const bomBytes = mark?.[1].length ?? 0;
  const label = mark?.[0] ?? declared.encoding ?? "utf-8";
  const failed = (problem: ContentProblem): SniffedFormat => ({
    encoding: label,
    bomBytes,
    dialect: base,
    problem,
  });

  const encoding = standardName(label);
  if (encoding === undefined) {
    return failed({ code: "encoding-unknown", message: `The encoding '${label}' is not supported` });
  }
  const bytes = firstBytes.subarray(bomBytes);
  const notCsv = mark ? undefined : archiveOrDocument(bytes);
  if (notCsv) return failed(notCsv);
  if (!encoding.startsWith("utf-16")) {
    const binary = notText(bytes, declared.delimiter);
    if (binary) return failed(binary);
  }
  // Not fatal: this text is only looked at. What is read is decoded strictly.
  const text = new TextDecoder(encoding).decode(bytes);
  const other = otherText(text);
  if (other) return failed(other);
  const dialect = declared.delimiter === undefined ? { ...base, delimiter: findDelimiter(text, base) } : base;
  return { encoding, bomBytes, dialect };
}

function standardName(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function findDelimiter(text: string, base: CsvDialect): string {
  const bytes = new TextEncoder().encode(text);
  let best = base.delimiter;
  let bestShare = 0;
  let bestWidth = 1;
  for (const delimiter of DELIMITERS) {
    if (delimiter === base.quote || delimiter === base.escape) continue;
    const reader = new CsvReader({ dialect: { ...base, delimiter } });
    const items = reader.push(bytes);
    // The last record is left out unless it is the only one: the bytes may end in the middle of it.
    const records = (items.length > 0 ? items : reader.end()).slice(0, RECORDS_LOOKED_AT);
    const header = records[0];
    if (header?.kind !== "record" || header.cells.length < 2) continue;
    const width = header.cells.length;
    const alike = records.filter((item) => item.kind === "record" && item.cells.length === width).length;
    const share = alike / records.length;
    if (share > bestShare || (share === bestShare && width > bestWidth)) {
      [best, bestShare, bestWidth] = [delimiter, share, width];
    }
  }
  return best;
}
