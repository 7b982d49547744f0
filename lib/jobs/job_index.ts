import { z } from "zod";
import { type Clock, type Logger, messageOf } from "../base/mod.ts";
import { type KVStore, parseRecord, readRecord } from "../state/mod.ts";
import { dayPrefix, keysOf, PENDING, pendingKey, STATE, STATE_NAME, statusPrefix } from "./_index_keys.ts";
import { isTerminal, JOB_STATUSES, type JobRecord, jobRecordSchema } from "./job_record.ts";
import { dayOf, type IndexEntry, indexEntrySchema, type JobSummary, summaryOf } from "./job_summary.ts";

/** After this long, in milliseconds, a change that was begun and not ended is taken for broken off, and is repaired. */
const BROKEN_AFTER_MS = 60_000;
/** Most changes repaired at once by one reader; the others are read right, and repaired by the next. */
const MOST_REPAIRS = 20;
/** Pages of jobs without an index that one step of the backfill takes. */
const BACKFILL_PAGES = 2;
/** Days one sweep looks at, at most. */
const MOST_DAYS = 10;

const DAY_MS = 86_400_000;

const pendingSchema = z.object({
  v: z.literal(1),
  /** Milliseconds since the epoch. */
  at: z.number(),
  /** Keys at which the job may be found as it was before. */
  before: z.array(z.array(z.string())),
});
type Pending = z.output<typeof pendingSchema>;

const stateSchema = z.object({
  v: z.literal(1),
  /** Whether jobs written before there was an index have all been indexed. */
  filled: z.boolean(),
  /** Where the next step of that goes on. */
  fillAfter: z.string().optional(),
  /** The first UTC day there may be entries of. */
  firstDay: z.string(),
});
type IndexState = z.output<typeof stateSchema>;

/** Removes what a job whose time is over keeps beside its record; false when the record has to stay. */
export type Release = (job: JobRecord) => Promise<boolean>;

/** What a reader has to know beside the entries. */
export interface Overlay {
  /** Jobs that were being written: their entries may say something else. Undefined: there is no such job. */
  readonly jobs: ReadonlyMap<string, JobSummary | undefined>;
  /** Whether jobs written before there was an index have all been indexed. */
  readonly filled: boolean;
}

/**
 * The index over the jobs: three entries for each, with its summary, at keys that follow from the job alone.
 *
 * The store has no transactions, so every change of the index is announced before the record is written, and the
 * announcement withdrawn when all of it is done. A reader looks at the announcements first: of a job that has one, the
 * record is believed and not the entries. Whatever was broken off is put right by the next reader, a minute later.
 */
export class JobIndex {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Jobs whose entries this index has left in order, and at which keys: another process may have gone on with one. */
  readonly #inOrder = new Map<string, string>();

  constructor(kv: KVStore, clock: Clock, log: Logger) {
    this.#kv = kv;
    this.#clock = clock;
    this.#log = log;
  }

  /** Writes a job's record by `write`, and its entries. After a crash at any point, readers see what the record says. */
  async change(
    before: JobRecord | undefined,
    after: JobRecord,
    write: () => Promise<void>,
  ): Promise<void> {
    const { jobId } = after;
    const known = before ? keysOf(summaryOf(before)) : [];
    const left = before && this.#inOrder.get(jobId) === String(known)
      ? undefined
      : await readRecord(this.#kv, pendingKey(jobId), pendingSchema);
    this.#inOrder.delete(jobId);
    const now = this.#clock.now();
    // What an earlier change has left behind is unknown, once it was broken off.
    const old = left ? [...known, ...left.before, ...possibleKeys(before), ...possibleKeys(after)] : known;
    const pending: Pending = { v: 1, at: now, before: unique(old) };
    await this.#kv.set(pendingKey(jobId), pending);
    await write();
    await this.#place(after, old);
    // A reader may have taken this change for broken off meanwhile: then the announcement stays, for the next one.
    if (this.#clock.now() - now < BROKEN_AFTER_MS / 2) await this.#kv.delete(pendingKey(jobId));
    if (!isTerminal(after.status)) this.#inOrder.set(jobId, String(keysOf(summaryOf(after))));
  }

  /** What is being written now. Repairs what was broken off, and indexes some of the jobs that have no entries yet. */
  async overlay(): Promise<Overlay> {
    const pending: [string, Pending][] = [];
    let state: IndexState | undefined;
    for await (const { key, value } of this.#kv.list(PENDING)) {
      const name = key.at(-1)!;
      if (name === STATE_NAME) state = parseRecord(key, value, stateSchema);
      else pending.push([name, parseRecord(key, value, pendingSchema)]);
    }
    const filled = state?.filled === true || await this.#fill(state);
    const jobs = new Map<string, JobSummary | undefined>();
    let repairs = 0;
    for (const [jobId, change] of pending) {
      const broken = this.#clock.now() - change.at >= BROKEN_AFTER_MS;
      const record = broken && ++repairs <= MOST_REPAIRS
        ? await this.#repair(jobId, change)
        : await readRecord(this.#kv, ["jobs", jobId], jobRecordSchema);
      jobs.set(jobId, record && summaryOf(record));
    }
    return { jobs, filled };
  }

  /** The entry of a list; undefined when it can't be read, which costs this entry only. */
  entry(key: readonly string[], value: unknown): IndexEntry | undefined {
    const parsed = indexEntrySchema.safeParse(value);
    if (parsed.success) return parsed.data;
    this.#log.warn("index entry unreadable", { key: key.join("/") });
    return undefined;
  }

  /**
   * Removes jobs whose time is over, with their entries. Does a little at a time: it is called along with other work.
   *
   * @param ttlSeconds how long a job lives at least after its creation
   * @param most jobs removed at most
   * @param release is asked before a record goes, and removes what the job keeps elsewhere; false: it has to stay
   * @returns how many were removed
   */
  async sweep(
    ttlSeconds: number,
    most: number,
    release: Release = () => Promise.resolve(true),
  ): Promise<number> {
    if (ttlSeconds === 0) return 0;
    const state = await readRecord(this.#kv, STATE, stateSchema);
    if (!state) return 0;
    const now = this.#clock.now();
    const last = dayOf(new Date(now - ttlSeconds * 1_000).toISOString());
    let removed = 0;
    let emptyThrough: string | undefined;
    let allEmpty = true;
    let day = state.firstDay;
    for (let days = 0; day <= last && days < MOST_DAYS && removed < most; days++, day = nextDay(day)) {
      let left = 0;
      for await (const { key, value } of this.#kv.list(dayPrefix(day))) {
        const entry = this.entry(key, value);
        const over = entry === undefined ||
          (entry.expiresAt !== undefined && Date.parse(entry.expiresAt) <= now);
        if (!over || removed >= most) {
          left++;
          continue;
        }
        if (await this.#remove(key, day, entry, release)) removed++;
        else left++;
      }
      if (left > 0) allEmpty = false;
      // Today may still get its first job.
      if (allEmpty && day < dayOf(new Date(now).toISOString())) emptyThrough = day;
    }
    if (emptyThrough !== undefined) {
      await this.#kv.set(STATE, { ...state, firstDay: nextDay(emptyThrough) });
    }
    return removed;
  }

  /** Makes sure the index knows since when it is kept. To be called before a job is written for the first time. */
  async begin(createdAt: string): Promise<void> {
    const state = await readRecord(this.#kv, STATE, stateSchema);
    if (state && state.firstDay <= dayOf(createdAt)) return;
    const filled = state?.filled ?? (await this.#kv.page(["jobs"])).entries.length === 0;
    await this.#kv.set(STATE, { ...state, v: 1, filled, firstDay: dayOf(createdAt) });
  }

  /** Removes one job whose time is over. False when it lives on after all. */
  async #remove(
    key: readonly string[],
    day: string,
    entry: IndexEntry | undefined,
    release: Release,
  ): Promise<boolean> {
    const jobId = key.at(-1)!;
    const record = await readRecord(this.#kv, ["jobs", jobId], jobRecordSchema);
    const lives = record !== undefined &&
      (record.expiresAt === undefined || Date.parse(record.expiresAt) > this.#clock.now());
    if (lives && dayOf(record.createdAt) === day) {
      await this.#repair(jobId, { v: 1, at: 0, before: [[...key]] });
      return false;
    }
    const gone = [
      [...key],
      ...JOB_STATUSES.map((status) => [...statusPrefix(status, day), jobId]),
      ...(entry ? keysOf(entry) : []),
    ];
    if (lives) {
      // Created anew on another day: only what was left of the old one goes.
      const own = new Set(keysOf(summaryOf(record)).map(String));
      await this.#deleteAll(gone.filter((old) => !own.has(String(old))));
      return true;
    }
    // The record goes after what the job keeps elsewhere, so that whoever is broken off in between is asked again.
    if (record && !(await release(record))) return false;
    // The announcement goes last: whoever is broken off in between is finished by a reader.
    await this.#kv.set(pendingKey(jobId), { v: 1, at: this.#clock.now(), before: gone });
    await this.#kv.delete(["jobs", jobId]);
    await this.#deleteAll(gone);
    await this.#kv.delete(pendingKey(jobId));
    return true;
  }

  /** Puts the entries of a job right, whose change was broken off. Gives back its record. */
  async #repair(jobId: string, change: Pending): Promise<JobRecord | undefined> {
    const read = () => readRecord(this.#kv, ["jobs", jobId], jobRecordSchema);
    let record = await read();
    for (let again = 0; again < 3; again++) {
      if (record) await this.#place(record, [...change.before, ...possibleKeys(record)]);
      else await this.#deleteAll(change.before);
      const now = await read();
      const stands = now?.updatedAt === record?.updatedAt;
      record = now;
      if (!stands) continue;
      const pending = await readRecord(this.#kv, pendingKey(jobId), pendingSchema);
      if (pending?.at === change.at) await this.#kv.delete(pendingKey(jobId));
      break;
    }
    this.#log.info("history repaired", { jobId });
    return record;
  }

  /** Writes a job's entries, then deletes those at the other keys it was found under. */
  async #place(record: JobRecord, old: readonly (readonly string[])[]): Promise<void> {
    const entry: IndexEntry = { v: 1, ...summaryOf(record), writtenAt: this.#clock.now() };
    const keys = keysOf(entry);
    await Promise.all(keys.map((key) => this.#kv.set(key, entry)));
    const own = new Set(keys.map(String));
    await this.#deleteAll(old.filter((key) => !own.has(String(key))));
  }

  async #deleteAll(keys: readonly (readonly string[])[]): Promise<void> {
    await Promise.all(unique(keys).map((key) => this.#kv.delete(key)));
  }

  /** Indexes some of the jobs that were written before there was an index. True when there are no more. */
  async #fill(state: IndexState | undefined): Promise<boolean> {
    let firstDay = state?.firstDay ?? dayOf(new Date(this.#clock.now()).toISOString());
    let after = state?.fillAfter;
    for (let n = 0; n < BACKFILL_PAGES; n++) {
      const page = await this.#kv.page(["jobs"], after);
      for (const { key, value } of page.entries) {
        const job = jobRecordSchema.safeParse(value);
        if (!job.success) {
          this.#log.warn("job unreadable", { key: key.join("/"), error: messageOf(job.error) });
          continue;
        }
        const day = dayOf(job.data.createdAt);
        if (day < firstDay) firstDay = day;
        const known = await this.#kv.get([...dayPrefix(day), job.data.jobId]);
        if (known !== undefined) continue;
        await this.#place(job.data, []);
        const now = await readRecord(this.#kv, ["jobs", job.data.jobId], jobRecordSchema);
        // Its run has gone on meanwhile, and may have put its entries in order just before.
        if (now?.updatedAt !== job.data.updatedAt) {
          await this.#repair(job.data.jobId, {
            v: 1,
            at: 0,
            before: possibleKeys(job.data).map((key) => [...key]),
          });
        }
      }
      after = page.next;
      if (after === undefined) break;
    }
    const filled = after === undefined;
    await this.#kv.set(STATE, { v: 1, filled, firstDay, ...(filled ? {} : { fillAfter: after }) });
    return filled;
  }
}

/** Every key by day and status at which a job of that day could be found. */
function possibleKeys(job: JobRecord | undefined): readonly string[][] {
  if (!job) return [];
  const day = dayOf(job.createdAt);
  return [
    ...JOB_STATUSES.map((status) => [...statusPrefix(status, day), job.jobId]),
    ...keysOf(summaryOf(job)),
  ];
}

function unique(keys: readonly (readonly string[])[]): string[][] {
  return [...new Map(keys.map((key) => [key.join("/"), [...key]])).values()];
}

function nextDay(day: string): string {
  return dayOf(new Date(Date.parse(day) + DAY_MS).toISOString());
}
