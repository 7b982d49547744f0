import type { Context } from "@versori/run";
import type { DiscoveryRequest, IngestRequest } from "../lib/ingest/mod.ts";
import { DISCOVER_FILES, INGEST_FILE, MAX_ATTEMPTS } from "./_durable.ts";

/** Starts a durable run for one file. */
export async function startIngest(ctx: Context<unknown>, request: IngestRequest): Promise<void> {
  await ctx.start(INGEST_FILE, { data: request, maxAttempts: MAX_ATTEMPTS });
}

/** How often the platform tries a look that throws: what it leaves is found by the next trigger. */
const LOOK_ATTEMPTS = 5;

/** Starts a durable run that goes on looking for files. */
export async function startDiscovery(ctx: Context<unknown>, request: DiscoveryRequest): Promise<void> {
  await ctx.start(DISCOVER_FILES, { data: request, maxAttempts: LOOK_ATTEMPTS });
}
