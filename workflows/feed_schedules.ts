import { fn, schedule } from "@versori/run";
import { LOOK_EVERY_MINUTES } from "../lib/ingest/mod.ts";
import { discoverDue } from "./_discovery.ts";

/** Every five minutes, in UTC; `versori.yaml` declares the same. */
export const FEED_SCHEDULES_CRON = `*/${LOOK_EVERY_MINUTES} * * * *`;

/** Starts a durable run for every file that waits for a feed whose own schedule is due. */
export const feedSchedules = schedule("feed-schedules", FEED_SCHEDULES_CRON).then(
  fn("discover", (ctx) => discoverDue(ctx)),
);
