import type { Context } from "@versori/run";
import type { IngestRequest } from "../lib/ingest/mod.ts";
import { INGEST_FILE, MAX_ATTEMPTS } from "./_durable.ts";

/** Starts a durable run for one file. */
export async function startIngest(ctx: Context<unknown>, request: IngestRequest): Promise<void> {
  await ctx.start(INGEST_FILE, { data: request, maxAttempts: MAX_ATTEMPTS });
}
