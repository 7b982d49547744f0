import { createHash } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { IngestFile } from "./file_identity.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

const sightingSchema = z.object({
  v: z.literal(1),
  etag: z.string(),
  size: z.number(),
  lastModified: z.string(),
  /** Milliseconds since the epoch: when the object was first seen like this. */
  since: z.number(),
});

type Seen = Pick<IngestFile, "bucket" | "key" | "etag" | "size" | "lastModified">;

/** How the objects that wait looked when they were last seen, to tell those that still grow. */
export class Sightings {
  readonly #kv: KVStore;
  readonly #clock: Clock;

  constructor(kv: KVStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /** For how long an object has looked as it does now, in milliseconds: 0 when it is seen like this for the first time. */
  async unchangedMs(file: Seen): Promise<number> {
    const now = this.#clock.now();
    const seen = await readRecord(this.#kv, recordKey(file), sightingSchema);
    const { etag, size, lastModified } = file;
    const isSame = seen?.etag === etag && seen.size === size && seen.lastModified === lastModified;
    if (isSame) return Math.max(0, now - seen.since);
    await this.#kv.set(recordKey(file), { v: 1, etag, size, lastModified, since: now });
    return 0;
  }

  /** Forgets an object that has been taken. */
  async forget(file: Seen): Promise<void> {
    await this.#kv.delete(recordKey(file));
  }
}

function recordKey({ bucket, key }: Seen): readonly string[] {
  return ["seen", createHash("sha256").update(JSON.stringify([bucket, key])).digest("hex").slice(0, 24)];
}
