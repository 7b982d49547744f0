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

/** Both halves of a refused range; undefined when it is a single row, which then is what was refused. */
export function halvesOf(range: Range): readonly [Range, Range] | undefined {
  if (range.rows < 2) return undefined;
  const first = range.rows >>> 1;
  return [{ from: range.from, rows: first }, { from: range.from + first, rows: range.rows - first }];
}

/**
 * Finds the rows because of which a batch is refused: each refused range is halved and its halves are tried, widest
 * first. One bad row among n costs 2·log2(n) requests; every other row is accepted on the way.
 *
 * @param ranges the refused batch, or what an earlier isolation left to be tried
 * @param attempt sends one range; says whether it was accepted
 * @param refusedRow is told of each single row that was refused
 * @throws whatever `attempt` throws: what has not been tried then stays untried
 */
export async function isolate(
  ranges: readonly Range[],
  attempt: (range: Range) => Promise<boolean>,
  refusedRow: (range: Range) => void | Promise<void>,
): Promise<void> {
  const queue = [...ranges];
  for (let range = queue.shift(); range !== undefined; range = queue.shift()) {
    if (await attempt(range)) continue;
    const halves = halvesOf(range);
    if (halves) queue.push(...halves);
    else await refusedRow(range);
  }
}
