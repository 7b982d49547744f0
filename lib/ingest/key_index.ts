/** Where a record stands: its first and last physical line, 1-based. */
export interface Lines {
  readonly line: number;
  readonly endLine: number;
}

/** The share of a shard's slots that may be taken before it grows, and by how much it does then. */
const MAX_LOAD = 0.75;
const GROWTH = 1.25;
/** Parts of the table that grow one by one, so that growing takes little more memory than what is there already. */
const SHARDS = 16;
const FIRST_SLOTS = 64;
const MAX_SPAN = 255;
/** Bytes of a key in an export: its hash, its line and how many lines further it ends. */
const EXPORTED_BYTES = 16;

/** One part of the table: open addressing, 13 bytes a slot. */
interface Shard {
  size: number;
  low: Uint32Array;
  high: Uint32Array;
  /** 0 = free: physical lines start at 1. */
  line: Uint32Array;
  span: Uint8Array;
}

/**
 * Finds earlier records with the same key in one pass and bounded memory: a table of 64-bit key hashes and line
 * numbers. 10,000,000 keys take 165 to 220 MiB.
 *
 * Keys themselves are not kept. Two different keys are taken for one with a probability of about n² / 2⁶⁵: one in
 * 370,000 files of 10,000,000 keys. The hash is seeded, so no file can be made to collide on purpose.
 */
export class KeyIndex {
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => shardOf(FIRST_SLOTS));
  readonly #longSpans = new Map<number, number>();
  /** Two 32-bit numbers: an index can be continued only with the same ones. */
  readonly seed: readonly [number, number];

  /** @param random a number in [0, 1), for the seed; or the seed of the index this one continues */
  constructor(random: (() => number) | readonly [number, number]) {
    this.seed = typeof random === "function"
      ? [(random() * 2 ** 32) >>> 0, (random() * 2 ** 32) >>> 0]
      : random;
  }

  /** Distinct keys so far. */
  get size(): number {
    return this.#shards.reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes the table takes. */
  get bytes(): number {
    return this.#shards.reduce((sum, { line }) => sum + line.length * 13, 0);
  }

  /** Makes room for this many keys at once, so that the table need not grow step by step; a guess is fine. */
  reserve(keys: number): void {
    const slots = Math.ceil(keys / SHARDS / MAX_LOAD);
    for (const [i, shard] of this.#shards.entries()) {
      if (slots > shard.line.length) this.#shards[i] = resized(shard, slots);
    }
  }

  /** Notes the record with this key; returns the earlier one it supersedes, if there is one. */
  put(key: string, line: number, endLine: number): Lines | undefined {
    let a = 0xdeadbeef ^ this.seed[0];
    let b = 0x41c6ce57 ^ this.seed[1];
    for (let i = 0; i < key.length; i++) {
      const char = key.charCodeAt(i);
      a = Math.imul(a ^ char, 2654435761);
      b = Math.imul(b ^ char, 1597334677);
    }
    // The final mix of MurmurHash3, each lane with the other's bits.
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return this.#put(a >>> 0, b >>> 0, line, endLine);
  }

  /** The keys whose last record starts at `from` or later, as bytes that `import` takes. */
  exportFrom(from: number): Uint8Array {
    let count = 0;
    for (const { line } of this.#shards) for (const first of line) if (first !== 0 && first >= from) count++;
    const entries = new Uint32Array(count * EXPORTED_BYTES / 4);
    let at = 0;
    for (const { low, high, line, span } of this.#shards) {
      for (let slot = 0; slot < line.length; slot++) {
        const first = line[slot]!;
        if (first === 0 || first < from) continue;
        entries[at++] = low[slot]!;
        entries[at++] = high[slot]!;
        entries[at++] = first;
        entries[at++] = span[slot]! < MAX_SPAN ? span[slot]! : (this.#longSpans.get(first) ?? first) - first;
      }
    }
    return new Uint8Array(entries.buffer);
  }

  /** Notes the keys another index with the same seed has exported; a key that is known takes the new lines. */
  import(bytes: Uint8Array): void {
    // A copy, so that it is aligned; `slice` of a Node buffer is none.
    const entries = new Uint32Array(new Uint8Array(bytes).buffer);
    for (let i = 0; i < entries.length; i += 4) {
      const line = entries[i + 2]!;
      this.#put(entries[i]!, entries[i + 1]!, line, line + entries[i + 3]!);
    }
  }

  #put(low: number, high: number, line: number, endLine: number): Lines | undefined {
    const which = high % SHARDS;
    let shard = this.#shards[which]!;
    let slot = low % shard.line.length;
    while (shard.line[slot] !== 0) {
      if (shard.low[slot] === low && shard.high[slot] === high) {
        const earlier = this.#lines(shard, slot);
        this.#longSpans.delete(earlier.line);
        this.#set(shard, slot, line, endLine);
        return earlier;
      }
      if (++slot === shard.line.length) slot = 0;
    }
    shard.low[slot] = low;
    shard.high[slot] = high;
    this.#set(shard, slot, line, endLine);
    if (++shard.size > shard.line.length * MAX_LOAD) {
      shard = this.#shards[which] = resized(shard, Math.ceil(shard.line.length * GROWTH));
    }
    return undefined;
  }

  #set(shard: Shard, slot: number, line: number, endLine: number): void {
    const span = endLine - line;
    shard.line[slot] = line;
    shard.span[slot] = Math.min(span, MAX_SPAN);
    if (span >= MAX_SPAN) this.#longSpans.set(line, endLine);
  }

  #lines(shard: Shard, slot: number): Lines {
    const line = shard.line[slot] ?? 0;
    const span = shard.span[slot] ?? 0;
    return { line, endLine: span < MAX_SPAN ? line + span : this.#longSpans.get(line) ?? line };
  }
}

function shardOf(slots: number): Shard {
  return {
    size: 0,
    low: new Uint32Array(slots),
    high: new Uint32Array(slots),
    line: new Uint32Array(slots),
    span: new Uint8Array(slots),
  };
}

function resized(shard: Shard, slots: number): Shard {
  const { low, high, line, span } = shard;
  const grown = shardOf(slots);
  grown.size = shard.size;
  for (let from = 0; from < line.length; from++) {
    if (line[from] === 0) continue;
    let to = low[from]! % slots;
    while (grown.line[to] !== 0) if (++to === slots) to = 0;
    grown.low[to] = low[from]!;
    grown.high[to] = high[from]!;
    grown.line[to] = line[from]!;
    grown.span[to] = span[from]!;
  }
  return grown;
}
