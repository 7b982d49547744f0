import type { ExpandLimits } from "./expand_error.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { isZip, type RandomAccess, unzipOnly } from "./unzip.ts";

/** How far a compressed content may expand when nothing else is said: 4 GiB, and 200 times its size. */
export const EXPAND_LIMITS: ExpandLimits = { maxBytes: 4096 * 1024 * 1024, maxRatio: 200 };

/** A compressed content, in the two ways its formats are read. */
export interface Compressed {
  /** From its start: gzip. */
  readonly whole: AsyncIterable<Uint8Array>;
  /** Anywhere: zip, whose directory stands at its end. Called once, and only for zip. */
  readonly anywhere: () => RandomAccess | Promise<RandomAccess>;
}

/** Whether a content has to be expanded before anything can be said of it: gzip or zip, by its first bytes. */
export function isCompressed(head: Uint8Array): boolean {
  return isGzip(head) || isZip(head);
}

/**
 * What is in a gzip (all its members) or a zip archive (its one file). What it gives is to be trusted only once it has
 * come to its end.
 *
 * @param head its first bytes, for which `isCompressed` is true
 * @throws ExpandError, while it is iterated; and whatever the source throws
 */
export async function* expand(
  head: Uint8Array,
  source: Compressed,
  limits: ExpandLimits,
): AsyncGenerator<Uint8Array, void, void> {
  if (isGzip(head)) yield* gunzip(source.whole, limits);
  else yield* unzipOnly(await source.anywhere(), limits);
}
