import type { RejectLimit } from "../config/mod.ts";
import type { Alert, AlertSeverity, ProblemKind } from "./alert.ts";
import type { FeedEvent, FeedPolicy, JobEnd } from "./feed_event.ts";
import type { FeedWatch } from "./feed_watch.ts";

/** Jobs remembered per problem: enough to know when the last one is put right, and small enough for one record. */
const MOST_JOBS = 100;
/** Longest message, in characters: it is kept until it is told, and a record has its limit. */
const MOST_MESSAGE = 1_000;
/** Stands for all feeds, where a failure is none's own. */
export const ALL_FEEDS = "*";
const DAY_MS = 86_400_000;

/** What follows from an event: what to remember, and what to tell. */
export interface Decision {
  readonly watch: FeedWatch;
  readonly alerts: readonly Alert[];
}

/**
 * Decides what an event means for a feed. A problem is told when it begins and when it is over, never in between; the
 * same event again tells nothing.
 *
 * @param now milliseconds since the Unix epoch
 */
export function decide(event: FeedEvent, watch: FeedWatch, policy: FeedPolicy, now: number): Decision {
  const current = forgetExpired(watch, policy, now);
  switch (event.kind) {
    case "job-ended":
      return jobEnded(event.job, current, policy);
    case "files-came":
      return filesCame(current, now);
    case "look-failed":
      return lookFailed(event, current, now);
    case "looked":
      return looked(current);
    case "tick":
      return overdue(current, policy, now);
  }
}

function jobEnded(job: JobEnd, watch: FeedWatch, policy: FeedPolicy): Decision {
  const alerts: Alert[] = [];
  let next = watch;
  for (const kind of ["failed", "held"] as const) {
    const before = next[kind];
    const isOne = job.status === kind;
    const others = before.filter(({ jobId }) => jobId !== job.jobId);
    const known = before.find(({ jobId }) => jobId === job.jobId);
    const after = isOne ? [...others, known ?? { jobId: job.jobId, at: job.endedAt }] : others;
    next = { ...next, [kind]: after.slice(-MOST_JOBS) };
    if (before.length === 0 && after.length > 0) alerts.push(jobAlert("worse", kind, job, watch.feed));
    if (before.length > 0 && after.length === 0) alerts.push(jobAlert("recovered", kind, job, watch.feed));
  }
  const rows = rejectsDecision(job, next, policy);
  return { watch: rows.watch, alerts: [...alerts, ...rows.alerts] };
}

function rejectsDecision(job: JobEnd, watch: FeedWatch, policy: FeedPolicy): Decision {
  const wasSent = job.status === "completed" || job.status === "completed_with_errors";
  if (!wasSent || (watch.rejectsAsOf !== undefined && job.endedAt <= watch.rejectsAsOf)) {
    return { watch, alerts: [] };
  }
  const bad = job.rows.rejected + job.rows.failed;
  const above = isAbove(bad, job.rows.read, policy.rejectLimit);
  const { rejectsSince, ...rest } = watch;
  const asOf = { ...rest, rejectsAsOf: job.endedAt };
  if (!above) {
    return {
      watch: asOf,
      alerts: rejectsSince === undefined ? [] : [jobAlert("recovered", "rejects", job, watch.feed)],
    };
  }
  return {
    watch: { ...asOf, rejectsSince: rejectsSince ?? job.endedAt },
    alerts: rejectsSince === undefined ? [jobAlert("worse", "rejects", job, watch.feed)] : [],
  };
}

/** Whether `bad` of `read` rows are more than the limit allows. */
function isAbove(bad: number, read: number, limit: RejectLimit): boolean {
  return limit.kind === "count" ? bad > limit.value : bad * 100 > limit.value * read;
}

function filesCame(watch: FeedWatch, now: number): Decision {
  const { missingSince, ...rest } = watch;
  return {
    watch: { ...rest, lastFileAt: iso(now) },
    alerts: missingSince === undefined ? [] : [{
      ...naming("recovered", "missing", watch.feed),
      message: `A file has come at ${iso(now)}, after none had by ${missingSince}`,
      facts: { feed: watch.feed, since: missingSince },
    }],
  };
}

function overdue(watch: FeedWatch, policy: FeedPolicy, now: number): Decision {
  if (policy.expectedBy === "") {
    // The expectation was taken back: there is nothing left to be told of.
    const { missingSince: _none, ...rest } = watch;
    return { watch: rest, alerts: [] };
  }
  const deadline = lastDeadline(policy.expectedBy, now);
  const cameSince = Date.parse(watch.lastFileAt ?? watch.watchedSince);
  const wasWatched = Date.parse(watch.watchedSince) < deadline;
  const isMissing = wasWatched &&
    (watch.lastFileAt === undefined || cameSince < deadline - DAY_MS);
  if (!isMissing || watch.missingSince !== undefined) return { watch, alerts: [] };
  const last = watch.lastFileAt === undefined
    ? "none has come yet"
    : `the last one came at ${watch.lastFileAt}`;
  return {
    watch: { ...watch, missingSince: iso(deadline) },
    alerts: [{
      ...naming("worse", "missing", watch.feed),
      message: `Expected a file by ${iso(deadline)}, and ${last}. ` +
        "Ask the sender, and look whether it lies under another prefix or name",
      facts: {
        feed: watch.feed,
        expectedBy: iso(deadline),
        ...(watch.lastFileAt === undefined ? {} : { lastFileAt: watch.lastFileAt }),
      },
    }],
  };
}

/** The latest moment that is not after now and has this time of day in UTC. */
function lastDeadline(timeOfDay: string, now: number): number {
  const [hours = 0, minutes = 0] = timeOfDay.split(":").map(Number);
  const today = Math.floor(now / DAY_MS) * DAY_MS + (hours * 60 + minutes) * 60_000;
  return today <= now ? today : today - DAY_MS;
}

function lookFailed(
  { code, message }: Extract<FeedEvent, { kind: "look-failed" }>,
  watch: FeedWatch,
  now: number,
): Decision {
  if (watch.discoverySince !== undefined) return { watch, alerts: [] };
  return {
    watch: { ...watch, discoverySince: iso(now) },
    alerts: [{
      ...naming("worse", "discovery", watch.feed),
      message: cut(`${message}. No file is taken until this is put right`),
      facts: { feed: watch.feed, code },
    }],
  };
}

function looked(watch: FeedWatch): Decision {
  const { discoverySince, ...rest } = watch;
  return {
    watch: rest,
    alerts: discoverySince === undefined ? [] : [{
      ...naming("recovered", "discovery", watch.feed),
      message: `The bucket can be looked at again; it could not since ${discoverySince}`,
      facts: { feed: watch.feed, since: discoverySince },
    }],
  };
}

/** A problem whose job is no longer known cannot be put right any more. */
function forgetExpired(watch: FeedWatch, policy: FeedPolicy, now: number): FeedWatch {
  if (policy.jobTtlSeconds === 0) return watch;
  const oldest = now - policy.jobTtlSeconds * 1_000;
  const known = ({ at }: { at: string }) => Date.parse(at) >= oldest;
  if (watch.failed.every(known) && watch.held.every(known)) return watch;
  return { ...watch, failed: watch.failed.filter(known), held: watch.held.filter(known) };
}

const SEVERITY: Readonly<Record<ProblemKind, AlertSeverity>> = {
  failed: "high",
  discovery: "high",
  missing: "high",
  held: "low",
  rejects: "low",
};

const TITLE: Readonly<Record<ProblemKind, { worse: string; recovered: string }>> = {
  failed: { worse: "files fail", recovered: "failed files were put right" },
  held: { worse: "files are held for a decision", recovered: "no file is held any more" },
  rejects: { worse: "too many rows are rejected", recovered: "rejected rows are below the limit again" },
  missing: { worse: "the expected file is missing", recovered: "the expected file has come" },
  discovery: { worse: "the bucket cannot be looked at", recovered: "the bucket can be looked at again" },
};

/** Good news is never urgent. */
function naming(change: Alert["change"], kind: ProblemKind, feed: string) {
  return {
    change,
    kind,
    severity: change === "recovered" ? "low" as const : SEVERITY[kind],
    title: `${feed === ALL_FEEDS ? "All inventory feeds" : `Inventory feed '${feed}'`}: ${
      TITLE[kind][change]
    }`,
  };
}

function jobAlert(
  change: Alert["change"],
  kind: "failed" | "held" | "rejects",
  job: JobEnd,
  feed: string,
): Alert {
  const { rows, reason } = job;
  const counts = `${rows.rejected} rejected and ${rows.failed} failed of ${rows.read} rows`;
  const message = change === "worse" && kind !== "rejects"
    ? `'${job.file}': ${reason?.message ?? "no reason was given"}`
    : change === "worse"
    ? `'${job.file}' has ${counts}`
    : `'${job.file}' ended as ${job.status}, with ${counts}`;
  return {
    ...naming(change, kind, feed),
    ...(change === "worse" && reason?.code === "books-unbalanced" ? { severity: "critical" as const } : {}),
    message: cut(message),
    facts: {
      feed,
      jobId: job.jobId,
      file: job.file,
      status: job.status,
      ...(reason ? { code: reason.code } : {}),
    },
  };
}

function cut(message: string): string {
  return message.length > MOST_MESSAGE ? `${message.slice(0, MOST_MESSAGE)}…` : message;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
