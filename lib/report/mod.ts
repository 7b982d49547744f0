/**
 * What a person or a program reads about a job afterwards.
 *
 * @module
 */
export { csvLine } from "./csv_line.ts";
export {
  isRejectsCsv,
  neutralised,
  REJECTS_BOM,
  REJECTS_COLUMNS,
  rejectsHeader,
  rejectsLine,
  restored,
} from "./rejects_csv.ts";
export { type IngestResult, LISTED_ROWS, type RejectedRow } from "./result.ts";
