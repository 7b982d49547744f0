import { makePayloads, type ReadyPayload } from "./payloads.ts";
import { Prefetch } from "./prefetch.ts";
import type { Work } from "./work.ts";

/** Payloads being made before anybody asks for one, as many as may be under way at once. */
export interface PayloadsAhead {
  /** The batches, in the order of their sending. */
  readonly pending: readonly number[];
  readonly payloads: Prefetch<ReadyPayload>;
}

type Run = Pick<Work, "manifest" | "payloadsAhead" | "ports" | "run" | "settings">;

/**
 * Begins to make the payloads of a file that nothing was sent of yet, while its turn is awaited: what a batch contains
 * depends on nothing but the file and its manifest.
 */
export function beginPayloads(work: Run): void {
  const { batches, partitions } = work.run;
  if (work.payloadsAhead || batches.sent > 0 || (partitions && work.ports.startPartition)) return;
  work.payloadsAhead = prefetch(work, Array.from({ length: batches.total }, (_, index) => index));
}

/** The payloads of these batches; whoever takes them closes them. */
export async function takePayloads(work: Run, pending: readonly number[]): Promise<Prefetch<ReadyPayload>> {
  const begun = work.payloadsAhead;
  if (begun && isSame(begun.pending, pending)) {
    work.payloadsAhead = undefined;
    return begun.payloads;
  }
  await dropPayloads(work);
  return prefetch(work, pending).payloads;
}

/** Ends what was begun and not taken. */
export async function dropPayloads(work: Run): Promise<void> {
  const begun = work.payloadsAhead;
  work.payloadsAhead = undefined;
  await begun?.payloads.close();
}

function prefetch(work: Run, pending: readonly number[]): PayloadsAhead {
  const payloads = new Prefetch(made(work, pending), work.settings.sendConcurrency, work.ports.turns);
  return { pending, payloads };
}

async function* made(work: Run, pending: readonly number[]): AsyncGenerator<ReadyPayload, void, void> {
  yield* makePayloads(work.ports, await work.manifest(), work.settings, pending);
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((index, at) => index === other[at]);
}
