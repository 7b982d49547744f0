import { fn, webhook } from "@versori/run";
import { z } from "zod";
import { isGlob } from "../lib/base/mod.ts";
import type { FeedsOptions } from "../lib/ingest/mod.ts";
import { type Answer, problem, problemOf, respond } from "./_answers.ts";
import { discoverAndStart } from "./_discovery.ts";
import { WEBHOOKS } from "./_wiring.ts";

const requestSchema = z.strictObject({
  /** Files of this feed only. Without it: the feed `key` or `prefix` lies in, or all of them. */
  feed: z.string().min(1).optional(),
  /** Exactly this object. */
  key: z.string().min(1).optional(),
  /** Files below this prefix instead of `s3Prefix`. */
  prefix: z.string().optional(),
  /** Files whose name matches this glob instead of `filePattern`. */
  pattern: z.string().min(1).max(200).refine(isGlob, "has too many alternatives").optional(),
  /** At most this many files; 0 = all. */
  maxFiles: z.number().int().min(0).optional(),
  /** Take files that were ingested or held before, and let guards pass: the reason. */
  force: z.union([z.boolean(), z.string().min(1).max(500)]).optional(),
  /** Inspect only. */
  dryRun: z.boolean().optional(),
});

/** Looks for files now, instead of at the next tick; answers 202 with the jobs it started. */
export const inventoryAdhoc = webhook("inventory-adhoc", {
  method: "post",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("discover", async (ctx): Promise<Answer> => {
    const parsed = requestSchema.safeParse(ctx.data ?? {});
    if (!parsed.success) {
      const detail = parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`)
        .join("; ");
      return problem(400, "request-invalid", "Invalid request", detail);
    }
    const { force, ...wanted } = parsed.data;
    const options: FeedsOptions = {
      triggeredBy: "webhook",
      ...wanted,
      ...(force
        ? { force: { by: "webhook inventory-adhoc", reason: typeof force === "string" ? force : "forced" } }
        : {}),
    };
    try {
      const { files, complete } = await discoverAndStart(ctx, options);
      return { status: 202, body: { files, complete } };
    } catch (error) {
      return problemOf(error);
    }
  }),
);
