import type { Clock } from "./_clock.ts";

/** What came first: the work's result, or the end of its time. */
export type InTime<T> = { readonly inTime: true; readonly value: T } | {
  readonly inTime: false;
};

/** Waits for the work no longer than `ms`; the work itself goes on. */
export async function withinBudget<T>(
  work: Promise<T>,
  ms: number,
  clock: Clock,
): Promise<InTime<T>> {
  const over = new AbortController();
  const timeout = clock.sleep(ms, over.signal).then(
    (): InTime<T> => ({ inTime: false }),
    (): InTime<T> => ({ inTime: false }), // the work was faster
  );
  try {
    return await Promise.race([
      work.then((value): InTime<T> => ({ inTime: true, value })),
      timeout,
    ]);
  } finally {
    over.abort();
  }
}
