/** Where a record stands: its first and last physical line, 1-based. */
export interface Lines {
  readonly line: number;
  readonly endLine: number;
}

/** The share of slots that may be taken before the table doubles. */
const MAX_LOAD = 0.7;
const MAX_SPAN = 255;

/**
 * Finds earlier records with the same key in one pass and bounded memory: an open-addressing table of 64-bit key
 * hashes and line numbers, 13 bytes a slot.
 *
 * Keys themselves are not kept. Two different keys are taken for one with a probability of about n² / 2⁶⁵: one in
 * 370,000 files of 10,000,000 keys. The hash is seeded, so no file can be made to collide on purpose.
 */
export class KeyIndex {
  #capacity: number;
  #size = 0;
  #low: Uint32Array;
  #high: Uint32Array;
  /** 0 = free: physical lines start at 1. */
  #line: Uint32Array;
  #span: Uint8Array;
  readonly #longSpans = new Map<number, number>();
  readonly #seedA: number;
  readonly #seedB: number;

  /** @param random a number in [0, 1), for the seed */
  constructor(random: () => number) {
    this.#capacity = 1024;
    this.#low = new Uint32Array(this.#capacity);
    this.#high = new Uint32Array(this.#capacity);
    this.#line = new Uint32Array(this.#capacity);
    this.#span = new Uint8Array(this.#capacity);
    this.#seedA = (random() * 2 ** 32) >>> 0;
    this.#seedB = (random() * 2 ** 32) >>> 0;
  }

  /** Distinct keys so far. */
  get size(): number {
    return this.#size;
  }

  /** Makes room for this many keys at once, so that the table need not grow step by step; a guess is fine. */
  reserve(keys: number): void {
    const capacity = Math.ceil(keys / MAX_LOAD);
    if (capacity > this.#capacity) this.#resize(capacity);
  }

  /** Notes the record with this key; returns the earlier one it supersedes, if there is one. */
  put(key: string, line: number, endLine: number): Lines | undefined {
    let a = 0xdeadbeef ^ this.#seedA;
    let b = 0x41c6ce57 ^ this.#seedB;
    for (let i = 0; i < key.length; i++) {
      const char = key.charCodeAt(i);
      a = Math.imul(a ^ char, 2654435761);
      b = Math.imul(b ^ char, 1597334677);
    }
    // The final mix of MurmurHash3, each lane with the other's bits.
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    const low = a >>> 0;
    const high = b >>> 0;

    let slot = low % this.#capacity;
    while (this.#line[slot] !== 0) {
      if (this.#low[slot] === low && this.#high[slot] === high) {
        const earlier = this.#lines(slot);
        this.#longSpans.delete(earlier.line);
        this.#set(slot, line, endLine);
        return earlier;
      }
      if (++slot === this.#capacity) slot = 0;
    }
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#set(slot, line, endLine);
    this.#size++;
    if (this.#size > this.#capacity * MAX_LOAD) this.#resize(this.#capacity * 2);
    return undefined;
  }

  #set(slot: number, line: number, endLine: number): void {
    const span = endLine - line;
    this.#line[slot] = line;
    this.#span[slot] = Math.min(span, MAX_SPAN);
    if (span >= MAX_SPAN) this.#longSpans.set(line, endLine);
  }

  #lines(slot: number): Lines {
    const line = this.#line[slot] ?? 0;
    const span = this.#span[slot] ?? 0;
    return { line, endLine: span < MAX_SPAN ? line + span : this.#longSpans.get(line) ?? line };
  }

  #resize(capacity: number): void {
    const [low, high, line, span] = [this.#low, this.#high, this.#line, this.#span];
    this.#capacity = capacity;
    this.#low = new Uint32Array(this.#capacity);
    this.#high = new Uint32Array(this.#capacity);
    this.#line = new Uint32Array(this.#capacity);
    this.#span = new Uint8Array(this.#capacity);
    for (let from = 0; from < line.length; from++) {
      if (line[from] === 0) continue;
      let to = (low[from] ?? 0) % capacity;
      while (this.#line[to] !== 0) if (++to === capacity) to = 0;
      this.#low[to] = low[from] ?? 0;
      this.#high[to] = high[from] ?? 0;
      this.#line[to] = line[from] ?? 0;
      this.#span[to] = span[from] ?? 0;
    }
  }
}
