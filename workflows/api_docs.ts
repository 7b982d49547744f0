import { fn, webhook } from "@versori/run";
import { openApiDocument } from "./_openapi.ts";
import { type Answer, answering, respond } from "./_answers.ts";
import { WEBHOOKS } from "./_wiring.ts";

/** Answers the webhooks' OpenAPI 3.1 document, made from the schemas they check requests and answers by. */
export const apiDocs = webhook("api-docs", {
  method: "get",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn(
    "describe",
    (ctx): Promise<Answer> => answering(ctx, () => Promise.resolve({ status: 200, body: openApiDocument() })),
  ),
);
