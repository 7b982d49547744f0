/** Bytes of UTF-8, and where in the content one may go on behind them. */
export interface Utf8Piece {
  readonly utf8: Uint8Array;
  /** Bytes of the content up to here; undefined in the middle of a character, or where that is not known. */
  readonly end?: number;
}

/** Where decoding came to an end, told beside the stream that carries the error. */
export class Undecodable {
  where: string | undefined;
}

const LF = 10;
const CR = 13;

/**
 * A content in any encoding, from `offset` on, as UTF-8. One may go on behind the end of a line, at which no encoding is in
 * the middle of a character; an encoding with a state (ISO-2022-JP) has no such place.
 */
export async function* utf8Pieces(
  content: AsyncIterable<Uint8Array>,
  encoding: string,
  offset: number,
  undecodable: Undecodable,
): AsyncGenerator<Utf8Piece, void, void> {
  if (encoding === "utf-8") {
    for await (const utf8 of content) yield { utf8, end: offset += utf8.length };
    return;
  }
  // A byte order mark stands at the start of a content only.
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: offset > 0 });
  const encoder = new TextEncoder();
  const decode = (bytes: Uint8Array | undefined): Uint8Array => {
    try {
      return encoder.encode(bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode());
    } catch (error) {
      undecodable.where = bytes ? `undecodable bytes after byte ${offset}` : "it ends within a character";
      throw error;
    }
  };
  for await (const chunk of content) {
    const lineEnd = lastLineEnd(chunk, encoding, offset);
    if (lineEnd > 0) {
      const utf8 = decode(chunk.subarray(0, lineEnd));
      yield { utf8, end: offset += lineEnd };
    }
    if (lineEnd === chunk.length) continue;
    const utf8 = decode(chunk.subarray(lineEnd));
    offset += chunk.length - lineEnd;
    yield { utf8 };
  }
  const utf8 = decode(undefined);
  yield { utf8, end: offset };
}

/** Bytes of a chunk up to and with its last line end; 0 when there is none. */
function lastLineEnd(chunk: Uint8Array, encoding: string, offset: number): number {
  if (encoding === "iso-2022-jp") return 0;
  if (!encoding.startsWith("utf-16")) return Math.max(chunk.lastIndexOf(LF), chunk.lastIndexOf(CR)) + 1;
  const [low, high] = encoding === "utf-16le" ? [0, 1] : [1, 0];
  const odd = offset % 2;
  for (let at = chunk.length - 2 - (chunk.length - odd) % 2; at >= odd; at -= 2) {
    if (chunk[at + high] === 0 && (chunk[at + low] === LF || chunk[at + low] === CR)) return at + 2;
  }
  return 0;
}
