import { z } from "zod";
import type { ObjectStore } from "../s3/mod.ts";
import { fileCopySchema, type IngestFile } from "../state/mod.ts";

/** A place a file was moved to, and the error log that lies beside it, if one does. */
export const placeAsideSchema = fileCopySchema.extend({ errorLog: z.string().optional() });
export type PlaceAside = z.output<typeof placeAsideSchema>;

/** Where the bytes of a version of a file lie. */
export interface Location {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
}

/**
 * Where a version of a file lies now: where it arrived, or else in the last of the places it was moved to. Undefined
 * when it is in none of them any more.
 */
export async function locate(
  store: ObjectStore,
  file: IngestFile,
  places: readonly PlaceAside[],
  signal?: AbortSignal,
): Promise<Location | undefined> {
  for (const { key, etag } of [file, ...places.toReversed()]) {
    const found = await store.statFile(key, signal ? { signal } : {});
    if (found?.etag === etag && found.size === file.size) return { key, etag, size: file.size };
  }
  return undefined;
}
