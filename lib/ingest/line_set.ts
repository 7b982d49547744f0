import { Buffer } from "node:buffer";

/** A growing set of physical line numbers, one bit a line. */
export class LineSet {
  #bits = new Uint8Array(1024);
  #size = 0;

  /** How many lines are in the set. */
  get size(): number {
    return this.#size;
  }

  add(line: number): void {
    const byte = line >>> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(this.#bits.length * 2, byte + 1));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    const bit = 1 << (line & 7);
    if ((this.#bits[byte]! & bit) === 0) this.#size++;
    this.#bits[byte]! |= bit;
  }

  has(line: number): boolean {
    return ((this.#bits[line >>> 3] ?? 0) & (1 << (line & 7))) !== 0;
  }

  /** The lines from `first` to `last` as base64 bits relative to `first`; undefined when there are none. */
  encode(first: number, last: number): string | undefined {
    const bits = new Uint8Array(((last - first) >>> 3) + 1);
    let any = false;
    for (let line = first; line <= last; line++) {
      if (!this.has(line)) continue;
      any = true;
      bits[(line - first) >>> 3]! |= 1 << ((line - first) & 7);
    }
    return any ? Buffer.from(bits).toString("base64") : undefined;
  }

  /** The lines in the set, ascending. */
  *[Symbol.iterator](): Iterator<number> {
    for (let byte = 0; byte < this.#bits.length; byte++) {
      if (this.#bits[byte] === 0) continue;
      for (let bit = 0; bit < 8; bit++) if (this.#bits[byte]! & (1 << bit)) yield byte * 8 + bit;
    }
  }
}

/** Whether `line` is in the set that `LineSet.encode` made for lines from `first` on. */
export function decodeLines(encoded: string | undefined, first: number): (line: number) => boolean {
  if (encoded === undefined) return () => false;
  const bits = Buffer.from(encoded, "base64");
  return (line) => ((bits[(line - first) >>> 3] ?? 0) & (1 << ((line - first) & 7))) !== 0;
}
