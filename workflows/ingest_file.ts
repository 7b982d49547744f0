import { http, workflow } from "@versori/run";
import { ConnectorError } from "../lib/base/mod.ts";
import { ingestRequestSchema, observedSlice, takeSuccessor } from "../lib/ingest/mod.ts";
import { openTelemetry } from "../lib/telemetry/mod.ts";
import { noticeJobEnd } from "./_alerts.ts";
import { INGEST_FILE, TTL_SECONDS } from "./_durable.ts";
import { startIngest } from "./_start.ts";
import { FLUENT, wire } from "./_wiring.ts";

/** Files worked on at once by one process. */
const LIMIT = 4;

/** Ingests one file, a slice at a time: each delivery works for up to `sliceSeconds` and asks for the next one. */
export const ingestFile = workflow(INGEST_FILE, { ttl: TTL_SECONDS, limit: LIMIT }).then(
  http("slice", { connection: FLUENT }, async (ctx) => {
    const message = ctx.workflow;
    if (!message) {
      throw new ConnectorError("ingest-file can only run as a durable workflow", {
        code: "not-durable",
        retry: "never",
      });
    }
    const request = ingestRequestSchema.parse(ctx.data);
    await using parts = await wire(ctx);
    const { settings, ports, state } = parts.of(request.feed);
    const owner = { run: message.id, attempt: message.attempt };
    const outcome = await observedSlice(request, owner, settings, ports, state, openTelemetry());
    if (outcome.replaced) {
      await takeSuccessor(request, settings, ports, state, (next) => startIngest(ctx, next));
    }
    if (outcome.kind === "finished") await noticeJobEnd(ctx, request.jobId, settings, state);
    if ("afterMs" in outcome) {
      const seconds = Math.max(0, Math.ceil(outcome.afterMs) / 1_000);
      await ctx.workflowClient().rescheduleWorkflow(message, `${seconds}s`);
    }
    return { jobId: request.jobId, ...outcome };
  }),
);
