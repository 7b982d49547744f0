import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { KVStore } from "./kv.ts";
import { parseRecord, readRecord } from "./record.ts";

const placeSchema = z.object({
  v: z.literal(1),
  /** ISO 8601: older files go first. */
  lastModified: z.string(),
  key: z.string(),
  delivering: z.boolean(),
  /** Milliseconds since the epoch: a place not renewed until then no longer holds anybody up. */
  until: z.number(),
});
type Place = z.output<typeof placeSchema>;

/** How long a place counts without being renewed, in milliseconds: several slices and their pauses. */
const PLACE_MS = 10 * 60_000;

/**
 * The order in which the files of one feed are delivered: one at a time, the oldest first.
 *
 * Each file takes a place when it is discovered, and leaves when its job ends.
 */
export class FeedQueue {
  readonly #kv: KVStore;
  readonly #clock: Clock;

  constructor(kv: KVStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /** Takes a place for a job, or renews the one it has. */
  async enter(feed: string, jobId: string, file: { lastModified: string; key: string }): Promise<void> {
    const place = await readRecord(this.#kv, ["feeds", feed, jobId], placeSchema);
    await this.#write(feed, jobId, {
      lastModified: file.lastModified,
      key: file.key,
      delivering: place?.delivering ?? false,
    });
  }

  /** Whether this job may deliver now; if so, it is marked as the one that does. */
  async mayDeliver(
    feed: string,
    jobId: string,
    file: { lastModified: string; key: string },
  ): Promise<boolean> {
    for await (const { key, value } of this.#kv.list(["feeds", feed])) {
      const other = parseRecord(key, value, placeSchema);
      if (key.at(-1) === jobId || other.until <= this.#clock.now()) continue;
      if (other.delivering || isOlder(other, file)) return false;
    }
    await this.#write(feed, jobId, { lastModified: file.lastModified, key: file.key, delivering: true });
    return true;
  }

  /** Gives the place up. */
  leave(feed: string, jobId: string): Promise<void> {
    return this.#kv.delete(["feeds", feed, jobId]);
  }

  #write(feed: string, jobId: string, place: Omit<Place, "v" | "until">): Promise<void> {
    return this.#kv.set(["feeds", feed, jobId], { v: 1, ...place, until: this.#clock.now() + PLACE_MS });
  }
}

function isOlder(
  a: { lastModified: string; key: string },
  b: { lastModified: string; key: string },
): boolean {
  return a.lastModified < b.lastModified || (a.lastModified === b.lastModified && a.key < b.key);
}
