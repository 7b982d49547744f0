import type { ObjectStore } from "../s3/mod.ts";
import type { Manifest } from "./manifest.ts";

/** What batches' ranges refer to: one object, or several whose bytes follow one another. */
export type Source = Manifest["source"];

/**
 * The bytes of a source, or of a range of it, while it is the same.
 *
 * @throws S3Error `s3-precondition-failed` when it has changed
 */
export async function* openSource(
  store: ObjectStore,
  source: Source,
  range?: { readonly start: number; readonly end: number },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const options = signal ? { signal } : {};
  if (!range && !source.parts) {
    yield* (await store.openFile(source.key, { ifMatch: source.etag, ...options })).body;
    return;
  }
  let start = 0;
  for (const { key, etag, size } of source.parts ?? [source]) {
    const own = {
      start: Math.max((range?.start ?? 0) - start, 0),
      end: Math.min((range?.end ?? Infinity) - start, size),
    };
    start += size;
    if (own.start >= own.end) continue;
    yield* (await store.openFile(key, { ifMatch: etag, range: own, ...options })).body;
  }
}

/** Whether a source is the job's own copy of its file, and not the file itself. */
export function isOwnCopy({ key }: Source, jobId: string): boolean {
  // Earlier versions kept the copy in one object.
  return new RegExp(`(^|/)${jobId}/source(\\.csv|/[^/]+)$`).test(key);
}
