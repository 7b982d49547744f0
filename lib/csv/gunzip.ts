import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { checkExpansion, ExpandError, type ExpandLimits } from "./expand_error.ts";

/** Bytes expanded at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Whether a content starts as gzip does. Source: RFC 1952, section 2.3.1. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Expands gzip, all members of it, with their checksums verified.
 *
 * @throws ExpandError when it is damaged, incomplete or expands too far; whatever `source` throws
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  limits: ExpandLimits,
): AsyncGenerator<Uint8Array, void, void> {
  let compressed = 0;
  async function* counted() {
    for await (const chunk of source) {
      compressed += chunk.length;
      yield chunk;
    }
  }
  const inflate = createGunzip({ chunkSize: CHUNK_BYTES });
  let failure: unknown;
  const input = Readable.from(counted(), { objectMode: false, highWaterMark: CHUNK_BYTES });
  pipeline(input, inflate, (error) => failure = error);
  let expanded = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Uint8Array>) {
      expanded += chunk.length;
      checkExpansion(expanded, compressed, limits);
      yield chunk;
    }
  } catch (error) {
    throw translated(failure ?? error);
  } finally {
    input.destroy();
    inflate.destroy();
  }
}

function translated(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "Z_BUF_ERROR") {
    return new ExpandError("archive-truncated", "The gzip archive ends before its content does", error);
  }
  if (typeof code === "string" && code.startsWith("Z_")) {
    const { message } = error as Error;
    return new ExpandError("archive-corrupt", `The gzip archive is damaged: ${message}`, error);
  }
  return error;
}
