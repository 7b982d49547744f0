/**
 * Gives a chunk's memory back at once; the chunk is empty afterwards. Bytes lie outside the garbage collector's heap, and
 * a loop that only reads gives it little reason to run, so that tens of megabytes of read chunks would wait for it. Does
 * nothing when the chunk is a part of something larger.
 *
 * @param chunk nobody else may hold it, or its buffer
 */
export function giveBack(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) buffer.transfer(0);
}
