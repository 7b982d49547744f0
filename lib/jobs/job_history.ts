import { type Clock, ConnectorError } from "../base/mod.ts";
import { type KVPage, type KVStore, readRecord, StateError } from "../state/mod.ts";
import { type Cursor, decodeCursor, encodeCursor, questionId } from "./_cursor.ts";
import { dayPrefix, statusPrefix } from "./_index_keys.ts";
import { type HistoryQuery, historyQuerySchema, type Question, questionOf } from "./history_query.ts";
import type { JobIndex, Overlay } from "./job_index.ts";
import { type JobRows, jobRowsSchema } from "./job_facts.ts";
import { JOB_STATUSES, type JobRecord, jobRecordSchema, type JobStatus } from "./job_record.ts";
import { dayOf, type IndexEntry, type JobSummary, summaryOf } from "./job_summary.ts";

/** Pages of the store one question reads, before it gives what it has and a cursor to go on from. */
const MOST_PAGES = 25;
/** Jobs a cursor carries at most, so that a page of the store need not be read again for their sake. */
const MOST_CARRIED = 20;
/** Days counted at the same time. */
const DAYS_AT_ONCE = 4;
/** Most days that are counted at once. */
export const MAX_DAYS = 92;

const DAY_MS = 86_400_000;

/** A part of the history. */
export interface HistoryPage {
  /** Newest first by creation. May be fewer than asked for, even none, although there are more. */
  readonly jobs: readonly JobSummary[];
  /** Where the next page starts; absent at the end. */
  readonly nextCursor?: string;
  /** False while jobs written by a version without a history are still being indexed: they are missing. */
  readonly complete: boolean;
}

/** What happened on one UTC day. */
export interface DayCounts {
  /** `2026-01-31`. */
  readonly day: string;
  readonly jobs: number;
  readonly byStatus: Readonly<Record<JobStatus, number>>;
  /** Sums over the day's jobs, dry runs not counted. */
  readonly rows: JobRows;
}

/**
 * Questions about all jobs.
 *
 * Jobs come newest first by creation. The store lists entries newest first by creation too, and leaves open whether an
 * update makes an entry the newest; so a job is only given when no entry not yet read can be of a newer one, whichever
 * holds: an entry is never written before its job was created.
 */
export class JobHistory {
  readonly #kv: KVStore;
  readonly #index: JobIndex;
  readonly #clock: Clock;

  constructor(kv: KVStore, index: JobIndex, clock: Clock) {
    this.#kv = kv;
    this.#index = index;
    this.#clock = clock;
  }

  /**
   * The jobs that fit, newest first.
   *
   * Cost in calls of the store: one, and one for each 100 entries read. The newest 50, those of one status or one day
   * or both, and those of one file are found by list; feed, trigger and text by looking at what the list has.
   *
   * @throws ConnectorError `query-invalid`, `cursor-invalid`; StateError when the store doesn't answer
   */
  async list(query: HistoryQuery = {}): Promise<HistoryPage> {
    const parsed = historyQuerySchema.safeParse(query);
    if (!parsed.success) {
      const first = parsed.error.issues[0];
      throw new ConnectorError(
        `Cannot answer this query: at '${first?.path.join(".") ?? ""}': ${
          first?.message ?? "not understood"
        }`,
        { code: "query-invalid", retry: "never" },
      );
    }
    const { limit, cursor, ...asked } = parsed.data;
    const id = questionId(asked);
    const start = cursor === undefined ? START : decodeCursor(id, cursor);
    const overlay = await this.#index.overlay();
    const question = questionOf(asked);
    const found = await this.#scan(question, start, overlay, limit);
    return {
      jobs: found.jobs,
      ...(found.next ? { nextCursor: encodeCursor(id, found.next) } : {}),
      complete: overlay.filled,
    };
  }

  /** The jobs that are queued or processing, as they are now, newest first. */
  async running(): Promise<readonly JobRecord[]> {
    const { jobs } = await this.#index.overlay();
    const ids = new Set(jobs.keys());
    for (const status of ["queued", "processing"] as const) {
      for await (const { key } of this.#kv.list(statusPrefix(status))) ids.add(key.at(-1)!);
    }
    const records = await Promise.all([...ids].map((id) => this.#record(id)));
    return records.filter((job) => job?.status === "queued" || job?.status === "processing")
      .filter((job) => job !== undefined)
      .sort(newestFirst);
  }

  /**
   * Jobs by status and the sums of their rows, for each UTC day from `from` to `to`, both included, newest day first.
   * Costs one call for each 100 jobs of those days.
   *
   * @throws ConnectorError `query-invalid` when it is no range of 1 to {@link MAX_DAYS} days
   */
  async counts(range: { readonly from: string; readonly to: string }): Promise<readonly DayCounts[]> {
    const days = daysOf(range);
    const overlay = await this.#index.overlay();
    const counts: DayCounts[] = [];
    for (let i = 0; i < days.length; i += DAYS_AT_ONCE) {
      counts.push(
        ...await Promise.all(days.slice(i, i + DAYS_AT_ONCE).map((day) => this.#countsOf(day, overlay))),
      );
    }
    return counts;
  }

  async #countsOf(day: string, overlay: Overlay): Promise<DayCounts> {
    const jobs: JobSummary[] = [...overlay.jobs.values()].filter((job) => job !== undefined)
      .filter((job) => dayOf(job.createdAt) === day);
    for await (const { key, value } of this.#kv.list(dayPrefix(day))) {
      const entry = this.#index.entry(key, value);
      if (entry && !overlay.jobs.has(entry.jobId)) jobs.push(entry);
    }
    const byStatus = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<
      JobStatus,
      number
    >;
    const rows = jobRowsSchema.parse({});
    const known = jobs.filter((job) => !this.#expired(job));
    for (const job of known) {
      byStatus[job.status]++;
      if (job.dryRun) continue;
      for (const name of Object.keys(rows) as (keyof JobRows)[]) rows[name] += job.rows[name];
    }
    return { day, jobs: known.length, byStatus, rows };
  }

  async #scan(question: Question, start: Cursor, overlay: Overlay, limit: number) {
    const { below } = start;
    const fits = (job: JobSummary) =>
      !this.#expired(job) && question.matches(job) && (below === null || isBelow(job, below));
    /** What was read and fits: where it was read, so that it can be read again. Carried and overlaid jobs: nowhere. */
    const candidates = new Map<string, { job: JobSummary; page: number }>();
    for (const job of overlay.jobs.values()) {
      if (job && fits(job)) candidates.set(job.jobId, { job, page: -1 });
    }
    for (const jobId of start.carried) {
      const record = overlay.jobs.has(jobId) ? undefined : await this.#record(jobId);
      const job = record && summaryOf(record);
      if (job && fits(job)) candidates.set(jobId, { job, page: -1 });
    }
    /** Where each page that was read starts, and where the first unread one does. */
    const pages: { list: number; after: string | undefined }[] = [];
    let at: { list: number; after: string | undefined } = { list: start.list, after: start.after };
    const known = () => [...candidates.values()].map(({ job }) => job);
    let sure = at.list >= question.lists.length ? known() : [];
    while (at.list < question.lists.length) {
      const { entries, next } = await this.#page(question.lists[at.list]!, at.after, pages.length === 0);
      let oldest = Infinity;
      for (const { key, value } of entries) {
        const entry = this.#index.entry(key, value);
        if (!entry) continue;
        oldest = entry.writtenAt;
        if (overlay.jobs.has(entry.jobId) || !fits(entry)) continue;
        if (!candidates.has(entry.jobId)) {
          candidates.set(entry.jobId, { job: summaryOnly(entry), page: pages.length });
        }
      }
      pages.push(at);
      const tooOld = question.from !== undefined && oldest < Date.parse(question.from);
      at = next === undefined || tooOld
        ? { list: at.list + 1, after: undefined }
        : { list: at.list, after: next };
      sure = surely(known(), at, oldest, question);
      if (sure.length >= limit) break;
      if (pages.length >= MOST_PAGES && (sure.length > 0 || candidates.size === 0)) break;
    }
    const jobs = sure.sort(newestFirst).slice(0, limit);
    const last = jobs.at(-1);
    for (const { jobId } of jobs) candidates.delete(jobId);
    const end = at.list >= question.lists.length;
    if (end && candidates.size === 0) return { jobs, next: undefined };
    const next: Cursor = {
      below: last ? [last.createdAt, last.jobId] : below,
      ...resumeAt([...candidates.values()], pages, at),
    };
    return { jobs, next };
  }

  /** One page of a list. A cursor of the store that no longer serves costs reading from the list's start. */
  async #page(prefix: readonly string[], after: string | undefined, fromCaller: boolean): Promise<KVPage> {
    try {
      return await this.#kv.page(prefix, after);
    } catch (error) {
      if (!(error instanceof StateError) || after === undefined || !fromCaller) throw error;
      return await this.#kv.page(prefix);
    }
  }

  async #record(jobId: string): Promise<JobRecord | undefined> {
    const record = await readRecord(this.#kv, ["jobs", jobId], jobRecordSchema);
    return record && !this.#expired(record) ? record : undefined;
  }

  #expired(job: { readonly expiresAt?: string | undefined }): boolean {
    return job.expiresAt !== undefined && Date.parse(job.expiresAt) <= this.#clock.now();
  }
}

const START: Cursor = { below: null, list: 0, carried: [] };

/** The jobs that no unread entry can be newer than. */
function surely(
  jobs: readonly JobSummary[],
  unread: { readonly list: number; readonly after: string | undefined },
  oldest: number,
  question: Question,
): JobSummary[] {
  if (unread.list >= question.lists.length) return [...jobs];
  if (unread.after !== undefined) return jobs.filter((job) => Date.parse(job.createdAt) > oldest);
  // A list has been read to its end: the next one is of an earlier day.
  const day = question.lists[unread.list]!.at(-1)!;
  return jobs.filter((job) => dayOf(job.createdAt) > day);
}

/** From where the rest can be read: few are carried along, more are read again. */
function resumeAt(
  rest: readonly { readonly job: JobSummary; readonly page: number }[],
  pages: readonly { readonly list: number; readonly after: string | undefined }[],
  unread: { readonly list: number; readonly after: string | undefined },
): Omit<Cursor, "below"> {
  for (let page = pages.length; page >= 0; page--) {
    const carried = rest.filter((candidate) => candidate.page < page);
    if (carried.length > MOST_CARRIED && page > 0) continue;
    const { list, after } = pages[page] ?? unread;
    return {
      list,
      ...(after === undefined ? {} : { after }),
      carried: carried.slice(0, 100).map(({ job }) => job.jobId),
    };
  }
  return { ...unread, carried: [] };
}

function isBelow(job: JobSummary, [createdAt, jobId]: readonly [string, string]): boolean {
  return job.createdAt < createdAt || (job.createdAt === createdAt && job.jobId < jobId);
}

function newestFirst(a: Ordered, b: Ordered): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1;
  return a.jobId < b.jobId ? 1 : a.jobId > b.jobId ? -1 : 0;
}
type Ordered = Pick<JobSummary, "createdAt" | "jobId">;

function summaryOnly({ v: _v, writtenAt: _at, ...summary }: IndexEntry): JobSummary {
  return summary;
}

function daysOf({ from, to }: { readonly from: string; readonly to: string }): string[] {
  const first = Date.parse(dayOf(from));
  const days: string[] = [];
  for (let at = Date.parse(dayOf(to)); at >= first && days.length <= MAX_DAYS; at -= DAY_MS) {
    days.push(dayOf(new Date(at).toISOString()));
  }
  if (days.length > 0 && days.length <= MAX_DAYS) return days;
  throw new ConnectorError(
    `Cannot count the jobs from '${from}' to '${to}': expected 1 to ${MAX_DAYS} days`,
    {
      code: "query-invalid",
      retry: "never",
    },
  );
}
