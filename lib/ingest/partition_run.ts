import { ConnectorError, messageOf } from "../base/mod.ts";
import { isTerminal } from "../jobs/mod.ts";
import type { Owner } from "../state/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import { JobCancelled } from "./cancel.ts";
import { sendAll } from "./deliver.ts";
import { FluentSession } from "./fluent_session.ts";
import { Journal } from "./journal.ts";
import { ingestState } from "./ingest_state.ts";
import { ceilingOf, rangeOf } from "./partition_plan.ts";
import {
  partitionClaim,
  type PartitionRecord,
  type PartitionRequest,
  readPartitions,
  writePartition,
} from "./partition_record.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { newRun, type PartitionedRun, readRun, type RunRecord } from "./run_record.ts";
import { ClaimLost, type StepOutcome, Work } from "./work.ts";

/** How a slice of a partition ended. */
export type PartitionOutcome =
  /** There is nothing left to do for this run. */
  | { readonly kind: "over" }
  /** Call again after this many milliseconds. */
  | { readonly kind: "again"; readonly afterMs: number };

const OVER: PartitionOutcome = { kind: "over" };
/** How soon a partition that may not work yet, or not now, looks again, in milliseconds. */
const WAIT_MS = 2_000;
/** How soon one that found another run at work looks again, in milliseconds. */
const LOOK_AGAIN_MS = 15_000;
/** The longest pause between two slices that make no progress, in milliseconds. */
const MAX_PAUSE_MS = 60_000;
/** A run younger than this, in milliseconds, may not see yet what was written before it was started. */
const YOUNG_MS = 1_000;
/**
 * How much longer the file's place in its feed must hold for a partition to send, in milliseconds: a request takes 30 s
 * at most, and a claim is believed for some seconds. Nobody passes a place before its time is up.
 */
const PLACE_MARGIN_MS = 45_000;

/** The file may not be delivered now: its run has lost the feed's turn, or is late in renewing it. */
class NotNow extends ConnectorError {
  constructor(jobId: string, readonly over: boolean) {
    super(`Job '${jobId}' does not deliver now`, { code: "not-now", retry: "later", details: { jobId } });
  }
}

/**
 * Does one slice of a partition: sends what Fluent hasn't accepted yet of its batches, to the Fluent job the file's run
 * has opened. It works only while it has the claim on the partition and the file has its turn in its feed, and only for
 * the latest start of the partitions. May be called any number of times, by any number of deliveries at once.
 *
 * @throws StateError when the store in which progress is kept doesn't answer
 */
export async function runPartition(
  asked: PartitionRequest,
  owner: Owner,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState = ingestState(ports, settings),
): Promise<PartitionOutcome> {
  const { jobId } = asked.request;
  const [file, job] = await Promise.all([readRun(ports.kv, jobId), state.tracker.getJob(jobId)]);
  const isOver = !file || !job || isTerminal(job.status) || isVoid(file, asked.generation);
  if (isOver) {
    const young = ports.clock.now() - asked.startedAt < YOUNG_MS;
    return young ? { kind: "again", afterMs: YOUNG_MS } : OVER;
  }
  const plan = file.partitions;
  if (plan?.started?.generation !== asked.generation) return { kind: "again", afterMs: YOUNG_MS };
  const acquired = await state.claims.acquire(partitionClaim(jobId, asked.partition), owner, ports.signal);
  if (acquired.kind === "theirs") {
    return { kind: "again", afterMs: Math.max(acquired.until - ports.clock.now(), LOOK_AGAIN_MS) };
  }
  const { claim } = acquired;
  const records = await readPartitions(ports.kv, jobId, plan.count);
  const own = records[asked.partition];
  const isAt = (record: PartitionRecord | undefined) => record?.generation === asked.generation;
  if (isAt(own) && own?.state !== "open") {
    await claim.release();
    return OVER;
  }
  const open = plan.started.numbers.filter((n) => !isAt(records[n]) || records[n]?.state === "open");
  const ceiling = ceilingOf(settings, open.indexOf(asked.partition), open.length);
  const isWaiting = own?.run.fluentJobClosed === true && own.run.fluentJobs.length >= file.fluentJobs.length;
  if (ceiling === 0 || isWaiting) {
    await claim.handOver();
    return { kind: "again", afterMs: WAIT_MS };
  }
  // What stopped the last slice counts until this one has got to its end.
  const failure = isAt(own) && own?.failure ? { failure: own.failure } : {};
  let record: Omit<PartitionRecord, "v" | "run"> = {
    generation: asked.generation,
    state: "open",
    ...failure,
  };
  const work = new Work({
    request: asked.request,
    settings: { ...settings, sendConcurrency: ceiling },
    ports,
    stateOver: (changing) => ({ ...ingestState(changing, settings), claims: state.claims }),
    owner,
    claim,
    reopened: job.reopened,
    run: placeOf(file, own, plan, asked.partition),
    partition: {
      write: (kv, run) => writePartition(kv, jobId, asked.partition, { ...record, run }),
      check: () => checkTurn(asked, ports, state),
    },
  });
  try {
    await work.checkClaim(true);
    await work.save({
      slices: work.run.slices + 1,
      ...(claim.disturbed ? { disturbedAt: ports.clock.now() } : {}),
    });
    const sending = () => send(work, plan, { number: asked.partition, total: file.batches.total });
    const { observer } = work.ports;
    const outcome = await (observer ? observer.step("deliver", sending) : sending());
    record = { generation: asked.generation, state: outcome.kind === "done" ? "done" : "open" };
    work.progressed();
    await work.save({});
    if (outcome.kind === "done") await claim.release();
    else await claim.handOver();
    return outcome.kind === "again" ? outcome : OVER;
  } catch (error) {
    try {
      return await afterFailure(error);
    } catch (later) {
      if (later instanceof ClaimLost) return { kind: "again", afterMs: LOOK_AGAIN_MS };
      if (later instanceof NotNow) return await notNow(later);
      throw later;
    }
  }

  async function notNow({ over }: NotNow): Promise<PartitionOutcome> {
    await claim.handOver();
    return over ? OVER : { kind: "again", afterMs: WAIT_MS };
  }

  /** The file's run decides what a failure means for the job; here it only decides about the next slice. */
  async function afterFailure(error: unknown): Promise<PartitionOutcome> {
    if (error instanceof ClaimLost) return { kind: "again", afterMs: LOOK_AGAIN_MS };
    if (error instanceof NotNow) return await notNow(error);
    if (error instanceof JobCancelled) {
      await claim.handOver();
      // The job's end is written by the file's run.
      return { kind: "again", afterMs: LOOK_AGAIN_MS };
    }
    if (ports.signal?.aborted) throw error;
    const passing = error instanceof ConnectorError && error.retry === "later";
    const code = error instanceof ConnectorError ? error.code : "unexpected";
    record = { ...record, state: passing ? "open" : "failed", failure: { code, message: messageOf(error) } };
    const stalls = work.run.stalls + 1;
    await work.save({ stalls, retries: work.run.retries + 1 });
    ports.log.warn("slice of a partition stopped by a failure", {
      jobId,
      partition: asked.partition,
      ...errorFields(error),
    });
    if (!passing) {
      await claim.release();
      return OVER;
    }
    await claim.handOver();
    const backoffMs = Math.min(1_000 * 2 ** Math.min(stalls - 1, 10), MAX_PAUSE_MS);
    return { kind: "again", afterMs: Math.max(error.retryAfterMs ?? 0, backoffMs) };
  }
}

async function send(
  work: Work,
  plan: PartitionedRun,
  { number, total }: { readonly number: number; readonly total: number },
): Promise<StepOutcome> {
  const { ports, request } = work;
  const session = new FluentSession(work);
  const [manifest, journal] = await Promise.all([
    work.manifest(),
    Journal.open(ports.kv, request.jobId, total, {
      window: plan.window,
      only: rangeOf(plan, number, total),
    }),
  ]);
  try {
    return await sendAll(work, { manifest, journal, session }, Promise.resolve());
  } finally {
    session.keep();
  }
}

/** Where the partition stands, with the Fluent jobs the file's run has opened. */
function placeOf(
  file: RunRecord,
  own: PartitionRecord | undefined,
  plan: PartitionedRun,
  number: number,
): RunRecord {
  const { from, to } = rangeOf(plan, number, file.batches.total);
  const run = own?.run ?? {
    ...newRun(file.jobId, file.manifestKey),
    step: "deliver" as const,
    batches: { total: to - from, sent: 0, resent: 0 },
  };
  return { ...run, fluentJobs: file.fluentJobs, fluentJobClosed: false, places: file.places };
}

/** Whether a start of the partitions is over: there was a later one, or the file has been delivered or replaced. */
function isVoid({ partitions, step, replacedAt }: RunRecord, generation: number): boolean {
  const latest = partitions?.started?.generation ?? 0;
  if (latest !== generation) return latest > generation;
  if (replacedAt !== undefined) return true;
  return step === "confirm" || step === "report" || step === "archive" || step === "done";
}

/**
 * Asked with every look at the claim: whether the file still has its turn in its feed, and this start is the latest. A
 * read that is behind can only say that it is not our turn yet.
 */
async function checkTurn(
  { request, generation }: PartitionRequest,
  { kv, clock }: IngestPorts,
  { feeds }: IngestState,
): Promise<void> {
  const { feed, jobId } = request;
  const [file, place] = await Promise.all([readRun(kv, jobId), feeds.placeOf(feed, jobId)]);
  if (file && isVoid(file, generation)) throw new NotNow(jobId, true);
  const hasTurn = place !== undefined && place.delivering && !place.left &&
    place.until - clock.now() > PLACE_MARGIN_MS;
  if (!hasTurn) throw new NotNow(jobId, false);
}
