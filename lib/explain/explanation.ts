import { z } from "zod";
import { JOB_STATUSES } from "../jobs/mod.ts";

/** A row about the position that is explained. */
export const appearanceSchema = z.object({
  jobId: z.string(),
  status: z.enum(JOB_STATUSES),
  file: z.string(),
  /** Physical and 1-based, the header's included. */
  line: z.number().int(),
  endLine: z.number().int(),
  /** The row as it stands in the file. */
  raw: z.string(),
  /** Its cells under the mapping's names of the columns. */
  cells: z.record(z.string(), z.string()),
  /** What the mapping made of it; absent when it was rejected. */
  entity: z.record(z.string(), z.unknown()).optional(),
  /**
   * `rejected`: not sendable. `superseded`: a later row of the same file has the same key. `not-sent`: its file or batch
   * was not delivered. `no-answer`: sent, but Fluent has not said what became of it. `failed`: Fluent refused it.
   * `confirmed`: Fluent took it.
   */
  outcome: z.enum(["rejected", "superseded", "not-sent", "no-answer", "failed", "confirmed"]),
  /** What was wrong with it. */
  code: z.string().optional(),
  reason: z.string().optional(),
  /** Which batch it was in, from 0, and Fluent's id of that. */
  batch: z.number().int().optional(),
  batchId: z.string().optional(),
  /** When the delivery of its file began: ISO 8601. */
  deliveredAt: z.string().optional(),
});
export type Appearance = z.output<typeof appearanceSchema>;

export const explanationSchema = z.object({
  sku: z.string(),
  location: z.string(),
  /** The moment that is explained: ISO 8601. */
  at: z.string(),
  /** The last row Fluent confirmed; absent when there is none. */
  figure: appearanceSchema.optional(),
  /** Why the figure is what it is, for a person. */
  because: z.string(),
  /** Newest delivery first; of one file, the last row first. */
  appearances: z.array(appearanceSchema),
  /** Files looked into, and those that could not be, with the reason. */
  files: z.number().int(),
  gaps: z.array(z.object({ jobId: z.string(), file: z.string().optional(), reason: z.string() })),
  /** False when time ran out: older files were not looked into. */
  complete: z.boolean(),
});
export type Explanation = z.output<typeof explanationSchema>;

/** One or two sentences on why Fluent's figure is what it is. */
export function becauseOf(appearances: readonly Appearance[], figure: Appearance | undefined): string {
  const later = figure ? appearances.slice(0, appearances.indexOf(figure)) : appearances;
  const ignored = later.filter(({ outcome }) => outcome !== "superseded").map(wordsOf);
  const and = ignored.length === 0
    ? ""
    : ` ${figure ? "Since then" : "What is known"}: ${ignored.slice(0, 5).join("; ")}.`;
  if (figure) {
    const quantity = figure.entity?.["qty"];
    return `Fluent has ${
      quantity === undefined ? "what was sent" : String(quantity)
    } because of line ${figure.line} of ` +
      `'${figure.file}' (job ${figure.jobId}), the last row about it that Fluent confirmed.${and}`;
  }
  if (appearances.length === 0) {
    return "No known file has a row about it: its figure comes from somewhere else.";
  }
  return `No row about it was confirmed by Fluent: its figure comes from somewhere else, or from before the history.${and}`;
}

function wordsOf({ line, file, outcome, reason }: Appearance): string {
  const where = `line ${line} of '${file}'`;
  switch (outcome) {
    case "rejected":
      return `${where} was rejected (${reason ?? "unreadable"})`;
    case "failed":
      return `${where} was refused by Fluent (${reason ?? "without a reason"})`;
    case "not-sent":
      return `${where} was not sent`;
    case "no-answer":
      return `${where} was sent and has no answer yet`;
    case "superseded":
      return `${where} gave way to a later line`;
    case "confirmed":
      return `${where} was confirmed`;
  }
}
