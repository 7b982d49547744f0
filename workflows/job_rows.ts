import { fn, webhook } from "@versori/run";
import { listJobRows } from "../lib/ingest/mod.ts";
import { JobTracker } from "../lib/jobs/mod.ts";
import { jobRowsRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS, wire } from "./_wiring.ts";

/** Lists the rejected, failed and unconfirmed rows of a job, page by page: `GET ?jobId=…&outcome=failed`. */
export const jobRows = webhook("job-rows", {
  method: "get",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("read-rows", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { jobId, ...query } = readRequest(ctx, jobRowsRequest);
      const job = await new JobTracker(stateOf(ctx), ctx.log).findJob(jobId);
      await using parts = await wire(ctx);
      const { ports } = parts.of(parts.feeds[0].name);
      return { status: 200, body: { ...await listJobRows(ports.store, job, query) } };
    })),
);
