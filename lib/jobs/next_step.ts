import { factsOf } from "./job_facts.ts";
import type { JobRecord } from "./job_record.ts";

/** What to do about a guard's objection, by its code. */
const HELD: Readonly<Record<string, string>> = {
  "file-empty":
    "Send a complete file under the same name, or release this one if the stock is to stay as it is.",
  "too-many-rejects":
    "Look at the rejected rows, correct the file and send it again; or raise rejectLimit; or release it to send the good rows.",
};

/** What to do about a failure, by its code. */
const FAILED: Readonly<Record<string, string>> = {
  "config-invalid":
    "Correct the activation variable or connection the message names; the next trigger takes the file up again.",
  "books-unbalanced":
    "Don't rely on this job's counts; replay the file, and report the job if it happens again.",
  "fluent-unauthorised":
    "Check the credentials of the Fluent connection; the next trigger goes on where the job stopped.",
  "fluent-forbidden":
    "Give the Fluent user the right to write inventory; the next trigger goes on where the job stopped.",
  "no-progress":
    "Look in the platform's log for what ends the slices, such as memory or a time limit; the next trigger goes on where the job stopped.",
  "kv-unavailable": "Nothing: the next trigger goes on where the job stopped.",
};

/**
 * What a person can do next about a job that needs somebody; undefined when it needs nobody.
 *
 * One sentence or two, from the code of what went wrong.
 */
export function nextStepOf(job: JobRecord): string | undefined {
  const { heldBecause, rows, dryRun, movedTo } = factsOf(job);
  switch (job.status) {
    case "held":
      return (heldBecause && HELD[heldBecause.code]) ??
        (heldBecause?.forcible === false
          ? "Correct the file and send it again: it cannot be sent as it is."
          : "Correct the file and send it again, or release it to send it as it is.");
    case "failed":
      return FAILED[job.errorCode ?? ""] ??
        (movedTo
          ? "Remove the cause the message names, then replay the file: it goes on where the job stopped."
          : undefined) ??
        "Remove the cause the message names; the next trigger that finds the file goes on where the job stopped.";
    case "completed_with_errors":
      if (dryRun) return undefined;
      if (rows.failed === 0 && rows.unconfirmed > 0) {
        return "Replay the failed rows: it sends the rows again that Fluent gave no answer for.";
      }
      return rows.failed > 0
        ? "Remove the cause Fluent names (a missing product, say), then replay the failed rows."
        : "Correct the rejected rows in rejects.csv and ingest that file.";
    case "cancelled":
      return dryRun ? undefined : "Replay the file when it is to be sent after all.";
    case "queued":
    case "processing":
      return job.stage === "unfinished" ? "Nothing: the next trigger asks Fluent again." : undefined;
    case "completed":
      return undefined;
  }
}
