import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { ConnectorError } from "../base/mod.ts";
import { csvLine } from "../report/mod.ts";
import type { Discovered } from "./discover.ts";
import type { IngestPorts, Settings } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import { stagedKey } from "./staging.ts";

/** Most columns rows given as JSON may have between them. */
const MOST_COLUMNS = 500;
/** Levels of lists and objects read: rows have two, and a deep text must not exhaust the stack. */
const DEEPEST = 8;

/** What somebody sent instead of a file. */
export interface Payload {
  readonly body: Uint8Array;
  /** As the caller declared it. */
  readonly contentType: string | undefined;
  readonly contentEncoding?: string | undefined;
  /** The caller's name for this payload: the same again is the same job. */
  readonly idempotencyKey?: string | undefined;
}

/** A payload as a file in the bucket, ready to be taken. */
export interface StagedPayload {
  readonly key: string;
  readonly as: NonNullable<IngestRequest["as"]>;
}

/**
 * Takes a payload as a file of a feed. The same payload under the same idempotency key is the same job.
 *
 * @param take starts the job of one file, as a trigger does
 * @throws what {@link stagePayload} and `take` throw
 */
export async function ingestPayload(
  payload: Payload,
  settings: Settings,
  ports: IngestPorts,
  unique: string,
  take: (staged: StagedPayload) => Promise<{ readonly files: readonly Discovered[] }>,
): Promise<Discovered> {
  const staged = await stagePayload(payload, settings, ports, unique);
  const found = (await take(staged)).files[0];
  if (!found) throw refused("file-not-found", "The payload was not found again: send it once more");
  // It was archived long ago, so that nothing will take this copy.
  if (found.decision === "ingested") {
    await ports.store.deleteFile(staged.key, ports.signal ? { signal: ports.signal } : {});
  }
  return found;
}

/**
 * Writes a payload to the bucket as a CSV file, so that it takes the one road all files take. Rows given as JSON become
 * lines: texts as they are, numbers by their digits as written, null and what is missing as an empty cell.
 *
 * @param unique a name for a payload without an idempotency key
 * @throws ConnectorError `payload-too-large`, `payload-type-unknown`, `payload-invalid`, `idempotency-key-invalid`,
 * `idempotency-key-reused`
 */
async function stagePayload(
  payload: Payload,
  settings: Settings,
  ports: IngestPorts,
  unique: string,
): Promise<StagedPayload> {
  const { body, idempotencyKey } = payload;
  if (body.length > settings.payloadLimitBytes) {
    throw refused(
      "payload-too-large",
      `The body has ${body.length} bytes: expected at most ${settings.payloadLimitBytes}. Put larger files into the bucket`,
    );
  }
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw refused(
      "idempotency-key-invalid",
      "Idempotency-Key: expected 1 to 255 printable ASCII characters without spaces",
    );
  }
  const { csv, encoding, delimiter } = csvOf(payload);
  const name = `payload-${nameOf(settings.feed, idempotencyKey ?? { unique })}.csv`;
  const key = stagedKey(settings, "payloads", name);
  const signal = ports.signal ? { signal: ports.signal } : {};
  const digest = createHash("sha256").update(csv).update(encoding).digest("hex");
  const now = new Date(ports.clock.now()).toISOString();
  const time = idempotencyKey === undefined ? now : await firstSent(ports, name, digest, now);
  if (!(await ports.store.statFile(key, signal))) {
    await ports.store.uploadFile(key, csv, { contentType: "text/csv", ...signal });
  }
  return { key, as: { name: `payloads/${name}`, encoding, ...(delimiter ? { delimiter } : {}), time } };
}

function nameOf(feed: string, request: string | { readonly unique: string }): string {
  return createHash("sha256").update(JSON.stringify([feed, request])).digest("hex").slice(0, 24);
}

/** The first payload sent under a key is the one it stands for, also when its file has long been archived. */
async function firstSent(ports: IngestPorts, name: string, digest: string, now: string): Promise<string> {
  const known = await ports.kv.get(["payloads", name]);
  if (known === undefined) {
    await ports.kv.set(["payloads", name], { v: 1, digest, at: now });
    return now;
  }
  const first = known as { digest?: unknown; at?: unknown };
  if (first.digest === digest) return typeof first.at === "string" ? first.at : now;
  throw refused(
    "idempotency-key-reused",
    "This Idempotency-Key was used for another payload: use a new one, or send the same payload",
  );
}

interface Csv {
  readonly csv: Uint8Array;
  readonly encoding: string;
  readonly delimiter?: string;
}

function csvOf({ body, contentType, contentEncoding }: Payload): Csv {
  if (contentEncoding !== undefined && contentEncoding !== "identity") {
    throw refused("payload-type-unknown", "Content-Encoding: expected none, found something else");
  }
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";").map((part) => part.trim());
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice("charset=".length)
    .replaceAll('"', "");
  switch (type) {
    case "text/csv":
      if (body.length === 0) {
        throw refused("payload-invalid", "The body is empty: expected a header and rows");
      }
      return { csv: body, encoding: encodingOf(charset) };
    case "application/json":
      return { csv: linesOf(jsonRows(textOf(body))), encoding: "utf-8", delimiter: "," };
    case "application/x-ndjson":
    case "application/ndjson":
    case "application/jsonl":
      return { csv: linesOf(ndjsonRows(textOf(body))), encoding: "utf-8", delimiter: "," };
  }
  throw refused(
    "payload-type-unknown",
    "Content-Type: expected application/json, application/x-ndjson or text/csv",
  );
}

function encodingOf(charset: string | undefined): string {
  if (charset === undefined) return "auto";
  try {
    return new TextDecoder(charset).encoding;
  } catch {
    throw refused("payload-type-unknown", "Content-Type: expected a charset of the WHATWG Encoding Standard");
  }
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw refused("payload-invalid", "The body is not valid UTF-8");
  }
}

function jsonRows(text: string): unknown[] {
  const value = parse(text, "The body");
  const rows = isObject(value) && Array.isArray(value["rows"]) && Object.keys(value).length === 1
    ? value["rows"] as unknown[]
    : value;
  if (!Array.isArray(rows)) {
    throw refused(
      "payload-invalid",
      "The body: expected a JSON array of rows, or an object with nothing but `rows`",
    );
  }
  return rows;
}

function ndjsonRows(text: string): unknown[] {
  return text.split("\n").flatMap((line, i) => line.trim() === "" ? [] : [parse(line, `Line ${i + 1}`)]);
}

/** A number as it was written: parsing it could lose digits. */
class Digits {
  constructor(readonly source: string) {}
}

function parse(text: string, what: string): unknown {
  checkDepth(text, what);
  try {
    // Engines give the reviver the source of a primitive (ECMAScript proposal "JSON.parse source text access").
    return JSON.parse(
      text,
      function (_key, value: unknown, context?: { source?: string }) {
        return typeof value === "number" ? new Digits(context?.source ?? String(value)) : value;
      } as (key: string, value: unknown) => unknown,
    );
  } catch {
    throw refused("payload-invalid", `${what} is not valid JSON`);
  }
}

function checkDepth(text: string, what: string): void {
  let depth = 0;
  for (let i = 0, inText = false; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inText) {
      if (char === 0x5c) i++;
      else if (char === 0x22) inText = false;
    } else if (char === 0x22) inText = true;
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > DEEPEST) {
        throw refused("payload-invalid", `${what}: expected rows of plain values, found nested ones`);
      }
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
}

/** Rows as CSV. Row `n`, counted from 1, is the file's line `n + 1` as long as no text in it has a line break. */
function linesOf(rows: readonly unknown[]): Uint8Array {
  const columns = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    if (!isObject(row)) throw refused("payload-invalid", `Row ${i + 1}: expected an object`);
    for (const name of Object.keys(row)) if (!columns.has(name)) columns.set(name, columns.size);
    if (columns.size > MOST_COLUMNS) {
      throw refused("payload-invalid", `Expected at most ${MOST_COLUMNS} columns`);
    }
  }
  if (columns.size === 0) throw refused("payload-invalid", "The body has no rows: expected at least one");
  const lines = [csvLine([...columns.keys()].map((name) => checked(name, "A column's name")))];
  for (const [i, row] of rows.entries()) {
    const values = row as Record<string, unknown>;
    lines.push(csvLine(
      [...columns.keys()].map((name) =>
        Object.hasOwn(values, name) ? cellOf(values[name], `Row ${i + 1}, '${name.slice(0, 40)}'`) : ""
      ),
    ));
  }
  return Buffer.from(lines.join(""));
}

function cellOf(value: unknown, where: string): string {
  if (value === null) return "";
  if (value instanceof Digits) return value.source;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return checked(value, where);
  throw refused("payload-invalid", `${where}: expected a text, a number, true, false or null`);
}

function checked(text: string, where: string): string {
  if (text.isWellFormed()) return text;
  throw refused("payload-invalid", `${where}: expected text, found half of a surrogate pair`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

function refused(code: string, message: string): ConnectorError {
  return new ConnectorError(message, { code, retry: "never" });
}
