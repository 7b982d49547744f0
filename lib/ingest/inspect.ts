import { createHash } from "node:crypto";
import { type CsvItem, CsvReader, sniff } from "../csv/mod.ts";
import { calculateBatchSize } from "../fluent/mod.ts";
import { type MappingError, resolveHeader } from "../mapping/mod.ts";
import { LISTED_ROWS, type RejectedRow } from "../report/mod.ts";
import { AUTO_GRAIN, SegmentLog } from "./batch_plan.ts";
import { rowMapper } from "./batch_reader.ts";
import { guard } from "./guards.ts";
import { KeyIndex, type Lines } from "./key_index.ts";
import { LineSet } from "./line_set.ts";
import { openFluentJobAhead } from "./fluent_jobs.ts";
import { type HeldBecause, type Manifest, type ManifestBatch, writeManifest } from "./manifest.ts";
import { normalise } from "./normalise.ts";
import { envelopeOf } from "./payloads.ts";
import { RejectSpool } from "./reject_spool.ts";
import type { StepOutcome, Work } from "./work.ts";

/** Bytes looked at to tell encoding and dialect, and in which the header must end. */
const HEAD_BYTES = 64 * 1024;
/** Rows after which it is guessed how many there will be. */
const ROWS_TO_ESTIMATE = 1_000;

/**
 * Reads the file once, from its first byte to its last, sends nothing, and writes the manifest: what is in the file,
 * where each batch starts, what is rejected and why, and whether a guard holds it.
 */
export async function inspect(work: Work): Promise<StepOutcome> {
  const { ports, request, run } = work;
  await work.showProgress({ stage: "inspect", message: "Reading the file" }, true);
  const manifest = await inspectFile(work);
  await work.checkClaim(true);
  const held = manifest.heldBecause;
  const forced = request.force !== undefined && held?.forcible === true;
  const passes = (!held || forced) && !request.dryRun && manifest.batches.length > 0;
  await Promise.all([
    writeManifest(ports.store, run.manifestKey, manifest),
    passes ? openFluentJobAhead(work) : undefined,
  ]);
  const { read, sendable, rejected, superseded } = manifest.rows;
  await work.save({
    sha256: manifest.sha256,
    mapping: { name: manifest.mapping.name, version: manifest.mapping.version },
    rows: { ...run.rows, read, sendable, rejected, superseded, unconfirmed: sendable },
    batches: { total: manifest.batches.length, sent: 0, resent: 0 },
    ...(held && !forced ? { heldBecause: held } : {}),
  });
  await work.showProgress({ stage: "inspect", message: `Read ${read} rows` }, true);
  return { kind: "done" };
}

async function inspectFile(work: Work): Promise<Manifest> {
  const { ports, settings, request } = work;
  const mapping = await ports.loadMapping(settings.mapping);
  const context = { retailerId: Number(settings.fluentRetailerId) };
  const hash = createHash("sha256");
  const original = { key: request.file.key, etag: request.file.etag, size: request.file.size };
  const empty = {
    v: 1 as const,
    jobId: request.jobId,
    file: request.file,
    source: original,
    encoding: "utf-8",
    dialect: { delimiter: ",", quote: '"', escape: '"' },
    header: [],
    columns: [],
    mapping,
    context,
    rows: { read: 0, sendable: 0, rejected: 0, superseded: 0 },
    rejectParts: 0,
    superseded: [],
    batchSize: calculateBatchSize(0, settings.batchSize || undefined),
    envelope: envelopeOf(settings),
    batches: [],
  };

  const first = await openSource(work, original);
  const head = await readHead(first, hash);
  const declared = {
    ...declaredAs("encoding", request.as?.encoding ?? settings.csvEncoding),
    ...declaredAs("delimiter", request.as?.delimiter ?? settings.csvDelimiter),
  };
  const held = (because: Omit<HeldBecause, "forcible"> & { forcible?: boolean }) => ({
    code: because.code,
    message: because.message,
    forcible: because.forcible ?? false,
  });
  const finishHash = async () => {
    for await (const chunk of first.rest) hash.update(chunk);
    return hash.digest("hex");
  };
  if (head.length === 0) {
    const heldBecause = guard(empty.rows, settings.rejectLimit)!;
    return { ...empty, sha256: await finishHash(), heldBecause };
  }
  const sniffed = sniff(head, declared);
  if (sniffed.problem) {
    return {
      ...empty,
      encoding: sniffed.encoding,
      sha256: await finishHash(),
      heldBecause: held(sniffed.problem),
    };
  }

  let source = original;
  let body: AsyncIterable<Uint8Array> = chain(head, first.rest);
  let startOffset = sniffed.bomBytes;
  let sha256: string | undefined;
  let headBytes = head;
  if (sniffed.encoding !== "utf-8") {
    // From here on there is one kind of file: plain UTF-8 that can be read by range.
    const normalised = await normalise(work, chain(head, hashing(first.rest, hash)), sniffed.encoding);
    if ("problem" in normalised) {
      return {
        ...empty,
        encoding: sniffed.encoding,
        sha256: await finishHash(),
        heldBecause: held(normalised.problem),
      };
    }
    sha256 = hash.digest("hex");
    source = normalised;
    startOffset = 0;
    const again = await openSource(work, source);
    headBytes = await readHead(again, undefined);
    body = chain(headBytes, again.rest);
  } else {
    body = chain(head, hashing(first.rest, hash));
  }

  const { dialect } = sniffed;
  const headerItem = readHeader(headBytes.subarray(startOffset), dialect, startOffset);
  if (!headerItem || headerItem.kind === "damage") {
    await drain(body);
    const heldBecause = headerItem
      ? held({
        code: "header-unreadable",
        message: `The header at line ${headerItem.line} cannot be read: ${headerItem.message}`,
      })
      : guard(empty.rows, settings.rejectLimit)!;
    return {
      ...empty,
      dialect,
      source,
      encoding: sniffed.encoding,
      sha256: sha256 ?? hash.digest("hex"),
      heldBecause,
    };
  }
  const header = resolveHeader(mapping, headerItem.cells);
  if (header.problem) {
    await drain(body);
    return {
      ...empty,
      dialect,
      source,
      encoding: sniffed.encoding,
      header: [...headerItem.cells],
      sha256: sha256 ?? hash.digest("hex"),
      heldBecause: held(header.problem),
    };
  }
  const columns = header.columns.map((column) => column ?? null);
  const rows = await readRows(work, {
    body,
    skip: headerItem.offset + headerItem.length,
    startLine: headerItem.endLine + 1,
    dialect,
    columns,
    map: rowMapper({ mapping, columns, context, header: headerItem.cells as string[] }, ports.customResolvers)
      .map,
    sourceSize: source.size,
  });
  const counts = {
    read: rows.read,
    sendable: rows.accepted - rows.superseded.size,
    rejected: rows.rejects.count,
    superseded: rows.superseded.size,
  };
  const batchSize = calculateBatchSize(counts.sendable, settings.batchSize || undefined);
  const batches = rows.segments.plan(batchSize).map(
    ({ start, length, line, lastLine, rows: n }): ManifestBatch => {
      const superseded = rows.superseded.size === 0 ? undefined : rows.superseded.encode(line, lastLine);
      return superseded === undefined ? [start, length, line, n] : [start, length, line, n, superseded];
    },
  );
  const heldBecause = guard(counts, settings.rejectLimit);
  return {
    ...empty,
    source,
    dialect,
    encoding: sniffed.encoding,
    header: [...headerItem.cells],
    columns,
    sha256: sha256 ?? hash.digest("hex"),
    rows: counts,
    rejectParts: rows.rejects.parts,
    superseded: rows.firstSuperseded(),
    ...(heldBecause ? { heldBecause } : {}),
    batchSize,
    batches,
  };
}

/** What is declared of a file, unless it is to be found out. */
function declaredAs<N extends string>(name: N, value: string): { [n in N]?: string } {
  return value === "auto" ? {} : { [name]: value } as { [n in N]?: string };
}

/** The rows below the header, one after the other. */
async function readRows(work: Work, input: {
  body: AsyncIterable<Uint8Array>;
  /** Bytes of the body before the first row. */
  skip: number;
  startLine: number;
  dialect: Manifest["dialect"];
  columns: readonly (string | null)[];
  map: ReturnType<typeof rowMapper>["map"];
  sourceSize: number;
}) {
  const { settings } = work;
  const reader = new CsvReader({
    dialect: input.dialect,
    expectedColumns: input.columns.length,
    startLine: input.startLine,
    startOffset: input.skip,
  });
  const segments = new SegmentLog(settings.batchSize || AUTO_GRAIN);
  const superseded = new LineSet();
  const longSuperseded = new Map<number, number>();
  const rejects = new RejectSpool(work);
  const keys = new KeyIndex(work.ports.random);
  let read = 0;
  let accepted = 0;

  const take = (item: CsvItem): boolean => {
    read++;
    if (item.kind === "damage") {
      const { line, endLine, column, code, raw, message } = item;
      return rejects.add({ line, endLine, ...(column === undefined ? {} : { column }), code, raw, message });
    }
    const mapped = input.map(item.cells);
    if (!mapped.ok) {
      return rejects.add(rejectedByMapping(item, reader.rawText(item), mapped.errors, input.columns));
    }
    accepted++;
    segments.add(item);
    if (accepted === ROWS_TO_ESTIMATE) {
      const bytesPerRow = (item.offset + item.length - input.skip) / accepted;
      keys.reserve(Math.ceil(input.sourceSize / bytesPerRow * 1.05));
    }
    const earlier = keys.put(mapped.key, item.line, item.endLine);
    if (earlier) supersede(earlier);
    return false;
  };
  const supersede = (earlier: Lines): void => {
    superseded.add(earlier.line);
    if (earlier.endLine !== earlier.line) longSuperseded.set(earlier.line, earlier.endLine);
    segments.supersede(earlier.line);
  };
  const takeAll = async (items: readonly CsvItem[]): Promise<void> => {
    for (const item of items) if (take(item)) await rejects.flush();
  };

  let toSkip = input.skip;
  for await (const chunk of input.body) {
    const skipped = Math.min(toSkip, chunk.length);
    toSkip -= skipped;
    await takeAll(reader.push(skipped === 0 ? chunk : chunk.subarray(skipped)));
    await work.checkClaim();
    work.run.rows.read = read;
    await work.showProgress({ stage: "inspect", message: `Read ${read} rows` });
  }
  await takeAll(reader.end());
  await rejects.flush();

  const firstSuperseded = (): { line: number; endLine: number }[] => {
    const first: { line: number; endLine: number }[] = [];
    for (const line of superseded) {
      if (first.length >= LISTED_ROWS) break;
      first.push({ line, endLine: longSuperseded.get(line) ?? line });
    }
    return first;
  };
  return { read, accepted, segments, superseded, rejects, firstSuperseded };
}

/** A row the mapping could not map: its first error's column and code, every error's message. */
function rejectedByMapping(
  record: Lines,
  raw: string,
  errors: readonly MappingError[],
  columns: readonly (string | null)[],
): RejectedRow {
  const first = errors[0];
  const index = first?.source === undefined ? -1 : columns.indexOf(first.source);
  return {
    line: record.line,
    endLine: record.endLine,
    ...(index < 0 ? {} : { column: index + 1 }),
    code: first?.code ?? "mapping",
    raw,
    message: errors.map((error) => error.message).join("; "),
  };
}

interface Source {
  readonly rest: AsyncIterableIterator<Uint8Array>;
}

async function openSource(work: Work, source: Manifest["source"]): Promise<Source> {
  const { body } = await work.ports.store.openFile(source.key, { ifMatch: source.etag, ...work.signal });
  const iterator = body[Symbol.asyncIterator]();
  return {
    rest: {
      next: () => iterator.next(),
      return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]() {
        return this;
      },
    },
  };
}

/** The first bytes of a source: `HEAD_BYTES` or more, or all there are. */
async function readHead(
  source: Source,
  hash: ReturnType<typeof createHash> | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < HEAD_BYTES) {
    const next = await source.rest.next();
    if (next.done) break;
    hash?.update(next.value);
    chunks.push(next.value);
    size += next.value.length;
  }
  if (chunks.length === 1) return chunks[0]!;
  const head = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    head.set(chunk, at);
    at += chunk.length;
  }
  return head;
}

/** The file's first record: its header. Undefined when there is none. */
function readHeader(
  head: Uint8Array,
  dialect: Manifest["dialect"],
  startOffset: number,
): CsvItem | undefined {
  const reader = new CsvReader({ dialect, startOffset });
  return [...reader.push(head), ...reader.end()][0];
}

async function* chain(head: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* rest;
}

async function* hashing(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Reads to the end, for the sake of the hash. */
async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = body[Symbol.asyncIterator]();
  while (!(await iterator.next()).done) { /* the chunks themselves are not needed */ }
}
