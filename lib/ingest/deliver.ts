import { BatchSender, isSendable, type SendingEnd, sentMessage, Trouble, unitName } from "./batch_sender.ts";
import { hasTurn } from "./feed_turn.ts";
import { FluentApiError } from "../fluent/mod.ts";
import { openFluentJob } from "./fluent_jobs.ts";
import { FluentSession } from "./fluent_session.ts";
import { Journal } from "./journal.ts";
import { findLostAnswers } from "./lost_answers.ts";
import type { Manifest } from "./manifest.ts";
import { deliverInPartitions } from "./partitions.ts";
import { takePayloads } from "./payloads_ahead.ts";
import type { StepOutcome, Work } from "./work.ts";

/** How soon Fluent is asked again for a batch that may be ours, in milliseconds. */
const ASK_AGAIN_MS = 2_000;

/**
 * Sends every batch that Fluent hasn't accepted yet. What an earlier slice may have sent without hearing the answer is
 * looked for in Fluent first, and sent again, with the same bytes, only if it isn't there.
 */
export async function deliver(work: Work): Promise<StepOutcome> {
  const { ports, request } = work;
  if (work.run.batches.total === 0) return { kind: "done" };
  const { partitions } = work.run;
  if (partitions && ports.startPartition) return await deliverInPartitions(work, partitions);
  const session = new FluentSession(work);
  const reading = Promise.all([
    work.manifest(),
    Journal.open(ports.kv, request.jobId, work.run.batches.total, { window: partitions?.window }),
    hasTurn(work),
  ]);
  // They may fail before they are awaited, and must not count as unhandled then: that would end the whole process.
  reading.catch(() => undefined);
  await work.checkClaim(true);
  // Opening a Fluent job takes a call or two, which go on while the manifest is read and the first payloads are made.
  const opening = openFluentJob(work, session);
  opening.catch(() => undefined);
  try {
    const [manifest, journal, isOurTurn] = await reading;
    if (!isOurTurn) return { kind: "back", to: "turn" };
    return await sendAll(work, { manifest, journal, session }, opening);
  } finally {
    // Whatever failed first is thrown; this only keeps the step from ending before its calls have.
    await Promise.allSettled([opening]);
    session.keep();
  }
}

interface Tools {
  readonly manifest: Manifest;
  readonly journal: Journal;
  readonly session: FluentSession;
}

/** Sends what is left, and leaves the journal in order. */
export async function sendAll(work: Work, tools: Tools, opening: Promise<void>): Promise<StepOutcome> {
  const { journal } = tools;
  try {
    const outcome = await sendWhatIsLeft(work, tools, opening);
    const shown = work.showProgress({ stage: "deliver", message: sentMessage(work) }, true);
    // Whoever has taken the job over meanwhile has a journal of its own, which must not be written over.
    const rested = work.checkClaim(true).then(() => journal.rest());
    await Promise.allSettled([shown, rested]);
    await shown;
    await rested;
    return outcome;
  } catch (error) {
    // Nothing is under way any more. Only a Fluent that failed leaves a journal that is still ours to put in order; what
    // fails here as well is told by the next slice.
    await (error instanceof FluentApiError
      ? work.checkClaim(true).then(() => journal.rest())
      : journal.flush())
      .catch(() => undefined);
    throw error;
  }
}

/** Sends until nothing is left, asking in between for what became of batches whose answers were lost. */
async function sendWhatIsLeft(work: Work, tools: Tools, opening: Promise<void>): Promise<StepOutcome> {
  const { journal, session } = tools;
  const absent = new Map<string, { readonly resent: boolean }>();
  const trouble = new Trouble();
  for (;;) {
    const units = [...journal.units()];
    const doubts = units.filter((unit) => Journal.inDoubt(unit) && !absent.has(unitName(unit)));
    let undecided = 0;
    if (doubts.length > 0) {
      await opening;
      const found = await findLostAnswers(work, tools, doubts);
      undecided = found.undecided;
      for (const { unit, listed } of found.absent) {
        const wasSent = unit.entry.state === "ambiguous" && unit.entry.tries > 0;
        absent.set(unitName(unit), { resent: wasSent || !listed });
      }
    }
    const pending = [
      ...new Set(
        [...journal.units()].filter((unit) => isSendable(unit, absent)).map(({ index }) => index),
      ),
    ];
    const end = pending.length === 0
      ? DONE
      : await send(work, { ...tools, absent, trouble }, pending, opening);
    switch (end.kind) {
      case "expired":
        // A slice that ends in failures is no progress, however it ends.
        if (trouble.last !== undefined) throw trouble.last;
        return { kind: "again", afterMs: end.afterMs };
      case "job-closed":
        await work.save({ fluentJobClosed: true });
        // The file's run opens another one for all of its partitions.
        if (work.partition) return { kind: "again", afterMs: ASK_AGAIN_MS };
        await openFluentJob(work, session);
        break;
      case "done":
        if ([...journal.units()].some((unit) => isSendable(unit, absent))) break;
        if (undecided > 0) return { kind: "again", afterMs: ASK_AGAIN_MS };
        if (![...journal.units()].some(Journal.inDoubt)) return { kind: "done" };
    }
    if (!work.expired) continue;
    if (trouble.last !== undefined) throw trouble.last;
    return { kind: "again", afterMs: 0 };
  }
}

const DONE: SendingEnd = { kind: "done" };

async function send(
  work: Work,
  tools: Tools & { readonly absent: Map<string, { readonly resent: boolean }>; readonly trouble: Trouble },
  pending: readonly number[],
  opening: Promise<void>,
): Promise<SendingEnd> {
  // Payloads are made while others are on their way, so that a free place is taken at once.
  const payloads = await takePayloads(work, pending);
  try {
    await opening;
    return await new BatchSender(work, { ...tools, payloads }).run();
  } finally {
    await payloads.close();
  }
}
