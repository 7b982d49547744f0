/** Bytes looked at to tell encoding and dialect, and in which a header must end. */
export const HEAD_BYTES = 64 * 1024;

/** The first bytes of a stream: `HEAD_BYTES` or more, or all there are. The stream goes on after them. */
export async function takeHead(stream: AsyncGenerator<Uint8Array, void, void>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < HEAD_BYTES) {
    const next = await stream.next();
    if (next.done) break;
    size += next.value.length;
    if (size === next.value.length && size >= HEAD_BYTES) return next.value;
    // Who gives a chunk may use its memory again for the next one.
    chunks.push(next.value.slice());
  }
  return joined(chunks, size);
}

/** A stream again whole, after its head was taken. */
export async function* withHead(
  head: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield head;
  yield* rest;
}

/** @param size bytes of all of them together */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
