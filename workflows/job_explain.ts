import { fn, webhook } from "@versori/run";
import { explain } from "../lib/explain/mod.ts";
import { jobExplainRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { explainPorts } from "./_jobs.ts";
import { WEBHOOKS, wire } from "./_wiring.ts";

/** Says why Fluent has the figure it has for one SKU at one location: `GET ?sku=…&location=…&at=…`. */
export const jobExplain = webhook("job-explain", {
  method: "get",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("explain", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const query = readRequest(ctx, jobExplainRequest);
      await using parts = await wire(ctx);
      const explanation = await explain(query, explainPorts(parts));
      return { status: 200, body: { ...explanation } };
    })),
);
