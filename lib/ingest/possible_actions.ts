import { factsOf, isTerminal, type JobRecord } from "../jobs/mod.ts";

/** What can be done with a job. */
export const JOB_ACTIONS = ["replay", "replay-failed", "release", "cancel"] as const;
export type JobAction = typeof JOB_ACTIONS[number];

/** What is offered to be done with a job in its state, the most likely first: none of it is refused for that state. */
export function possibleActions(job: JobRecord): JobAction[] {
  const { file, rows, heldBecause } = factsOf(job);
  if (!isTerminal(job.status)) return ["cancel"];
  if (!file) return [];
  if (job.status === "held") return heldBecause?.forcible === false ? [] : ["release"];
  const hasFailed = job.status === "completed_with_errors" && rows.failed + rows.unconfirmed > 0;
  return hasFailed ? ["replay-failed", "replay"] : ["replay"];
}
