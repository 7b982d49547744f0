import { fn, webhook } from "@versori/run";
import { batchPayloads } from "../lib/ingest/mod.ts";
import { factsOf, JobTracker } from "../lib/jobs/mod.ts";
import { jobPayloadRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS, wire } from "./_wiring.ts";

/** Shows what was sent for one batch of a job, byte for byte: `GET ?jobId=…&batch=12`. */
export const jobPayload = webhook("job-payload", {
  method: "get",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("build-payload", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { jobId, batch } = readRequest(ctx, jobPayloadRequest);
      const job = await new JobTracker(stateOf(ctx), ctx.log).findJob(jobId);
      await using parts = await wire(ctx);
      const { settings, ports } = parts.of(factsOf(job).feed ?? parts.feeds[0].name);
      const requests = await batchPayloads(ports, settings, jobId, batch);
      return { status: 200, body: { jobId, requests } };
    })),
);
