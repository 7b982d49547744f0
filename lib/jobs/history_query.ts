import { z } from "zod";
import { fileNameOf } from "./job_facts.ts";
import { JOB_STATUSES, TRIGGERS } from "./job_record.ts";
import { dayOf, type JobSummary } from "./job_summary.ts";
import { dayPrefix, filePrefix, statusPrefix } from "./_index_keys.ts";
import { MAX_CURSOR_CHARS } from "./_cursor.ts";

/** Most jobs one page may have. */
export const MAX_PAGE = 100;

const DAY_MS = 86_400_000;
/** Longest range, in days, that is read day by day; a longer one is read from the newest job on. */
const DAY_BY_DAY = 31;

/** A moment, or a day for its first moment. */
const moment = z.union([
  z.iso.date().transform((day) => `${day}T00:00:00.000Z`),
  z.iso.datetime({ offset: true }).transform((time) => new Date(time).toISOString()),
]);

/** What is asked of the history. Everything that is given has to hold. */
export const historyQuerySchema = z.strictObject({
  /** Any of these. */
  status: z.array(z.enum(JOB_STATUSES)).max(JOB_STATUSES.length).optional(),
  feed: z.string().min(1).max(200).optional(),
  trigger: z.enum(TRIGGERS).optional(),
  /** The file's name, or its whole key. */
  fileName: z.string().min(1).max(1_024).optional(),
  /** Part of the job's id, file, message, code or reference; case doesn't matter. */
  text: z.string().min(1).max(200).optional(),
  /** Created at or after this moment: ISO 8601, a day stands for its start in UTC. */
  from: moment.optional(),
  /** Created before this moment. */
  to: moment.optional(),
  /** Created on this UTC day; instead of `from` and `to`. */
  day: z.iso.date().optional(),
  /** Most jobs given at once. */
  limit: z.number().int().min(1).max(MAX_PAGE).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.string().min(1).max(MAX_CURSOR_CHARS).optional(),
});
export type HistoryQuery = z.input<typeof historyQuerySchema>;

/** A question as it is answered: which lists to read, newest jobs first, and which of their jobs to give. */
export interface Question {
  readonly lists: readonly (readonly string[])[];
  readonly from: string | undefined;
  readonly matches: (job: JobSummary) => boolean;
}

export function questionOf(query: Omit<z.output<typeof historyQuerySchema>, "limit" | "cursor">): Question {
  const from = query.day === undefined ? query.from : `${query.day}T00:00:00.000Z`;
  const to = query.day === undefined ? query.to : new Date(Date.parse(query.day) + DAY_MS).toISOString();
  const text = query.text?.toLowerCase();
  return {
    lists: listsOf(query, from, to),
    from,
    matches: (job) =>
      (query.status === undefined || query.status.includes(job.status)) &&
      (query.feed === undefined || job.feed === query.feed) &&
      (query.trigger === undefined || job.triggeredBy === query.trigger) &&
      (query.fileName === undefined || isNamed(job, query.fileName)) &&
      (from === undefined || job.createdAt >= from) &&
      (to === undefined || job.createdAt < to) &&
      (text === undefined || searched(job).includes(text)),
  };
}

function listsOf(
  query: Pick<z.output<typeof historyQuerySchema>, "fileName" | "status">,
  from: string | undefined,
  to: string | undefined,
): readonly (readonly string[])[] {
  if (query.fileName !== undefined) return [filePrefix(fileNameOf(query.fileName))];
  const only = query.status?.length === 1 ? query.status[0] : undefined;
  const list = (day?: string) => only === undefined ? dayPrefix(day) : statusPrefix(only, day);
  if (from === undefined || to === undefined) return [list()];
  const days: string[] = [];
  for (let at = Date.parse(to) - 1; dayOf(iso(at)) >= dayOf(from); at -= DAY_MS) {
    if (days.length > DAY_BY_DAY) return [list()];
    days.push(dayOf(iso(at)));
  }
  return days.map(list);
}

function isNamed(job: JobSummary, fileName: string): boolean {
  if (!job.file) return false;
  return fileName.includes("/") ? job.file.key === fileName : fileNameOf(job.file.key) === fileName;
}

function searched({ jobId, file, message, code, reference, feed }: JobSummary): string {
  return [jobId, file?.key, message, code, reference, feed].filter(Boolean).join("\n").toLowerCase();
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
