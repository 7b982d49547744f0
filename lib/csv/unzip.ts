import type { ExpandLimits } from "./expand_error.ts";

/** A content that can be read anywhere. */
export interface RandomAccess {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` up to, not including, `end`: all of them. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Whether a content starts as zip does: with a file, or with the end of an empty archive. Source: PKWARE APPNOTE, 4.3. */
export function isZip(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) return false;
  return (bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6);
}

/**
 * Expands the one file of a zip archive, its checksum verified. Folders and what macOS adds (`__MACOSX/`) don't count.
 *
 * @throws ExpandError when it is damaged, incomplete, encrypted, holds no file or several, or expands too far;
 * whatever `source` throws
 */
export async function* unzipOnly(
  source: RandomAccess,
  limits: ExpandLimits,
): AsyncGenerator<Uint8Array, void, void> {
  // Few files are archives, and the package is large: it is loaded by the first one.
  const { unzipped } = await import("./_zip_archive.ts");
  yield* unzipped(source, limits);
}
