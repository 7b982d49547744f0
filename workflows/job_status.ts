import { fn, webhook } from "@versori/run";
import { systemClock } from "../lib/base/mod.ts";
import { documentOf, JobTracker } from "../lib/jobs/mod.ts";
import { jobStatusRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS } from "./_wiring.ts";

/** Answers where one job stands, also while it runs: `GET ?jobId=…`, or `POST {"jobId": "…"}`. */
export const jobStatus = webhook("job-status", {
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("read-job", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { jobId } = readRequest(ctx, jobStatusRequest);
      const job = await new JobTracker(stateOf(ctx), ctx.log).findJob(jobId);
      return { status: 200, body: documentOf(job, systemClock.now()) };
    })),
);
