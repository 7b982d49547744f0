import { type FluentBatchAnswer, progressOf } from "../fluent/mod.ts";
import { namesOf } from "../recovery/mod.ts";
import { BatchReader } from "./batch_reader.ts";
import { hasOwnJobs, otherUsers } from "./fluent_jobs.ts";
import type { FluentSession } from "./fluent_session.ts";
import { inOrder } from "./in_order.ts";
import { Journal, type Unit } from "./journal.ts";
import { type Manifest, manifestKey, readManifest } from "./manifest.ts";
import { readPayload, rowsIn } from "./payloads.ts";
import { readRun } from "./run_record.ts";
import type { Work } from "./work.ts";

/** Results looked at to recognise a batch. */
const LOOK_AT = 20;
/** How long a batch that may be ours is waited for before ours is sent again, in milliseconds. */
const ASK_FOR_MS = 5 * 60_000;

/** Batches kept as perhaps ours: more than all partitions of a file have under way. */
const MOST_CANDIDATES = 1_000;

/** What asking came to, for units that may have been sent. */
export interface Found {
  /** Not in Fluent: to be sent. `listed` says that Fluent's own list shows it; else nothing could be asked. */
  readonly absent: readonly { readonly unit: Unit; readonly listed: boolean }[];
  /** Units that may still turn out to be one of the batches Fluent has not finished. */
  readonly undecided: number;
}

interface Tools {
  readonly manifest: Manifest;
  readonly journal: Journal;
  readonly session: FluentSession;
}

/**
 * Asks Fluent for batches whose answers were lost: what a job's own list has beyond the ids that are known is matched to
 * the units in doubt, and adopted. Nothing may be under way meanwhile.
 *
 * A unit and a listed batch belong together when the rows Fluent names in its results are the unit's rows; where Fluent
 * names none yet, when there is one of each in a job of our own. A list that lacks batches known to be accepted, or no list
 * at all, proves nothing: then the unit is absent, and sending it again is harmless, because quantities are absolute and
 * the bytes the same.
 */
export async function findLostAnswers(work: Work, tools: Tools, doubts: readonly Unit[]): Promise<Found> {
  const absent: { unit: Unit; listed: boolean }[] = [];
  let open = [...doubts];
  let undecided = 0;
  let everyJobListed = true;
  const reader = new BatchReader(tools.manifest, work.ports);
  const candidates: string[] = [];
  let names: Map<string, Unit> | undefined;
  for (const [job, fluentJobId] of work.run.fluentJobs.entries()) {
    const here = open.filter(({ entry }) =>
      entry.state === "sending" || (entry.state === "ambiguous" && entry.job === job)
    );
    if (here.length === 0) continue;
    const unknown = await unknownBatches(work, tools, job, fluentJobId);
    if (unknown === "not-asked") return { absent: [], undecided: doubts.length };
    if (unknown === "not-listed") {
      everyJobListed = false;
      continue;
    }
    if (work.partition) {
      // What others send meanwhile is listed as well. It is none of what was in doubt when this was first asked.
      for (const id of [...unknown.keys()]) {
        if (work.run.askingOf && !work.run.askingOf.includes(`${job}/${id}`)) unknown.delete(id);
        else candidates.push(`${job}/${id}`);
      }
    }
    if (unknown.size === 0) continue;
    names ??= await namesOfUnits(work, tools, reader, doubts);
    const { adopted, waiting } = await match(work, tools, { job, fluentJobId, unknown, units: here, names });
    open = open.filter((unit) => !adopted.has(unit));
    undecided = Math.max(undecided, waiting);
  }
  if (undecided > 0 && !(await askedLongEnough(work, candidates))) return { absent: [], undecided };
  if (work.run.askingSince !== undefined) await work.save({ askingSince: undefined, askingOf: undefined });
  for (const unit of open) absent.push({ unit, listed: everyJobListed });
  return { absent, undecided: 0 };
}

async function askedLongEnough(work: Work, candidates: readonly string[]): Promise<boolean> {
  const now = work.ports.clock.now();
  if (work.run.askingSince === undefined) {
    const askingOf = work.partition ? { askingOf: candidates.slice(0, MOST_CANDIDATES) } : {};
    await work.save({ askingSince: new Date(now).toISOString(), ...askingOf });
    return false;
  }
  return now - Date.parse(work.run.askingSince) >= ASK_FOR_MS;
}

/** Ids in a job's list that nobody knows, with their status; `not-listed` when the list is none, or not the whole. */
async function unknownBatches(
  work: Work,
  { journal, session }: Tools,
  job: number,
  fluentJobId: string,
): Promise<Map<string, string | undefined> | "not-listed" | "not-asked"> {
  // Before the list is asked for: what is known by then must be in it.
  if (work.partition) await journal.readOthers();
  const answer = await session.inTurn((options) => session.port.getJob(fluentJobId, options));
  if (!answer) return "not-asked";
  if (answer.batches === undefined) return "not-listed";
  const listed = new Map(answer.batches.map(({ batchId, status }) => [batchId, status]));
  for (const { entry } of journal.allUnits()) {
    if ((entry.state !== "accepted" && entry.state !== "settled") || entry.job !== job) continue;
    // A list without a batch that was accepted is late, or only a part.
    if (!listed.delete(entry.batchId)) return "not-listed";
  }
  if (listed.size === 0) return listed;
  for (const user of await otherUsers(work, fluentJobId)) {
    for (const batchId of await batchesOf(work, user, fluentJobId)) listed.delete(batchId);
  }
  return listed;
}

/** The batches another file sent to a Fluent job it shares with this one. */
async function batchesOf(work: Work, jobId: string, fluentJobId: string): Promise<string[]> {
  const run = await readRun(work.ports.kv, jobId);
  const job = run?.fluentJobs.indexOf(fluentJobId) ?? -1;
  if (!run || job < 0) return [];
  const key = manifestKey(work.settings.s3WorkPrefix, jobId);
  const manifest = await readManifest(work.ports.store, key, work.ports.signal);
  const journal = await Journal.open(work.ports.kv, jobId, manifest.batches.length, {
    window: manifest.journalWindow,
  });
  return [...journal.units()].flatMap(({ entry }) =>
    (entry.state === "accepted" || entry.state === "settled") && entry.job === job ? [entry.batchId] : []
  );
}

/** Which unit each name Fluent may give a row belongs to. */
async function namesOfUnits(
  work: Work,
  { manifest }: Tools,
  reader: BatchReader,
  units: readonly Unit[],
): Promise<Map<string, Unit>> {
  const names = new Map<string, Unit>();
  for (const unit of units) {
    const { rows } = await readPayload(work.ports, manifest, reader, unit.index);
    for (const { entity } of rowsIn(rows, unit.range)) {
      for (const name of namesOf(entity)) names.set(name, unit);
    }
  }
  return names;
}

async function match(
  work: Work,
  { manifest, journal, session }: Tools,
  at: {
    readonly job: number;
    readonly fluentJobId: string;
    readonly unknown: ReadonlyMap<string, string | undefined>;
    readonly units: readonly Unit[];
    readonly names: ReadonlyMap<string, Unit>;
  },
): Promise<{ adopted: ReadonlySet<Unit>; waiting: number }> {
  const { job, fluentJobId, unknown, units, names } = at;
  const adopted = new Set<Unit>();
  const adopt = async (unit: Unit, batchId: string) => {
    adopted.add(unit);
    await journal.set(unit, { state: "accepted", job, batchId });
    work.progressed();
    work.ports.log.info("found a batch whose answer was lost", {
      jobId: work.request.jobId,
      batch: unit.index,
      batchId,
    });
  };
  const isOnlySender = hasOwnJobs(work) && work.partition === undefined;
  const alone = isOnlySender && unknown.size === 1 && units.length === 1 ? units[0] : undefined;
  let unfinished = 0;
  const ask = async (batchId: string) => {
    try {
      const answer = await session.inTurn((options) =>
        session.port.getBatch(fluentJobId, batchId, { ...options, count: LOOK_AT })
      );
      return { answer };
    } catch (error) {
      return { error };
    }
  };
  for await (const [batchId, asked] of inOrder([...unknown.keys()], work.settings.sendConcurrency, ask)) {
    if ("error" in asked) throw asked.error;
    const { answer } = asked;
    if (!answer) {
      unfinished++;
      continue;
    }
    const rows = (unit: Unit) => unit.range?.rows ?? manifest.batches[unit.index]![3];
    const named = unitNamedIn(answer, names);
    const unit = named ?? (hasNames(answer) ? undefined : alone);
    const fits = unit !== undefined && !adopted.has(unit) &&
      (!answer.total || answer.total === rows(unit));
    if (fits) await adopt(unit, batchId);
    else if (progressOf(answer.status) !== "complete") unfinished++;
  }
  return { adopted, waiting: Math.min(unfinished, units.length - adopted.size) };
}

function hasNames(answer: FluentBatchAnswer): boolean {
  return answer.results.some(({ entityRef }) => entityRef !== undefined);
}

/** The one unit all named rows belong to. */
function unitNamedIn(answer: FluentBatchAnswer, names: ReadonlyMap<string, Unit>): Unit | undefined {
  const units = new Set(
    answer.results.flatMap(({ entityRef }) => entityRef === undefined ? [] : [names.get(entityRef)]),
  );
  return units.size === 1 ? [...units][0] : undefined;
}
