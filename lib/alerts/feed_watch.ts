import { z } from "zod";
import { type KVStore, readRecord } from "../state/mod.ts";
import { alertSchema } from "./alert.ts";

const jobProblem = z.object({
  jobId: z.string(),
  /** ISO 8601: when the job ended badly. */
  at: z.string(),
});

/** What is remembered of one feed: its open problems, and what has still to be told. Times are ISO 8601. */
export const feedWatchSchema = z.object({
  v: z.literal(1),
  feed: z.string(),
  /** Since when the feed is watched: nothing can be overdue from before. */
  watchedSince: z.string(),
  /** When a new file was last found. */
  lastFileAt: z.string().optional(),
  /** Jobs that failed and have not been put right. */
  failed: z.array(jobProblem),
  /** Files that are held and have been neither released nor cancelled. */
  held: z.array(jobProblem),
  /** Since when files have had too many rejected rows. */
  rejectsSince: z.string().optional(),
  /** The end of the newest job that was looked at for rejected rows: an earlier one changes nothing. */
  rejectsAsOf: z.string().optional(),
  /** The deadline that passed without a file. */
  missingSince: z.string().optional(),
  /** Since when the bucket cannot be looked at. */
  discoverySince: z.string().optional(),
  /** Decided, and not yet known to have been told: a crash or an outage in between loses no alert. */
  untold: z.array(alertSchema),
});
export type FeedWatch = z.output<typeof feedWatchSchema>;

/** A feed nothing is known of. */
export function newWatch(feed: string, now: number): FeedWatch {
  return { v: 1, feed, watchedSince: new Date(now).toISOString(), failed: [], held: [], untold: [] };
}

export function readWatch(kv: KVStore, feed: string): Promise<FeedWatch | undefined> {
  return readRecord(kv, ["alerts", feed], feedWatchSchema);
}

export function writeWatch(kv: KVStore, watch: FeedWatch): Promise<void> {
  return kv.set(["alerts", watch.feed], watch);
}
