import type { JobStatus } from "../../lib/jobs/mod.ts";

/** What the command's exit status says. */
export const EXIT = {
  completed: 0,
  failed: 1,
  usage: 2,
  withErrors: 3,
  held: 4,
  notFinished: 5,
} as const;

/** The exit status for one job's outcome. */
export function exitCodeOf(
  outcome: { status: JobStatus; rejected: number; failed: number; dryRun: boolean },
): number {
  switch (outcome.status) {
    case "completed":
      return EXIT.completed;
    case "completed_with_errors":
      return EXIT.withErrors;
    case "held":
      return EXIT.held;
    case "failed":
      return EXIT.failed;
    case "cancelled":
      if (!outcome.dryRun) return EXIT.failed;
      return outcome.rejected + outcome.failed > 0 ? EXIT.withErrors : EXIT.completed;
    case "queued":
    case "processing":
      return EXIT.notFinished;
  }
}
