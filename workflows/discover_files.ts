import { fn, workflow } from "@versori/run";
import { discoveryRequestSchema } from "../lib/ingest/mod.ts";
import { continueDiscovery } from "./_discovery.ts";
import { DISCOVER_FILES, TTL_SECONDS } from "./_durable.ts";

/** Looks gone on with at once by one process. */
const LIMIT = 1;

/** Goes on where a trigger's time was over: looks for a slice's time, and hands what is left to the next message. */
export const discoverFiles = workflow(DISCOVER_FILES, { ttl: TTL_SECONDS, limit: LIMIT }).then(
  fn("discover", (ctx) => continueDiscovery(ctx, discoveryRequestSchema.parse(ctx.data))),
);
