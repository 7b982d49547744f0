import { Buffer } from "node:buffer";
import { type Manifest, openSource } from "../ingest/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";

/** Stretches read one by one at most; more are read as one, with what lies between them. */
const MOST_PARTS = 64;

/** A stretch of a file that can be read by itself: it begins and ends between two records. */
export interface FilePart {
  /** First byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** 1-based, of its first record. */
  readonly line: number;
}

/** How a file is read: with the time and the means there are. */
export interface Reading {
  readonly store: ObjectStore;
  readonly signal?: AbortSignal | undefined;
  /** Whether the time for it is over. */
  readonly isOver: () => boolean;
}

/** There was no time left to read a file to its end. */
export class OutOfTime extends Error {
  override name = "OutOfTime";
}

/** A file's bytes, or a stretch of them. @throws OutOfTime */
export async function* bytesOf(
  source: Manifest["source"],
  { store, signal, isOver }: Reading,
  range?: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of openSource(store, source, range, signal)) {
    if (isOver()) throw new OutOfTime();
    yield chunk;
  }
}

/** The whole file as one stretch. */
export function wholeFile(source: Manifest["source"]): FilePart {
  return { start: 0, end: source.size, line: 1 };
}

/**
 * The stretches of a file in which a text occurs, found by looking at its bytes alone, which is far faster than reading
 * them as rows. A file is cut where its batches begin: there a record begins, and its line is known.
 */
export async function partsWith(
  text: string,
  manifest: Manifest,
  source: Manifest["source"],
  reading: Reading,
) {
  const parts = partsOf(manifest, source);
  const wanted = Buffer.from(text);
  const hits: FilePart[] = [];
  let at = 0;
  let part = 0;
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of bytesOf(source, reading)) {
    const bytes = Buffer.concat([rest, chunk]);
    for (
      let hit = bytes.indexOf(wanted);
      hit >= 0;
      hit = bytes.indexOf(wanted, Math.max(0, parts[part]!.end - at))
    ) {
      while (at + hit >= parts[part]!.end) part++;
      hits.push(parts[part]!);
      // The rest of this stretch doesn't matter any more.
      if (parts[part]!.end >= at + bytes.length) break;
    }
    const kept = Math.min(wanted.length - 1, bytes.length);
    rest = bytes.subarray(bytes.length - kept);
    at += bytes.length - kept;
  }
  return joined(hits);
}

function partsOf({ batches }: Manifest, source: Manifest["source"]): readonly FilePart[] {
  const starts = [{ start: 0, line: 1 }, ...batches.map(([start, , line]) => ({ start, line }))];
  return starts.map(({ start, line }, i) => ({ start, line, end: starts[i + 1]?.start ?? source.size }));
}

/** Neighbours become one, and so do all when there are many. */
function joined(hits: readonly FilePart[]): readonly FilePart[] {
  const runs: FilePart[] = [];
  for (const hit of hits) {
    const last = runs.at(-1);
    if (last && hit.start <= last.end) runs[runs.length - 1] = { ...last, end: Math.max(last.end, hit.end) };
    else runs.push(hit);
  }
  return runs.length <= MOST_PARTS ? runs : [{ ...runs[0]!, end: runs.at(-1)!.end }];
}
