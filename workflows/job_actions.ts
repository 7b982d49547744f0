import { fn, webhook } from "@versori/run";
import { actOnJob } from "../lib/ingest/mod.ts";
import { JobTracker } from "../lib/jobs/mod.ts";
import { jobActionsRequest } from "./_api.ts";
import { type Answer, answering, headerOf, readRequest, respond } from "./_answers.ts";
import { actionPorts } from "./_jobs.ts";
import { stateOf, WEBHOOKS, wire } from "./_wiring.ts";

/** Replays, releases or cancels a job, and answers 202 with the job that does it. Asking twice does it once. */
export const jobActions = webhook("job-actions", {
  method: "post",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("act", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { jobId, action, reason, reference } = readRequest(ctx, jobActionsRequest);
      const job = await new JobTracker(stateOf(ctx), ctx.log).findJob(jobId);
      await using parts = await wire(ctx);
      const options = {
        by: "webhook job-actions",
        reason,
        reference,
        idempotencyKey: headerOf(ctx, "idempotency-key"),
      };
      const result = await actOnJob(action, job, options, actionPorts(ctx, parts, job));
      return { status: 202, body: { ...result } };
    })),
);
