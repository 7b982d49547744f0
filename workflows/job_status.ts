import { fn, webhook } from "@versori/run";
import { ConnectorError } from "../lib/base/mod.ts";
import { checkJobId, JobTracker } from "../lib/jobs/mod.ts";
import { type Answer, problemOf, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS } from "./_wiring.ts";

/** Answers where one job stands: `GET ?jobId=…`, or `POST {"jobId": "…"}`. */
export const jobStatus = webhook("job-status", {
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("read-job", async (ctx): Promise<Answer> => {
    try {
      const jobId = ctx.request()?.query["jobId"] ?? fromBody(ctx.data);
      checkJobId(jobId);
      const job = await new JobTracker(stateOf(ctx), ctx.log).getJob(jobId);
      if (!job) {
        throw new ConnectorError(`There is no job '${jobId}': it was never created, or it has expired`, {
          code: "job-unknown",
          retry: "never",
        });
      }
      const { v: _version, errorStack: _stack, ...shown } = job;
      return { status: 200, body: shown };
    } catch (error) {
      return problemOf(error);
    }
  }),
);

function fromBody(body: unknown): unknown {
  return typeof body === "object" && body !== null && "jobId" in body ? body.jobId : undefined;
}
