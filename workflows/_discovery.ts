import type { Context } from "@versori/run";
import { ConnectorError, messageOf, systemClock } from "../lib/base/mod.ts";
import {
  discoverFeeds,
  type DiscoveryRequest,
  FeedSchedules,
  type FeedsDiscovery,
  type FeedsOptions,
  problemOfFeeds,
} from "../lib/ingest/mod.ts";
import { JobTracker } from "../lib/jobs/mod.ts";
import { noticeDiscovery, noticeNoDiscovery } from "./_alerts.ts";
import { startDiscovery, startIngest } from "./_start.ts";
import { type Parts, stateOf, wire } from "./_wiring.ts";

/**
 * Finds waiting files and starts a durable run for each. A discovery that fails is a failed job of its own.
 *
 * @throws when a feed could not be looked at; the others were
 */
export async function discoverAndStart(
  ctx: Context<unknown>,
  options: FeedsOptions,
): Promise<FeedsDiscovery> {
  await using parts = await orFailedJob(ctx, options, () => wireOrAlert(ctx));
  const discovery = await orFailedJob(ctx, options, () => discoverIn(ctx, parts, options));
  return await orThrow(ctx, options, discovery);
}

/** The same for the feeds whose own schedule says that it is time. */
export async function discoverDue(ctx: Context<unknown>): Promise<FeedsDiscovery> {
  const options = { triggeredBy: "schedule" } as const;
  await using parts = await orFailedJob(ctx, options, () => wireOrAlert(ctx));
  const at = systemClock.now();
  const schedules = new FeedSchedules(stateOf(ctx), systemClock);
  const due = await schedules.due(parts.feeds);
  const discovery = await discoverIn(ctx, parts, { ...options, wanted: (feed) => due.includes(feed) });
  // What may pass is tried again at the next look; anything else waits for its next moment.
  const passing = discovery.problems.filter(({ error }) =>
    error instanceof ConnectorError && error.retry === "later"
  );
  for (const feed of due) {
    if (!passing.some((problem) => problem.feed === feed.name)) await schedules.looked(feed, at);
  }
  return await orThrow(ctx, options, discovery);
}

/**
 * Goes on with what a trigger, or the run before, had no time for.
 *
 * @throws when a feed could not be looked at; the platform tries again
 */
export async function continueDiscovery(
  ctx: Context<unknown>,
  request: DiscoveryRequest,
): Promise<{ files: number; complete: boolean }> {
  const { v: _v, left, ...rest } = request;
  const options: FeedsOptions = {
    ...rest,
    left,
    wanted: ({ name }) => left.some(({ feed }) => feed === name),
  };
  await using parts = await orFailedJob(ctx, options, () => wireOrAlert(ctx));
  const budgetMs = parts.feeds[0].settings.sliceSeconds * 1_000;
  const discovery = await orFailedJob(ctx, options, () => discoverIn(ctx, parts, { ...options, budgetMs }));
  const { files, complete } = await orThrow(ctx, options, discovery);
  return { files: files.length, complete };
}

async function discoverIn(
  ctx: Context<unknown>,
  parts: Parts,
  wanted: FeedsOptions,
): Promise<FeedsDiscovery> {
  const options = { budgetMs: parts.feeds[0].settings.discoverSeconds * 1_000, ...wanted };
  const since = options.since ?? systemClock.now();
  const discovery = await discoverFeeds(options, parts.feeds, {
    of: (feed) => parts.of(feed),
    start: (request) => startIngest(ctx, request),
  });
  const { left } = discovery;
  if (left.length > 0) {
    const { triggeredBy, prefix, pattern, maxFiles, force, dryRun, reference } = options;
    await startDiscovery(ctx, {
      v: 1,
      since,
      triggeredBy,
      prefix,
      pattern,
      maxFiles,
      force,
      dryRun,
      reference,
      left: [...left],
    });
  }
  await noticeDiscovery(ctx, options, parts.feeds, discovery);
  ctx.log.info("discovery done", {
    files: discovery.files.length,
    complete: discovery.complete,
    left: left.length,
  });
  return discovery;
}

/** Whatever could be looked at has been; what could not is an error. */
async function orThrow(
  ctx: Context<unknown>,
  options: FeedsOptions,
  discovery: FeedsDiscovery,
): Promise<FeedsDiscovery> {
  const error = problemOfFeeds(discovery);
  if (!error) return discovery;
  await recordFailure(ctx, options, error);
  throw error;
}

/** What cannot be wired concerns every feed. */
async function wireOrAlert(ctx: Context<unknown>): Promise<Parts> {
  try {
    return await wire(ctx);
  } catch (error) {
    await noticeNoDiscovery(ctx, error);
    throw error;
  }
}

async function orFailedJob<T>(
  ctx: Context<unknown>,
  options: FeedsOptions,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await recordFailure(ctx, options, error);
    throw error;
  }
}

/** So that the history shows why no file was taken; there is no file to name yet. */
async function recordFailure(ctx: Context<unknown>, options: FeedsOptions, error: unknown): Promise<void> {
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
