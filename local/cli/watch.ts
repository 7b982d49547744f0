import { type Clock, ConnectorError } from "../../lib/base/mod.ts";
import type { JobTracker } from "../../lib/jobs/mod.ts";
import { isSettled, type JobView, viewOf } from "./job_view.ts";
import type { Progress } from "./progress.ts";

/** How often the jobs are looked at, in milliseconds. */
const LOOK_EVERY_MS = 150;

/** Shows the jobs until nothing more will happen to any of them by itself; gives back how they ended, in order. */
export async function watchJobs(
  jobIds: readonly string[],
  tracker: JobTracker,
  progress: Progress,
  clock: Clock,
  signal?: AbortSignal,
): Promise<JobView[]> {
  try {
    while (true) {
      const views: JobView[] = [];
      for (const jobId of jobIds) {
        const job = await tracker.getJob(jobId);
        if (!job) {
          throw new ConnectorError(`Job '${jobId}' is not known any more`, {
            code: "job-unknown",
            retry: "never",
          });
        }
        const view = viewOf(job);
        views.push(view);
        progress.show(view, clock.now());
      }
      if (views.every(({ job }) => isSettled(job))) return views;
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  } finally {
    progress.end();
  }
}
