import { Cron } from "croner";
import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { Feed } from "../config/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";

/** How often the feeds' own schedules are looked at, in minutes: no feed can be due more often. */
export const LOOK_EVERY_MINUTES = 5;

const lookSchema = z.object({
  v: z.literal(1),
  /** The expression it was looked at by: another one starts anew. */
  schedule: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});

/**
 * Which feeds with a schedule of their own are due: those whose cron expression had a moment since they were last
 * looked at. Moments that passed while nothing ran are made up for by one look.
 */
export class FeedSchedules {
  readonly #kv: KVStore;
  readonly #clock: Clock;

  constructor(kv: KVStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /** The feeds that are due now. A feed that is new is due if it would have been at this look. */
  async due(feeds: readonly Feed[]): Promise<readonly Feed[]> {
    const now = this.#clock.now();
    const due: Feed[] = [];
    for (const feed of feeds) {
      const { name, schedule } = feed;
      if (schedule === undefined) continue;
      const look = await readRecord(this.#kv, ["schedules", name], lookSchema);
      const since = look?.schedule === schedule ? look.at : now - LOOK_EVERY_MINUTES * 60_000;
      const next = new Cron(schedule, { mode: "5-part", timezone: "UTC", paused: true }).nextRun(
        new Date(since),
      );
      if (next && next.getTime() <= now) due.push(feed);
      else if (look?.schedule !== schedule) await this.looked(feed, now);
    }
    return due;
  }

  /** Remembers that a feed was looked at then, in milliseconds since the epoch. */
  async looked({ name, schedule }: Feed, at: number): Promise<void> {
    await this.#kv.set(["schedules", name], { v: 1, schedule, at });
  }
}
