import type { Context } from "@versori/run";
import { messageOf } from "../lib/base/mod.ts";
import { discover, type DiscoverOptions, type Discovery } from "../lib/ingest/mod.ts";
import { JobTracker } from "../lib/jobs/mod.ts";
import { INGEST_FILE } from "./ingest_file.ts";
import { stateOf, wire } from "./_wiring.ts";

/**
 * Reschedules probably count as attempts on the platform (versori-platform, section 1.10), so that a job is ended by
 * its own limits, never by the queue's.
 */
const MAX_ATTEMPTS = 1_000_000;

/** Finds waiting files and starts a durable run for each. A discovery that fails is a failed job of its own. */
export async function discoverAndStart(ctx: Context<unknown>, options: DiscoverOptions): Promise<Discovery> {
  try {
    await using wiring = await wire(ctx);
    const { settings, ports, state } = wiring;
    const discovery = await discover(options, settings, ports, state, async (request) => {
      await ctx.start(INGEST_FILE, { data: request, maxAttempts: MAX_ATTEMPTS });
    });
    ctx.log.info("discovery done", { files: discovery.files.length, complete: discovery.complete });
    return discovery;
  } catch (error) {
    await recordFailure(ctx, options, error);
    throw error;
  }
}

/** So that the history shows why no file was taken; there is no file to name yet. */
async function recordFailure(ctx: Context<unknown>, options: DiscoverOptions, error: unknown): Promise<void> {
  ctx.log.error("discovery failed", { error: messageOf(error) });
  const tracker = new JobTracker(stateOf(ctx), ctx.log);
  const jobId = `discovery-${ctx.executionId}`;
  await tracker.createJob(jobId, {
    triggeredBy: options.triggeredBy,
    stage: "discover",
    details: options.key === undefined ? {} : { file: { key: options.key } },
  });
  await tracker.markFailed(jobId, error);
}
