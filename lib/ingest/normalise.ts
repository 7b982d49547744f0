import { expand, ExpandError } from "../csv/mod.ts";
import { readRange } from "./batch_reader.ts";
import type { FileHash } from "./file_hash.ts";
import type { HeldBecause, SourcePart } from "./manifest.ts";
import type { RunRecord } from "./run_record.ts";
import { Undecodable, type Utf8Piece, utf8Pieces } from "./_utf8_pieces.ts";
import type { Source } from "./source.ts";
import type { Work } from "./work.ts";

type Problem = Pick<HeldBecause, "code" | "message">;

/** Bytes of a part of a work copy: a slice that writes one always ends farther than it began. */
const PART_BYTES = 16 * 1024 * 1024;
/**
 * The parts of a large copy grow with it, to this share of what is written: so few are needed for any size that their list
 * fits into the run's record (64 KiB is what Deno KV takes; a tebibyte has 150 parts), and few slices.
 */
const PART_SHARE = 1 / 16;

/**
 * The content of a compressed file. What it gives is to be trusted only once it has come to its end.
 *
 * @param file where it lies
 * @param head the file's first bytes
 * @param whole opens the file from its start
 * @throws ExpandError, while it is iterated
 */
export function expanded(
  work: Work,
  file: Source,
  head: Uint8Array,
  whole: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const { settings, ports } = work;
  const read = (start: number, end: number) => readRange(ports.store, file, { start, end }, ports.signal);
  return expand(head, { whole, anywhere: () => ({ size: file.size, read }) }, {
    maxBytes: settings.maxExpandedMiB * 1024 * 1024,
    maxRatio: settings.maxExpansionRatio,
  });
}

/**
 * Writes a file that is not plain UTF-8 back as plain UTF-8 under the work prefix, in parts, so that any part of it can
 * be read by range. Bytes that the encoding doesn't know are a problem, never U+FFFD.
 *
 * A slice that has run out of time stops after a part; the next one goes on behind it. `content` starts where the parts
 * that were written before end: of a compressed file it was expanded once more up to there.
 *
 * @param hash of the file's own bytes, as far as they were read
 */
export async function normalise(
  work: Work,
  content: AsyncGenerator<Uint8Array, void, void>,
  encoding: string,
  hash: FileHash,
): Promise<Source | { readonly problem: Problem } | "more"> {
  const { ports, settings, request } = work;
  const undecodable = new Undecodable();
  const before = normalisedBefore(work, encoding);
  const parts = [...(before?.parts ?? [])];
  const pieces = utf8Pieces(content, encoding, before?.offset ?? 0, undecodable);
  let offset = before?.offset ?? 0;
  const write = async (body: AsyncIterable<Uint8Array> | string): Promise<SourcePart> => {
    // The random part keeps two runs that don't know of each other from mixing their parts.
    const unique = Math.floor(ports.random() * 2 ** 32).toString(16).padStart(8, "0");
    const number = String(parts.length + 1).padStart(5, "0");
    const key = `${settings.s3WorkPrefix}${request.jobId}/source/${number}-${unique}.csv`;
    const { etag, size } = await ports.store.uploadFile(key, body, {
      contentType: "text/csv; charset=utf-8",
      ...work.signal,
    });
    return { key, etag, size };
  };
  const part = async function* (first: IteratorResult<Utf8Piece, void>) {
    const enough = Math.max(PART_BYTES, sizeOf(parts) * PART_SHARE);
    let bytes = 0;
    for (let piece = first; !piece.done; piece = await pieces.next()) {
      await work.checkClaim();
      yield piece.value.utf8;
      bytes += piece.value.utf8.length;
      if (piece.value.end === undefined) continue;
      offset = piece.value.end;
      if (bytes >= enough) return;
    }
  };
  try {
    for (let first = await pieces.next(); !first.done; first = await pieces.next()) {
      if (first.value.utf8.length === 0) continue;
      parts.push(await write(part(first)));
      await work.checkClaim();
      work.progressed();
      await work.save({ normalised: { parts: [...parts], offset, encoding, hash: hash.save() } });
      await work.showProgress({ stage: "inspect", message: `Made ${mib(parts)} MiB readable in parts` });
      if (work.expired) return "more";
    }
  } catch (error) {
    if (undecodable.where !== undefined) {
      const message = `The file is not valid ${encoding}: ${undecodable.where}`;
      return { problem: { code: "encoding-invalid", message } };
    }
    if (error instanceof ExpandError) return { problem: { code: error.code, message: error.message } };
    throw error;
  } finally {
    await pieces.return();
  }
  const first = parts[0] ?? await write("");
  return parts.length < 2 ? first : { ...first, size: sizeOf(parts), parts };
}

/** What was written of the work copy before, unless something else is known of the file by now. */
export function normalisedBefore({ run }: Work, encoding: string): RunRecord["normalised"] {
  return run.normalised?.encoding === encoding ? run.normalised : undefined;
}

/** A content without its first bytes, which were dealt with before. */
export async function* skipped(
  work: Work,
  content: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let left = bytes;
  for await (const chunk of content) {
    if (left < chunk.length) yield left > 0 ? chunk.subarray(left) : chunk;
    else await work.checkClaim();
    left = Math.max(left - chunk.length, 0);
  }
}

function sizeOf(parts: readonly SourcePart[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

function mib(parts: readonly SourcePart[]): number {
  return Math.round(sizeOf(parts) / 1024 / 1024);
}
