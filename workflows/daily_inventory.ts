import { fn, schedule } from "@versori/run";
import { discoverAndStart } from "./_discovery.ts";

/** Every night at 02:00 UTC; `versori.yaml` declares the same. */
export const DAILY_CRON = "0 2 * * *";

/** Starts a durable run for every file that waits in the bucket, of all feeds without a schedule of their own. */
export const dailyInventory = schedule("daily-inventory", DAILY_CRON).then(
  fn(
    "discover",
    (ctx) =>
      discoverAndStart(ctx, { triggeredBy: "schedule", wanted: ({ schedule }) => schedule === undefined }),
  ),
);
