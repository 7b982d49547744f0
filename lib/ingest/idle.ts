import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import type { Settings } from "../config/mod.ts";
import type { RunRecord } from "./run_record.ts";

/** Slices in a row that got no further. */
export const idleSchema = z.object({
  /** Where the run stood when the first of them began. */
  mark: z.string(),
  /** ISO 8601: when that was. */
  since: z.string(),
  slices: z.number().int().nonnegative(),
});
type Idle = z.output<typeof idleSchema>;

/** Slices that have to be tried before a job is given up: time in which nothing ran counts for nothing. */
const LEAST_SLICES = 3;

/** Where a run stands, in what only progress changes. */
function markOf({ step, checkpoint, batches, rows, fluentJobs }: RunRecord): string {
  return [step, checkpoint ?? "", batches.sent, fluentJobs.length, rows.confirmed, rows.failed].join("|");
}

/** What is known at a slice's beginning of the slices before it that got no further. */
export function idleNow(run: RunRecord, now: number): Idle {
  const mark = markOf(run);
  return run.idle?.mark === mark
    ? { ...run.idle, slices: run.idle.slices + 1 }
    : { mark, since: new Date(now).toISOString(), slices: 0 };
}

/**
 * What a job is given up with whose slices end, or die, without getting further and without an error that says why.
 * Waiting for the file's turn is no standstill, waiting for Fluent's results has a deadline of its own, and failures are
 * counted where they are met.
 *
 * @param run with the slices so far, this one among them
 */
export function standstill(run: RunRecord, settings: Settings, now: number): ConnectorError | undefined {
  const { idle, step, stalls, removingSource } = run;
  if (!idle || idle.slices < LEAST_SLICES || step === "turn" || step === "done" || removingSource) {
    return undefined;
  }
  const { stallTimeoutMinutes, pollTimeoutMinutes } = settings;
  const minutes = stallTimeoutMinutes * (stalls > 0 ? 2 : 1) + (step === "confirm" ? pollTimeoutMinutes : 0);
  if (now - Date.parse(idle.since) < minutes * 60_000) return undefined;
  return new ConnectorError(
    `No progress for ${minutes} minutes: ${idle.slices} slices in a row got no further than '${step}', and no error says why`,
    { code: "no-progress", retry: "later", details: { step, slices: idle.slices } },
  );
}
