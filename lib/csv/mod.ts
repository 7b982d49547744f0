/**
 * CSV bytes into rows, with the physical line, byte offset and raw text of each; what cannot be read is told beside
 * the rows, never instead of them.
 *
 * @module
 */
export { checkDialect, type CsvDialect, RFC_4180 } from "./dialect.ts";
export type { CsvDamage, CsvDamageCode, CsvItem, CsvPosition, CsvRecord } from "./csv_item.ts";
export { CsvReader, type CsvReaderOptions, MAX_RECORD_BYTES } from "./csv_reader.ts";
export { type Compressed, expand, EXPAND_LIMITS, isCompressed } from "./expand.ts";
export { gunzip } from "./gunzip.ts";
export { HEAD_BYTES, takeHead, withHead } from "./head.ts";
export { type RandomAccess, unzipOnly } from "./unzip.ts";
export { type ExpandCode, ExpandError, type ExpandLimits } from "./expand_error.ts";
export { rawText } from "./raw_text.ts";
export { type DeclaredFormat, sniff, type SniffedFormat } from "./sniff.ts";
export {
  type CSVParserOptions,
  CSVParserService,
  type CsvRow,
  type ParsedCsv,
} from "./csv_parser_service.ts";
export type { CsvColumnType, CsvExpectations, CsvFinding, CsvRowCheck, CsvValidation } from "./_validate.ts";
