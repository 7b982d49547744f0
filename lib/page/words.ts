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

/** What to do about a failed or held job, by the code of its reason; without one of its own, by its state. */
const NEXT_STEP: Readonly<Record<string, string>> = {
  "config-invalid": "Correct the activation variable or connection that is named, then replay the file.",
  "books-unbalanced": "Report this: rows are unaccounted for. Don't replay before it is understood.",
};

export function nextStep(status: JobStatus, code: string | undefined): string | undefined {
  const own = code === undefined ? undefined : NEXT_STEP[code];
  if (own) return own;
  if (status === "held") {
    return "Look at the file. Release it if it is right as it is; otherwise put a corrected one.";
  }
  if (status !== "failed") return undefined;
  if (code?.startsWith("fluent-")) {
    return "Fluent did not take part. The next trigger goes on where this job stopped; nothing that was confirmed is lost.";
  }
  if (code?.startsWith("s3-")) {
    return "The bucket did not take part. The next trigger goes on where this job stopped.";
  }
  return "Put right what is named, then replay the file.";
}
