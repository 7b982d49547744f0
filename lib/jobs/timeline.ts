import { factsOf } from "./job_facts.ts";
import { isTerminal, type JobEvent, type JobRecord } from "./job_record.ts";

/** Most events kept of one job. */
const MOST_EVENTS = 80;
/** Of those that are kept when there are too many, how many are the first ones. */
const FIRST_EVENTS = 20;
/** Characters of a message an event keeps. */
const MESSAGE_CHARS = 200;

/** A stage of a job: when it began and ended, how long it was worked on, and how fast. */
export interface Stage {
  readonly stage: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; absent while it goes on. */
  readonly endedAt?: string;
  /** Milliseconds from start to end, or to now. */
  readonly durationMs: number;
  /** Milliseconds worked, pauses between slices not counted; absent when it isn't known. */
  readonly workedMs?: number;
  /** Rows that went through it. */
  readonly rows?: number;
  /** Rows per second of the time worked. */
  readonly rowsPerSecond?: number;
}

/** The events of a job after a change: one more when its status or stage is another than before. */
export function withEvent(before: JobRecord | undefined, after: JobRecord): JobEvent[] {
  const events = before?.events ?? [];
  if (before && before.status === after.status && before.stage === after.stage) return events;
  const event: JobEvent = {
    at: after.updatedAt,
    status: after.status,
    ...(after.stage === undefined ? {} : { stage: after.stage }),
    ...(after.message === undefined ? {} : { message: after.message.slice(0, MESSAGE_CHARS) }),
  };
  const all = [...events, event];
  if (all.length <= MOST_EVENTS) return all;
  return [...all.slice(0, FIRST_EVENTS), ...all.slice(all.length - (MOST_EVENTS - FIRST_EVENTS))];
}

/** What happened to a job, oldest first. Of a job written by a version that kept no events: its known times. */
export function timelineOf(job: JobRecord): JobEvent[] {
  if (job.events && job.events.length > 0) return job.events;
  const events: JobEvent[] = [{ at: job.createdAt, status: "queued", stage: "queued" }];
  if (job.startedAt !== undefined) events.push({ at: job.startedAt, status: "processing" });
  if (isTerminal(job.status)) {
    events.push({
      at: job.completedAt ?? job.updatedAt,
      status: job.status,
      ...(job.stage === undefined ? {} : { stage: job.stage }),
      ...(job.message === undefined ? {} : { message: job.message.slice(0, MESSAGE_CHARS) }),
    });
  }
  return events;
}

/**
 * The stages a job went through. A stage that was entered more than once is told once per time.
 *
 * @param now milliseconds since the epoch
 */
export function stagesOf(job: JobRecord, now: number): Stage[] {
  const { spent, rows } = factsOf(job);
  const through: Record<string, number | undefined> = {
    inspect: rows.read,
    deliver: rows.sendable,
    confirm: rows.confirmed + rows.failed,
  };
  const visits: { stage: string; startedAt: string; endedAt?: string }[] = [];
  for (const { stage, at, status } of job.events ?? []) {
    const open = visits.at(-1);
    const over = isTerminal(status);
    if (open && open.endedAt === undefined && (over || open.stage !== stage)) open.endedAt = at;
    if (over || stage === undefined || (open && open.endedAt === undefined)) continue;
    visits.push({ stage, startedAt: at });
  }
  const last = new Map(visits.map(({ stage }, i) => [stage, i]));
  return visits.map((visit, i): Stage => {
    const { stage, startedAt, endedAt } = visit;
    // What was worked in a stage is known in sum, so it stands with the last time.
    const workedMs = last.get(stage) === i ? spent[stage] : undefined;
    const count = workedMs === undefined ? undefined : through[stage];
    return {
      ...visit,
      durationMs: Math.max(0, (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt)),
      ...(workedMs === undefined ? {} : { workedMs }),
      ...(count === undefined ? {} : { rows: count }),
      ...(count === undefined || !workedMs ? {} : { rowsPerSecond: Math.round(count / workedMs * 1_000) }),
    };
  });
}
