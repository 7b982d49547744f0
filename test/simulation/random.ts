/** A seeded generator of numbers in [0, 1): the same seed gives the same world. (Mulberry32, public domain.) */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `least` to `most`. */
export function whole(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** Brings items into any order, in place. */
export function shuffle(random: () => number, items: unknown[]): void {
  for (let n = items.length - 1; n > 0; n--) {
    const other = whole(random, 0, n);
    [items[n], items[other]] = [items[other], items[n]];
  }
}
