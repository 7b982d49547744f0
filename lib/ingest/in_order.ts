/**
 * Works on items, some at once, and gives what comes of them in the items' order. Who stops early waits for what is
 * under way.
 *
 * @param work must not reject
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<readonly [item: T, result: R], void, void> {
  const underWay: Promise<R>[] = [];
  let started = 0;
  try {
    for (const item of items) {
      while (started < items.length && underWay.length < atOnce) underWay.push(work(items[started++]!));
      yield [item, await underWay.shift()!];
    }
  } finally {
    await Promise.all(underWay);
  }
}
