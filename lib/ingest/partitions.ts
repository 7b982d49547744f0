import { ConnectorError, messageOf } from "../base/mod.ts";
import { sentMessage } from "./batch_sender.ts";
import { hasTurn } from "./feed_turn.ts";
import { openFluentJob } from "./fluent_jobs.ts";
import { FluentSession } from "./fluent_session.ts";
import { Journal } from "./journal.ts";
import {
  deletePartition,
  type PartitionRecord,
  type PartitionRequest,
  readPartitions,
} from "./partition_record.ts";
import { rangeOf } from "./partition_plan.ts";
import type { IngestPorts } from "./ports.ts";
import type { PartitionedRun } from "./run_record.ts";
import type { StepOutcome, Work } from "./work.ts";

/** How soon the file's run looks at its partitions again, in milliseconds. */
const LOOK_MS = 2_000;
/** How far behind what a partition has written a read may be, in milliseconds. */
const STALE_MS = 250;
/** After this long without a word of any partition, in milliseconds, the file's run counts it as a failure that may pass. */
const SILENT_MS = 5 * 60_000;

/**
 * Has a file delivered by several runs, one for each partition of its batches. This run opens the Fluent job they share,
 * starts them, looks at them until all are done, and is the only one that goes on to confirm. It keeps the file's turn
 * in its feed; a partition works only while it does.
 */
export async function deliverInPartitions(work: Work, plan: PartitionedRun): Promise<StepOutcome> {
  if (!(await hasTurn(work))) return { kind: "back", to: "turn" };
  await work.checkClaim(true);
  const records = await readPartitions(work.ports.kv, work.request.jobId, plan.count);
  const at = plan.started;
  if (at && isClosed(work, at.generation, records)) await work.save({ fluentJobClosed: true });
  const session = new FluentSession(work);
  try {
    await openFluentJob(work, session);
  } finally {
    session.keep();
  }
  // A job that was opened again starts them anew: what was left of the old ones is void.
  if (!at || at.life !== work.reopened) return await begin(work, plan);
  if (!at.complete) return await start(work, plan);
  await count(work, plan, records);
  const mine = at.numbers.map((number) => records[number]);
  const isAt = (record: PartitionRecord | undefined) => record?.generation === at.generation;
  const failed = mine.find((record) => isAt(record) && record?.state === "failed");
  if (failed?.failure) {
    throw new ConnectorError(failed.failure.message, { ...failed.failure, retry: "never" });
  }
  if (!mine.every((record) => isAt(record) && record?.state === "done")) {
    return { kind: "again", afterMs: LOOK_MS };
  }
  // What they wrote last has to be seen by whoever goes on.
  await work.ports.clock.sleep(STALE_MS, work.ports.signal);
  const left = await openNumbers(work, plan);
  if (left.length > 0) return await begin(work, plan, left);
  return { kind: "done" };
}

/** Removes what is kept of a file's partitions, once its job is over. */
export async function forgetPartitions(work: Work): Promise<void> {
  const { partitions } = work.run;
  for (let number = 0; number < (partitions?.count ?? 0); number++) {
    await deletePartition(work.ports.kv, work.request.jobId, number);
  }
}

/** Starts those that have something left to send. */
async function begin(work: Work, plan: PartitionedRun, left?: readonly number[]): Promise<StepOutcome> {
  const numbers = left ?? await openNumbers(work, plan);
  if (numbers.length === 0) return { kind: "done" };
  const now = work.ports.clock.now();
  const started = {
    generation: (plan.started?.generation ?? 0) + 1,
    life: work.reopened,
    numbers: [...numbers],
    complete: false,
    heardAt: now,
  };
  await work.save({ partitions: { ...plan, started } });
  return await start(work, { ...plan, started });
}

/** Starts the runs. After a crash they are started again; a second run of a partition waits for the first. */
async function start(work: Work, plan: PartitionedRun): Promise<StepOutcome> {
  const { ports, request } = work;
  const { started } = plan;
  if (!started) throw new RangeError("There is nothing to start");
  for (const partition of started.numbers) {
    await startOne(ports, {
      v: 1,
      request,
      partition,
      generation: started.generation,
      startedAt: ports.clock.now(),
    });
  }
  await work.save({ partitions: { ...plan, started: { ...started, complete: true } } });
  return { kind: "again", afterMs: LOOK_MS };
}

/** @throws ConnectorError `run-not-started`, which may pass: starting it again does no harm */
async function startOne(ports: IngestPorts, request: PartitionRequest): Promise<void> {
  try {
    await ports.startPartition?.(request);
  } catch (cause) {
    throw new ConnectorError(
      `Cannot start the run that delivers partition ${request.partition}: ${messageOf(cause)}`,
      { code: "run-not-started", retry: "later", cause },
    );
  }
}

/** The partitions with a batch of which it is open what becomes of it. */
async function openNumbers(work: Work, plan: PartitionedRun): Promise<number[]> {
  const { total } = work.run.batches;
  const journal = await Journal.open(work.ports.kv, work.request.jobId, total, { window: plan.window });
  const open: number[] = [];
  for (let number = 0; number < plan.count; number++) {
    const { from, to } = rangeOf(plan, number, total);
    for (let index = from; index < to; index++) {
      if (!journal.unitsOf(index).some((unit) => Journal.isOpen(unit))) continue;
      open.push(number);
      break;
    }
  }
  return open;
}

/** Whether a partition found the last Fluent job closed. */
function isClosed(
  { run }: Work,
  generation: number,
  records: readonly (PartitionRecord | undefined)[],
): boolean {
  return records.some((record) =>
    record?.generation === generation && record.run.fluentJobClosed &&
    record.run.fluentJobs.length === run.fluentJobs.length
  );
}

/**
 * Adds up what the partitions have done, and shows it.
 *
 * @throws ConnectorError what one of them is stopped by while none gets on; `partitions-silent` when none is heard of
 */
async function count(
  work: Work,
  plan: PartitionedRun,
  records: readonly (PartitionRecord | undefined)[],
): Promise<void> {
  const { run, ports } = work;
  const known = records.filter((record) => record !== undefined);
  const sum = (of: (record: PartitionRecord) => number) => known.reduce((all, record) => all + of(record), 0);
  const sent = sum(({ run }) => run.batches.sent);
  const resent = sum(({ run }) => run.batches.resent);
  const disturbedAt = Math.max(run.disturbedAt ?? 0, ...known.map(({ run }) => run.disturbedAt ?? 0));
  const getsOn = sent > run.batches.sent;
  const now = ports.clock.now();
  const started = plan.started && (getsOn ? { ...plan.started, heardAt: now } : plan.started);
  if (getsOn) work.progressed();
  work.run.batches = { ...run.batches, sent, resent };
  await work.save({
    partitions: { ...plan, started },
    ...(disturbedAt > 0 ? { disturbedAt } : {}),
  });
  await work.showProgress({ stage: "deliver", message: `${sentMessage(work)}, in ${plan.count} runs` }, true);
  if (getsOn) return;
  const stopped = known.find(({ state, failure }) => state === "open" && failure !== undefined);
  if (stopped?.failure) {
    throw new ConnectorError(stopped.failure.message, { ...stopped.failure, retry: "later" });
  }
  if (started && now - started.heardAt >= SILENT_MS) {
    throw new ConnectorError(
      `None of the ${plan.count} runs that deliver the file has got on since ${
        new Date(started.heardAt).toISOString()
      }`,
      { code: "partitions-silent", retry: "later" },
    );
  }
}
