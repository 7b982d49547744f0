/** Rows `from` … `from + rows - 1` of a batch, counted from 0. */
export interface Range {
  readonly from: number;
  readonly rows: number;
}

/**
 * Refusals in a row, with nothing accepted at all, after which it is not a row that is wrong: five levels of halving, 16
 * different places of a batch, everything refused.
 */
export const REFUSALS_WITHOUT_ACCEPTANCE = 31;

/**
 * Both halves of a refused range; undefined when it is a single row, which then is what was refused. Halving what is
 * refused, the widest range first, finds one bad row among n in 2·log2(n) requests; every other row is accepted on the way.
 */
export function halvesOf(range: Range): readonly [Range, Range] | undefined {
  if (range.rows < 2) return undefined;
  const first = range.rows >>> 1;
  return [{ from: range.from, rows: first }, { from: range.from + first, rows: range.rows - first }];
}
