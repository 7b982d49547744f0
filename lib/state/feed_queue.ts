import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { KVStore } from "./kv.ts";
import { parseRecord, readRecord } from "./record.ts";

const placeSchema = z.object({
  v: z.literal(1),
  /** ISO 8601: older files go first. */
  lastModified: z.string(),
  /** ISO 8601: the time in the file's name counts instead. */
  time: z.string().optional(),
  key: z.string(),
  delivering: z.boolean(),
  /** Milliseconds since the epoch: a place not renewed until then may be one nobody will ever give up. */
  until: z.number(),
  /** Milliseconds since the epoch: when the place was taken. */
  since: z.number().default(0),
  /** Whether the file has left, and the place only keeps the next one waiting until `until`. */
  left: z.boolean().default(false),
});
type StoredPlace = z.output<typeof placeSchema>;

/** One file's place in the order of its feed. */
export interface Place extends StoredPlace {
  readonly jobId: string;
}

/** What decides the order of two files of a feed. */
export interface Ordered {
  /** ISO 8601. */
  readonly lastModified: string;
  /** ISO 8601: the time in the file's name, which counts instead. */
  readonly time?: string | undefined;
  readonly key: string;
}

/** How long a place counts without being renewed, in milliseconds: several slices and their pauses. */
const PLACE_MS = 10 * 60_000;

/**
 * The order in which the files of one feed are delivered: one at a time, the oldest first.
 *
 * Each file takes a place when it is discovered, and leaves when its job ends. A place doesn't lapse by itself: whoever
 * waits behind one that is no longer renewed has to find out whether its file is still to come.
 */
export class FeedQueue {
  readonly #kv: KVStore;
  readonly #clock: Clock;

  constructor(kv: KVStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /** Takes a place for a job, or renews the one it has. */
  async enter(feed: string, jobId: string, file: Ordered): Promise<void> {
    const place = await readRecord(this.#kv, ["feeds", feed, jobId], placeSchema);
    const own = place?.left ? undefined : place;
    await this.#write(feed, jobId, {
      ...ordered(file),
      delivering: own?.delivering ?? false,
      since: own?.since || this.#clock.now(),
      left: false,
      until: this.#clock.now() + PLACE_MS,
    });
  }

  /** A job's own place. */
  async placeOf(feed: string, jobId: string): Promise<Place | undefined> {
    const place = await readRecord(this.#kv, ["feeds", feed, jobId], placeSchema);
    return place && { ...place, jobId };
  }

  /** The places that keep this file waiting: of older files, and of one that is being delivered. */
  async ahead(feed: string, jobId: string, file: Ordered): Promise<Place[]> {
    const places: Place[] = [];
    for await (const { key, value } of this.#kv.list(["feeds", feed])) {
      const other = parseRecord(key, value, placeSchema);
      const id = key.at(-1);
      if (id === undefined || id === jobId) continue;
      if (other.left && other.until <= this.#clock.now()) {
        await this.#kv.delete(["feeds", feed, id]);
      } else if (other.left || other.delivering || comesBefore(other, file)) {
        places.push({ ...other, jobId: id });
      }
    }
    return places;
  }

  /** Marks the job as the one that delivers. */
  async begin(feed: string, jobId: string, file: Ordered): Promise<void> {
    const place = await readRecord(this.#kv, ["feeds", feed, jobId], placeSchema);
    await this.#write(feed, jobId, {
      ...ordered(file),
      delivering: true,
      since: place?.since || this.#clock.now(),
      left: false,
      until: this.#clock.now() + PLACE_MS,
    });
  }

  /**
   * Gives the place up.
   *
   * @param coolMs how long the next file still has to wait, in milliseconds, because requests of this one may be on
   * their way. Default 0.
   */
  async leave(feed: string, jobId: string, coolMs = 0): Promise<void> {
    const place = coolMs > 0 ? await readRecord(this.#kv, ["feeds", feed, jobId], placeSchema) : undefined;
    if (!place?.delivering) return await this.#kv.delete(["feeds", feed, jobId]);
    await this.#write(feed, jobId, { ...place, left: true, until: this.#clock.now() + coolMs });
  }

  async #write(feed: string, jobId: string, place: Omit<StoredPlace, "v">): Promise<void> {
    await this.#kv.set(["feeds", feed, jobId], { v: 1, ...place });
  }
}

/** When a file is from: the time in its name, or when it arrived. */
export function timeOf({ time, lastModified }: Pick<Ordered, "time" | "lastModified">): string {
  return time ?? lastModified;
}

function ordered({ lastModified, time, key }: Ordered): Ordered {
  return { lastModified, key, ...(time === undefined ? {} : { time }) };
}

/** Whether file `a` of a feed goes before file `b`: the older one, and of two equally old ones the first by name. */
export function comesBefore(a: Ordered, b: Ordered): boolean {
  return timeOf(a) < timeOf(b) || (timeOf(a) === timeOf(b) && a.key < b.key);
}
