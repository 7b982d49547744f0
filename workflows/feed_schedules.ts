import { type Context, fn, schedule } from "@versori/run";
import { messageOf, systemClock } from "../lib/base/mod.ts";
import { LOOK_EVERY_MINUTES, retain } from "../lib/ingest/mod.ts";
import { discoverDue } from "./_discovery.ts";
import { wire } from "./_wiring.ts";

/** Every five minutes, in UTC; `versori.yaml` declares the same. */
export const FEED_SCHEDULES_CRON = `*/${LOOK_EVERY_MINUTES} * * * *`;

/** Most jobs one look removes, and its longest time in milliseconds: beside the discovery's, inside the platform's 30 s. */
const CLEARED_AT_ONCE = { most: 100, budgetMs: 5_000 } as const;

/** Starts a durable run for every file that waits for a feed whose own schedule is due, and removes what is over. */
export const feedSchedules = schedule("feed-schedules", FEED_SCHEDULES_CRON).then(
  fn("discover", async (ctx) => {
    try {
      return await discoverDue(ctx);
    } finally {
      await clearAway(ctx);
    }
  }),
);

/** Whatever stands in its way is tried again at the next look. */
async function clearAway(ctx: Context<unknown>): Promise<void> {
  try {
    await using parts = await wire(ctx);
    const [first, ...others] = parts.feeds;
    const { most, budgetMs } = CLEARED_AT_ONCE;
    await retain([parts.of(first.name), ...others.map(({ name }) => parts.of(name))], {
      most,
      endsAt: systemClock.now() + budgetMs,
    });
  } catch (error) {
    ctx.log.warn("what is over could not be removed", { error: messageOf(error) });
  }
}
