import { giveBack } from "../base/mod.ts";
import {
  CsvReader,
  ExpandError,
  HEAD_BYTES,
  isCompressed,
  sniff,
  type SniffedFormat,
  takeHead,
  withHead,
} from "../csv/mod.ts";
import { type MappingFile, resolveHeader } from "../mapping/mod.ts";
import { FileHash } from "./file_hash.ts";
import { emptyManifest, type InspectedFile } from "./inspected_file.ts";
import type { HeldBecause, Manifest } from "./manifest.ts";
import { expanded, normalise, normalisedBefore, skipped } from "./normalise.ts";
import { openSource, type Source } from "./source.ts";
import type { Work } from "./work.ts";

/** A file whose rows can be read from here on. */
export interface OpenedRows {
  readonly kind: "rows";
  readonly file: InspectedFile;
  /** What comes after the header, and where it starts in the source. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly offset: number;
  /** Of the file's own bytes: still going on, or done. */
  readonly hash: FileHash | string;
}

/** A file that has no rows to read. */
export interface NoRows {
  readonly kind: "no-rows";
  readonly manifest: Omit<Manifest, "sha256">;
  /** Absent when there are simply none. */
  readonly problem?: HeldBecause;
}

/** A file that has yet to be made readable by range: the next slice goes on. */
export interface NotYet {
  readonly kind: "more";
}

/** Looks at a file's first bytes: what it is, how it is written, and what its header says. */
export async function openInspected(work: Work): Promise<OpenedRows | NoRows | NotYet> {
  const { ports, settings } = work;
  const mapping = await ports.loadMapping(settings.mapping);
  const empty = emptyManifest(work, mapping, await work.readable());
  const hash = new FileHash();
  const original = openStream(work, empty.source);
  const raw = hashed(original, hash);
  const head = await takeHead(raw);
  if (!isCompressed(head)) {
    const format = sniffHead(work, head);
    if (format.problem || head.length === 0) return await noRows(original, empty, format);
    if (format.encoding !== "utf-8") {
      const before = normalisedBefore(work, format.encoding);
      if (!before) return await openNormalised(work, empty, withHead(head, raw), format, hash);
      await raw.return();
      const rest = openStream(work, empty.source, before.offset);
      const going = new FileHash(before.hash);
      return await openNormalised(work, empty, hashed(rest, going, before.offset), format, going);
    }
    return openRows(work, empty, format, head, raw, hash) ?? await noRows(original, empty, format);
  }

  const content = expanded(work, empty.source, head, withHead(head, raw));
  try {
    const inner = await takeHead(content);
    const format = sniffHead(work, inner);
    if (format.problem || inner.length === 0) {
      // Nothing is said of a content before its archive has proved whole.
      for await (const _ of content) { /* its end is all that matters */ }
      return await noRows(original, empty, format);
    }
    const done = normalisedBefore(work, format.encoding)?.offset ?? 0;
    const rest = skipped(work, withHead(inner, content), done);
    return await openNormalised(work, empty, rest, format, hash);
  } catch (error) {
    if (!(error instanceof ExpandError)) throw error;
    return await noRows(original, empty, { ...sniffed(empty), problem: error });
  } finally {
    await content.return();
    await original.return();
  }
}

/** A stream that has been opened and can be closed early. */
type Stream = AsyncGenerator<Uint8Array, void, void>;

function openStream({ ports: { store, signal } }: Work, source: Source, start = 0): Stream {
  return openSource(store, source, start > 0 ? { start, end: source.size } : undefined, signal);
}

async function* hashed(stream: Stream, hash: FileHash, start = 0): Stream {
  let offset = start;
  for await (const chunk of stream) {
    hash.update(chunk, offset);
    offset += chunk.length;
    yield chunk;
  }
}

function sniffHead(work: Work, head: Uint8Array): SniffedFormat {
  const { settings, request } = work;
  return sniff(head, {
    ...declaredAs("encoding", request.as?.encoding ?? settings.csvEncoding),
    ...declaredAs("delimiter", request.as?.delimiter ?? settings.csvDelimiter),
  });
}

/** What is declared of a file, unless it is to be found out. */
function declaredAs<N extends string>(name: N, value: string): { [n in N]?: string } {
  return value === "auto" ? {} : { [name]: value } as { [n in N]?: string };
}

/** From here on there is one kind of file: plain UTF-8 that can be read by range. */
async function openNormalised(
  work: Work,
  empty: Omit<Manifest, "sha256">,
  content: Stream,
  format: SniffedFormat,
  hash: FileHash,
): Promise<OpenedRows | NoRows | NotYet> {
  const source = await normalise(work, content, format.encoding, hash);
  if (source === "more") return { kind: "more" };
  if ("problem" in source) return noRowsOf(empty, { ...format, problem: source.problem });
  const stream = openStream(work, source);
  const bytes = await takeHead(stream);
  // Decoding has taken any byte order mark away; expanding alone has not.
  const bomBytes = format.encoding === "utf-8" ? format.bomBytes : 0;
  // A zip archive is not read from front to end.
  const sha256 = hash.bytes === work.request.file.size ? hash.digest() : await hashWhole(work);
  const manifest = { ...empty, source };
  return openRows(work, manifest, { ...format, bomBytes }, bytes, stream, sha256) ??
    await noRows(stream, manifest, format);
}

/** The rows below the header; undefined when there is no header at all. */
function openRows(
  work: Work,
  empty: Omit<Manifest, "sha256">,
  format: SniffedFormat,
  head: Uint8Array,
  rest: Stream,
  hash: FileHash | string,
): OpenedRows | NoRows | undefined {
  const { dialect, encoding, bomBytes } = format;
  const reader = new CsvReader({
    dialect,
    startOffset: bomBytes,
    maxRecordBytes: Math.max(work.settings.maxRecordBytes, HEAD_BYTES),
  });
  const first = [...reader.push(head.subarray(bomBytes)), ...reader.end()][0];
  if (!first) return undefined;
  if (first.kind === "damage") {
    const message = `The header at line ${first.line} cannot be read: ${first.message}`;
    return noRowsOf(empty, { ...format, problem: { code: "header-unreadable", message } });
  }
  const header = resolveHeader(empty.mapping as MappingFile, first.cells);
  const manifest = { ...empty, dialect, encoding, header: [...first.cells] };
  if (header.problem) return noRowsOf(manifest, { ...format, problem: header.problem });
  const offset = first.offset + first.length;
  return {
    kind: "rows",
    file: {
      source: empty.source,
      encoding,
      dialect,
      header: [...first.cells],
      columns: header.columns.map((column) => column ?? null),
      mapping: empty.mapping,
      context: empty.context,
      maxRecordBytes: empty.maxRecordBytes,
      unknownColumns: [...header.unknownColumns],
      firstRow: { line: first.endLine + 1, offset },
    },
    body: withHead(head.subarray(offset), rest),
    offset,
    hash,
  };
}

async function noRows(
  stream: Stream,
  empty: Omit<Manifest, "sha256">,
  format: SniffedFormat,
): Promise<NoRows> {
  await stream.return();
  return noRowsOf(empty, format);
}

function noRowsOf(empty: Omit<Manifest, "sha256">, format: SniffedFormat): NoRows {
  const { encoding, dialect, problem } = format;
  return {
    kind: "no-rows",
    manifest: { ...empty, encoding, dialect },
    ...(problem ? { problem: { code: problem.code, message: problem.message, forcible: false } } : {}),
  };
}

function sniffed({ encoding, dialect }: Omit<Manifest, "sha256">): SniffedFormat {
  return { encoding, dialect, bomBytes: 0 };
}

/** The SHA-256 of the file's own bytes, read once more. */
export async function hashWhole(work: Work): Promise<string> {
  const hash = new FileHash();
  const source = await work.readable();
  if (source.size > 0) {
    for await (const chunk of hashed(openStream(work, source), hash)) {
      giveBack(chunk);
      await work.checkClaim();
    }
  }
  return hash.digest();
}
