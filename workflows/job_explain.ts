import { fn, webhook } from "@versori/run";
import { systemClock } from "../lib/base/mod.ts";
import { explain } from "../lib/explain/mod.ts";
import { jobExplainRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS, wire } from "./_wiring.ts";

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
      const first = parts.feeds[0].name;
      const { ports, state } = parts.of(first);
      const explanation = await explain(query, {
        kv: stateOf(ctx),
        store: ports.store,
        tracker: state.tracker,
        clock: systemClock,
        settingsOf: (feed) => parts.of(feed ?? first).settings,
      });
      return { status: 200, body: { ...explanation } };
    })),
);
