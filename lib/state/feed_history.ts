import { z } from "zod";
import { comesBefore } from "./feed_queue.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

const fileSchema = z.object({
  jobId: z.string(),
  key: z.string(),
  lastModified: z.string(),
  time: z.string().optional(),
});

/** What is remembered of a feed's files beyond their jobs. */
const historySchema = z.object({
  v: z.literal(1),
  /** The newest file of which anything was sent. */
  newest: fileSchema.optional(),
  /** The last snapshot that was delivered to its end, and how many rows it had to send. */
  snapshot: fileSchema.extend({ rows: z.number().int().nonnegative() }).optional(),
});
export type FeedRecord = z.output<typeof historySchema>;

/** A file of a feed, as the order of the feed sees it. */
export interface FeedFile {
  readonly jobId: string;
  readonly key: string;
  /** ISO 8601. */
  readonly lastModified: string;
  /** ISO 8601: the time in its name. */
  readonly time?: string | undefined;
}

/**
 * What was sent of a feed last: what the guards hold the next file against. Only the feed's one delivering run writes
 * it, so plain reads and writes will do.
 */
export class FeedHistory {
  readonly #kv: KVStore;

  constructor(kv: KVStore) {
    this.#kv = kv;
  }

  async get(feed: string): Promise<FeedRecord> {
    return await readRecord(this.#kv, ["sent", feed], historySchema) ?? { v: 1 };
  }

  /** Notes, before the first effect, that this file is being sent. A file older than one before it changes nothing. */
  async noteBegun(feed: string, file: FeedFile): Promise<void> {
    const record = await this.get(feed);
    if (record.newest && !comesBefore(record.newest, file)) return;
    await this.#write(feed, { ...record, newest: picked(file) });
  }

  /** Notes that a whole snapshot was delivered. */
  async noteSnapshot(feed: string, file: FeedFile & { readonly rows: number }): Promise<void> {
    await this.#write(feed, { ...await this.get(feed), snapshot: { ...picked(file), rows: file.rows } });
  }

  #write(feed: string, record: FeedRecord): Promise<void> {
    return this.#kv.set(["sent", feed], record);
  }
}

function picked({ jobId, key, lastModified, time }: FeedFile) {
  return { jobId, key, lastModified, ...(time === undefined ? {} : { time }) };
}
