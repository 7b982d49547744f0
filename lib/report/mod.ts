/**
 * What a person or a program reads about a job afterwards.
 *
 * @module
 */
export { csvLine, inert } from "./csv_line.ts";
export { type IngestResult, LISTED_ROWS, type RejectedRow } from "./result.ts";
