import type { RejectLimit } from "../config/mod.ts";

/** How a job that is over can have ended. */
export type JobEndStatus = "completed" | "completed_with_errors" | "failed" | "held" | "cancelled";

/** How one job ended. */
export interface JobEnd {
  readonly jobId: string;
  readonly status: JobEndStatus;
  /** The file's key. */
  readonly file: string;
  /** ISO 8601. */
  readonly endedAt: string;
  readonly rows: { readonly read: number; readonly rejected: number; readonly failed: number };
  /** Why it failed or was held: a stable code, and a sentence. */
  readonly reason?: { readonly code: string; readonly message: string } | undefined;
}

/** Something that happened to a feed, as far as alerts care. */
export type FeedEvent =
  | { readonly kind: "job-ended"; readonly job: JobEnd }
  /** Files were found that are new. */
  | { readonly kind: "files-came" }
  /** The bucket was looked at. */
  | { readonly kind: "looked" }
  /** The bucket could not be looked at. */
  | { readonly kind: "look-failed"; readonly code: string; readonly message: string }
  /** Time has passed: is something overdue? */
  | { readonly kind: "tick" };

/** What a feed's owner wants to hear of. */
export interface FeedPolicy {
  readonly feed: string;
  /** From more rejected and failed rows than this on, a file is a problem. */
  readonly rejectLimit: RejectLimit;
  /** `HH:MM` in UTC, by which a file should have come since the same time of the day before; empty: never. */
  readonly expectedBy: string;
  /** How long a job is known, in seconds; a problem is forgotten with its job. 0 = for ever. */
  readonly jobTtlSeconds: number;
}
