import { http, workflow } from "@versori/run";
import { ConnectorError } from "../lib/base/mod.ts";
import { observedPartition, partitionRequestSchema } from "../lib/ingest/mod.ts";
import { openTelemetry } from "../lib/telemetry/mod.ts";
import { DELIVER_PARTITION, TTL_SECONDS } from "./_durable.ts";
import { FLUENT, wire } from "./_wiring.ts";

/**
 * Partitions worked on at once by one process. One, so that the partitions of a file go to as many processes as there are;
 * where the platform counts all processes of an environment, they take turns.
 */
const LIMIT = 1;

/** Delivers one partition of a large file, a slice at a time. Started by the file's own run. */
export const deliverPartition = workflow(DELIVER_PARTITION, { ttl: TTL_SECONDS, limit: LIMIT }).then(
  http("slice", { connection: FLUENT }, async (ctx) => {
    const message = ctx.workflow;
    if (!message) {
      throw new ConnectorError(`${DELIVER_PARTITION} can only run as a durable workflow`, {
        code: "not-durable",
        retry: "never",
      });
    }
    const asked = partitionRequestSchema.parse(ctx.data);
    await using parts = await wire(ctx);
    const { settings, ports, state } = parts.of(asked.request.feed);
    const owner = { run: message.id, attempt: message.attempt };
    const outcome = await observedPartition(asked, owner, settings, ports, state, openTelemetry());
    if (outcome.kind === "again") {
      const seconds = Math.max(0, Math.ceil(outcome.afterMs) / 1_000);
      await ctx.workflowClient().rescheduleWorkflow(message, `${seconds}s`);
    }
    return { jobId: asked.request.jobId, partition: asked.partition, ...outcome };
  }),
);
