import type { JobRows, JobStatus, Trigger } from "../jobs/mod.ts";

/** How a job's state is said, and which of the style's tones it has. */
export const STATUS: Readonly<Record<JobStatus, { word: string; tone: string; mark: string }>> = {
  queued: { word: "Queued", tone: "idle", mark: "○" },
  processing: { word: "Processing", tone: "busy", mark: "◐" },
  completed: { word: "Completed", tone: "good", mark: "✓" },
  completed_with_errors: { word: "Completed with errors", tone: "warn", mark: "!" },
  failed: { word: "Failed", tone: "bad", mark: "✕" },
  held: { word: "Held", tone: "held", mark: "❚❚" },
  cancelled: { word: "Cancelled", tone: "idle", mark: "–" },
};

export const TRIGGER: Readonly<Record<Trigger, string>> = {
  schedule: "Schedule",
  webhook: "Webhook",
  manual: "By hand",
};

/** The outcomes a row can have, in the order they are stacked and added. */
export const OUTCOMES = [
  "confirmed",
  "unchanged",
  "superseded",
  "rejected",
  "failed",
  "unconfirmed",
] as const;
export type Outcome = typeof OUTCOMES[number];

export const OUTCOME_MEANING: Readonly<Record<Exclude<keyof JobRows, "read" | "sendable">, string>> = {
  confirmed: "Fluent took the row",
  failed: "Fluent refused the row",
  unconfirmed: "sent, and no answer yet",
  rejected: "not sent: the row is faulty",
  superseded: "not sent: a later row of the file has the same key",
  unchanged: "not sent: nothing has changed since the last file",
};

/** A stage as a person says it. */
export const STAGE: Readonly<Record<string, string>> = {
  queued: "Queued",
  inspect: "Inspect",
  deliver: "Deliver",
  confirm: "Confirm",
  report: "Report",
  archive: "Archive",
  unfinished: "Waiting for the next trigger",
  finished: "Finished",
};
