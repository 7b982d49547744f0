import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { Readable } from "node:stream";

/** Up to here bytes are read at once; longer stretches are streamed. */
export const AT_ONCE = 256 * 1024;

/**
 * A stretch of a file that can be cut like a buffer and sent like a stream, so that a ranged read touches only its
 * range and a long object never sits in memory. The file is opened on the first read.
 */
export class FileBody extends Readable {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  #descriptor: number | undefined;
  #position = 0;

  constructor(path: string, offset: number, length: number) {
    super({ highWaterMark: AT_ONCE });
    this.path = path;
    this.offset = offset;
    this.length = length;
  }

  /** As `Buffer.subarray` for whole numbers from 0. */
  subarray(start: number, end: number): Buffer {
    const stop = Math.min(end, this.length);
    return bodyOf(this.path, this.offset + start, Math.max(stop - start, 0));
  }

  override _read(): void {
    try {
      this.#descriptor ??= openSync(this.path, "r");
      const wanted = Math.min(AT_ONCE, this.length - this.#position);
      if (wanted === 0) {
        this.push(null);
        return;
      }
      const chunk = Buffer.alloc(wanted);
      const read = readSync(this.#descriptor, chunk, 0, wanted, this.offset + this.#position);
      if (read === 0) throw new Error(`Cannot read ${this.path}: it is shorter than its object`);
      this.#position += read;
      this.push(chunk.subarray(0, read));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    done(error);
  }
}

/** A stretch of a file: its bytes when there are few, else a {@linkcode FileBody} that passes for them. */
export function bodyOf(path: string, offset: number, length: number): Buffer {
  if (length > AT_ONCE) {
    // fauxqs asks of a body only `length`, `subarray` and to be sent, all of which a FileBody can do.
    return new FileBody(path, offset, length) as unknown as Buffer;
  }
  const bytes = Buffer.alloc(length);
  if (length === 0) return bytes;
  const descriptor = openSync(path, "r");
  try {
    const read = readSync(descriptor, bytes, 0, length, offset);
    if (read !== length) throw new Error(`Cannot read ${path}: it is shorter than its object`);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
