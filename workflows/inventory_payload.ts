import { Buffer } from "node:buffer";
import { fn, webhook } from "@versori/run";
import { ingestPayload } from "../lib/ingest/mod.ts";
import { inventoryPayloadRequest } from "./_api.ts";
import { type Answer, answering, headerOf, readRequest, respond } from "./_answers.ts";
import { discoverAndStart } from "./_discovery.ts";
import { WEBHOOKS, wire } from "./_wiring.ts";

/** Takes rows in the body, as a JSON array, NDJSON or CSV, and answers 202 with their job. */
export const inventoryPayload = webhook("inventory-payload", {
  method: "post",
  // The platform parses JSON to numbers that may have lost digits; here the bytes themselves are wanted.
  request: { rawBody: true },
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("take-payload", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { feed, reference, dryRun, force } = readRequest(ctx, inventoryPayloadRequest);
      await using parts = await wire(ctx);
      const { settings, ports } = parts.of(feed ?? parts.feeds[0].name);
      const payload = {
        body: bytesOf(ctx.request()?.body),
        contentType: headerOf(ctx, "content-type"),
        contentEncoding: headerOf(ctx, "content-encoding"),
        idempotencyKey: headerOf(ctx, "idempotency-key"),
      };
      const found = await ingestPayload(payload, settings, ports, ctx.executionId, ({ key, as }) =>
        discoverAndStart(ctx, {
          triggeredBy: "webhook",
          feed: settings.feed,
          key,
          as,
          reference: reference ?? payload.idempotencyKey,
          dryRun: dryRun ?? false,
          ...(force ? { force: { by: "webhook inventory-payload", reason: "forced" } } : {}),
        }));
      return { status: 202, body: { ...found } };
    })),
);

/** The body, in whichever form the platform hands it over. */
function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return typeof body === "string" ? Buffer.from(body) : new Uint8Array();
}
