import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import { factsOf, type JobRecord } from "../jobs/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";

/** Bytes of the report read at a time. */
const CHUNK_BYTES = 256 * 1024;
/** Bytes one page reads at most before it gives what it has; a single longer row is still read whole. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Longest row read, in bytes. */
const LONGEST_ROW = 32 * 1024 * 1024;

/** What can have become of a row a job's report lists: `unconfirmed` is one Fluent gave no answer for. */
export const ROW_OUTCOMES = ["rejected", "failed", "unconfirmed"] as const;

/** A row of a job that is not known to have reached Fluent's stock, as `rejects.jsonl` has it. */
export const jobRowSchema = z.object({
  outcome: z.enum(ROW_OUTCOMES),
  /** Physical and 1-based, the header's included. */
  line: z.number().int(),
  endLine: z.number().int(),
  column: z.number().int().optional(),
  code: z.string(),
  message: z.string(),
  /** The row as it stands in the file. */
  raw: z.string(),
  /** Which batch it was in, from 0. */
  batch: z.number().int().optional(),
  batchId: z.string().optional(),
});
export type JobRow = z.output<typeof jobRowSchema>;

export interface JobRowsQuery {
  readonly outcome?: JobRow["outcome"] | undefined;
  /** Part of the row's text, code or message; case doesn't matter. */
  readonly text?: string | undefined;
  /** Default 100. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface JobRowsPage {
  /** In the report's order: rejected rows, then failed and unconfirmed ones. May be fewer than asked for although there are more. */
  readonly rows: readonly JobRow[];
  readonly nextCursor?: string;
  /** False while the job has not written its report: nothing can be said of its rows yet. */
  readonly complete: boolean;
}

const cursorSchema = z.strictObject({ of: z.string().max(32), at: z.number().int().min(0) });

/**
 * A page of a job's rejected, failed and unconfirmed rows, from its report, read by range.
 *
 * @throws ConnectorError `cursor-invalid`; S3Error
 */
export async function listJobRows(
  store: ObjectStore,
  job: JobRecord,
  query: JobRowsQuery = {},
  signal?: AbortSignal,
): Promise<JobRowsPage> {
  const key = factsOf(job).reports?.rejectsJsonl;
  if (key === undefined) return { rows: [], complete: false };
  const of = createHash("sha256").update(JSON.stringify([key, query.outcome, query.text])).digest("hex")
    .slice(0, 16);
  const limit = query.limit ?? 100;
  const text = query.text?.toLowerCase();
  const rows: JobRow[] = [];
  let at = query.cursor === undefined ? 0 : positionOf(of, query.cursor);
  const start = at;
  for await (const { row, end } of rowsAt(store, key, at, signal)) {
    at = end;
    if (
      (query.outcome === undefined || row.outcome === query.outcome) &&
      (text === undefined || `${row.raw}\n${row.code}\n${row.message}`.toLowerCase().includes(text))
    ) rows.push(row);
    if (rows.length >= limit || at - start >= MOST_BYTES) {
      const { size } = await statOf(store, key, signal);
      const nextCursor = Buffer.from(JSON.stringify({ of, at })).toString("base64url");
      return at < size ? { rows, nextCursor, complete: true } : { rows, complete: true };
    }
  }
  return { rows, complete: true };
}

/** The rows from a cursor's place on, which may be made up. */
async function* rowsAt(store: ObjectStore, key: string, from: number, signal: AbortSignal | undefined) {
  let first = true;
  try {
    for await (const item of rowsFrom(store, key, from, signal)) {
      first = false;
      yield item;
    }
  } catch (error) {
    if (first && from > 0 && error instanceof ConnectorError && error.code === "report-unreadable") {
      throw cursorInvalid();
    }
    throw error;
  }
}

/** All rows of a report, one after the other. */
export async function* rowsFrom(
  store: ObjectStore,
  key: string,
  from = 0,
  signal?: AbortSignal,
): AsyncGenerator<{ row: JobRow; end: number }> {
  const { size, etag } = await statOf(store, key, signal);
  let rest = Buffer.alloc(0);
  let at = from;
  for (let next = from; next < size;) {
    const end = Math.min(size, next + CHUNK_BYTES);
    const { body } = await store.openFile(key, {
      range: { start: next, end },
      ifMatch: etag,
      ...(signal ? { signal } : {}),
    });
    const parts: Uint8Array[] = [rest];
    for await (const chunk of body) parts.push(chunk);
    next = end;
    rest = Buffer.concat(parts);
    if (rest.length > LONGEST_ROW) throw unreadable(key, at);
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10)) {
      const line = rest.subarray(0, newline);
      rest = rest.subarray(newline + 1);
      at += newline + 1;
      yield { row: rowOf(line, key, at), end: at };
    }
  }
  if (rest.length > 0) throw unreadable(key, at);
}

function rowOf(line: Buffer, key: string, at: number): JobRow {
  try {
    return jobRowSchema.parse(JSON.parse(line.toString("utf8")));
  } catch {
    throw unreadable(key, at);
  }
}

function unreadable(key: string, at: number): ConnectorError {
  return new ConnectorError(`Cannot read the report '${key}' at byte ${at}: expected one row per line`, {
    code: "report-unreadable",
    retry: "never",
  });
}

async function statOf(store: ObjectStore, key: string, signal: AbortSignal | undefined) {
  const found = await store.statFile(key, signal ? { signal } : {});
  if (found) return found;
  throw new ConnectorError(`Cannot read the report '${key}': it is not there any more`, {
    code: "report-gone",
    retry: "never",
  });
}

/** @throws ConnectorError `cursor-invalid` */
function positionOf(of: string, cursor: string): number {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    value = undefined; // refused by the schema
  }
  const parsed = cursorSchema.safeParse(value);
  if (parsed.success && parsed.data.of === of) return parsed.data.at;
  throw cursorInvalid();
}

function cursorInvalid(): ConnectorError {
  return new ConnectorError(
    "Cannot go on from this cursor: expected the nextCursor of an earlier page of the same query",
    { code: "cursor-invalid", retry: "never" },
  );
}
