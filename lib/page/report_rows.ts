import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import type { RowsPage, ShownRow } from "./page_ports.ts";

/** Bytes of a report one call looks through before it gives what it has: well inside the platform's 30 s. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Characters of a row that are shown; the download has all. */
const MOST_RAW = 2_000;

const lineSchema = z.object({
  outcome: z.enum(["rejected", "failed"]),
  line: z.number(),
  code: z.string(),
  message: z.string(),
  raw: z.string(),
});

/** What is looked for in a report. Everything that is given has to hold. */
export interface RowsQuery {
  readonly outcome?: "rejected" | "failed" | undefined;
  /** Part of the row, its code or its message; case doesn't matter. */
  readonly text?: string | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/**
 * Reads rows of a job's `rejects.jsonl`, from where the cursor says, until there are enough of them. May give fewer,
 * even none, with a cursor to go on from, when much had to be looked through.
 *
 * @throws ConnectorError `cursor-invalid`; S3Error when the report can't be read
 */
export async function readReportRows(store: ObjectStore, key: string, query: RowsQuery): Promise<RowsPage> {
  const start = offsetOf(query.cursor);
  const file = await store.statFile(key);
  if (!file || start >= file.size) return { rows: [] };
  const end = Math.min(file.size, start + MOST_BYTES);
  const { body } = await store.openFile(key, { range: { start, end }, ifMatch: file.etag });
  const rows: ShownRow[] = [];
  let at = start;
  for await (const line of linesOf(body)) {
    // The last line may be cut off by the end of the range: it is read with the next one.
    if (at + line.length + 1 > end) break;
    at += line.length + 1;
    const row = fitting(line, query);
    if (row) rows.push(row);
    if (rows.length === query.limit) break;
  }
  if (at === start) {
    throw new ConnectorError(`Cannot read '${key}': a line is longer than ${MOST_BYTES} bytes`, {
      code: "report-unreadable",
      retry: "never",
    });
  }
  return at < file.size ? { rows, nextCursor: String(at) } : { rows };
}

function offsetOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new ConnectorError("This cursor is not one of this page", { code: "cursor-invalid", retry: "never" });
}

function fitting(bytes: Uint8Array, { outcome, text }: RowsQuery): ShownRow | undefined {
  const line = new TextDecoder().decode(bytes);
  if (text !== undefined && !line.toLowerCase().includes(JSON.stringify(text).slice(1, -1).toLowerCase())) {
    return undefined;
  }
  const parsed = lineSchema.safeParse(jsonOf(line));
  // A cursor that somebody made up may point into a line: that one is left out.
  if (!parsed.success || (outcome !== undefined && parsed.data.outcome !== outcome)) return undefined;
  const { raw } = parsed.data;
  return { ...parsed.data, raw: raw.length > MOST_RAW ? `${raw.slice(0, MOST_RAW)}…` : raw };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Lines without their end; what follows the last end is a line too. */
async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const chunk of body) {
    const all = new Uint8Array(rest.length + chunk.length);
    all.set(rest);
    all.set(chunk, rest.length);
    let from = 0;
    for (let to = all.indexOf(10); to >= 0; to = all.indexOf(10, from)) {
      yield all.subarray(from, to);
      from = to + 1;
    }
    rest = all.slice(from);
  }
  if (rest.length > 0) yield rest;
}
