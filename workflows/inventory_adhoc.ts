import { fn, webhook } from "@versori/run";
import type { FeedsOptions } from "../lib/ingest/mod.ts";
import { inventoryAdhocRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { discoverAndStart } from "./_discovery.ts";
import { WEBHOOKS } from "./_wiring.ts";

/** Looks for files now, instead of at the next tick; answers 202 with the jobs it started. */
export const inventoryAdhoc = webhook("inventory-adhoc", {
  method: "post",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("discover", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { force, trigger, ...wanted } = readRequest(ctx, inventoryAdhocRequest);
      const options: FeedsOptions = {
        triggeredBy: trigger ?? "webhook",
        ...wanted,
        ...(force
          ? { force: { by: "webhook inventory-adhoc", reason: typeof force === "string" ? force : "forced" } }
          : {}),
      };
      const { files, complete, left } = await discoverAndStart(ctx, options);
      return { status: 202, body: { files, complete, continues: left.length > 0 } };
    })),
);
