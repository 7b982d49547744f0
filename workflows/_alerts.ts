import type { Context } from "@versori/run";
import {
  Alerts,
  ALL_FEEDS,
  chatSink,
  type FeedEvent,
  type FeedPolicy,
  issueSink,
  jobEndOf,
} from "../lib/alerts/mod.ts";
import { ConnectorError, messageOf, systemClock } from "../lib/base/mod.ts";
import type { Feed, Settings } from "../lib/config/mod.ts";
import type { FeedsDiscovery, FeedsOptions, IngestState } from "../lib/ingest/mod.ts";
import { stateOf } from "./_wiring.ts";

/** Looks whether a job that is over is news to its feed. */
export async function noticeJobEnd(
  ctx: Context<unknown>,
  jobId: string,
  settings: Settings,
  state: IngestState,
): Promise<void> {
  await orLog(ctx, async () => {
    const record = await state.tracker.getJob(jobId);
    const job = record && jobEndOf(record);
    if (job) await alertsOf(ctx, settings).notice({ kind: "job-ended", job }, policyOf(settings));
  });
}

/** Takes notice of what a discovery found in each feed, and by schedule of what is overdue. */
export async function noticeDiscovery(
  ctx: Context<unknown>,
  options: FeedsOptions,
  feeds: readonly [Feed, ...Feed[]],
  discovery: FeedsDiscovery,
): Promise<void> {
  const bySchedule = options.triggeredBy === "schedule";
  const isNew = options.force === undefined && !options.dryRun;
  await orLog(ctx, async () => {
    for (const { name, settings, ...feed } of feeds) {
      const events: FeedEvent[] = [];
      const problem = discovery.problems.find((one) => one.feed === name);
      const came = isNew && discovery.files.some((file) => file.feed === name && file.decision === "started");
      const wasLookedAt = bySchedule && (options.wanted?.({ name, settings, ...feed }) ?? true);
      if (problem) events.push({ kind: "look-failed", ...told(problem.error) });
      else if (wasLookedAt) events.push({ kind: "looked" });
      if (came) events.push({ kind: "files-came" });
      if (bySchedule && settings.expectedBy !== "") events.push({ kind: "tick" });
      const alerts = alertsOf(ctx, settings);
      for (const event of events) await alerts.notice(event, policyOf(settings));
    }
    if (bySchedule) await alertsOf(ctx, feeds[0].settings).notice({ kind: "looked" }, EVERY_FEED);
  });
}

/** Takes notice that no feed could be looked at: the configuration or a connection is wrong. */
export async function noticeNoDiscovery(ctx: Context<unknown>, error: unknown): Promise<void> {
  await orLog(ctx, async () => {
    await alertsOf(ctx).notice({ kind: "look-failed", ...told(error) }, EVERY_FEED);
  });
}

const EVERY_FEED: FeedPolicy = {
  feed: ALL_FEEDS,
  rejectLimit: { kind: "percent", value: 100 },
  expectedBy: "",
  jobTtlSeconds: 0,
};

/** Without settings, because they can't be read, only the platform is told. */
function alertsOf(ctx: Context<unknown>, settings?: Settings): Alerts {
  const sinks = [issueSink((issue, options) => ctx.createIssue(issue, options))];
  if (settings && settings.alertWebhookUrl !== "") {
    const hosts = settings.alertWebhookHosts.split(",").map((host) => host.trim());
    sinks.push(chatSink(settings.alertWebhookUrl, hosts, fetch));
  }
  return new Alerts(stateOf(ctx), systemClock, ctx.log, sinks);
}

function policyOf(settings: Settings): FeedPolicy {
  return {
    feed: settings.feed,
    rejectLimit: settings.alertRejectLimit,
    expectedBy: settings.expectedBy,
    jobTtlSeconds: settings.jobTtlSeconds,
  };
}

function told(error: unknown): { code: string; message: string } {
  return { code: error instanceof ConnectorError ? error.code : "unexpected", message: messageOf(error) };
}

/** An alert that can't be raised must not change what became of the work it is about. */
async function orLog(ctx: Context<unknown>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    ctx.log.error("alerts could not be looked at", { error: messageOf(error) });
  }
}
