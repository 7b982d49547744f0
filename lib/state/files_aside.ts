import { createHash } from "node:crypto";
import { z } from "zod";
import { type IngestFile, ingestFileSchema } from "./file_identity.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

/** A copy of a file's version, by key and ETag (a copy's may be another one than its original's). */
export const fileCopySchema = z.object({ key: z.string(), etag: z.string() });
export type FileCopy = z.output<typeof fileCopySchema>;

const asideSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  /** The file as it arrived. */
  file: ingestFileSchema,
  /** Where it lies now. */
  at: fileCopySchema,
});
export type FileAside = z.output<typeof asideSchema>;

/**
 * The files that were moved aside, because they are held or their jobs failed: found by the key they arrived under, and
 * by the one they lie under now. Of several versions of one name the last one moved is found.
 */
export class FilesAside {
  readonly #kv: KVStore;

  constructor(kv: KVStore) {
    this.#kv = kv;
  }

  find(bucket: string, key: string): Promise<FileAside | undefined> {
    return readRecord(this.#kv, recordKey(bucket, key), asideSchema);
  }

  async note(aside: Omit<FileAside, "v">): Promise<void> {
    for (const key of keysOf(aside)) {
      await this.#kv.set(recordKey(aside.file.bucket, key), { v: 1, ...aside });
    }
  }

  /** Forgets where a file lay, unless another version of it has been noted since. */
  async forget(file: IngestFile, at: FileCopy): Promise<void> {
    for (const key of keysOf({ file, at })) {
      const noted = await this.find(file.bucket, key);
      if (noted?.at.key === at.key) await this.#kv.delete(recordKey(file.bucket, key));
    }
  }

  /** Forgets a copy of whatever file, under both its keys. */
  async forgetCopy(bucket: string, at: FileCopy): Promise<void> {
    const noted = await this.find(bucket, at.key);
    if (noted && noted.at.key === at.key) await this.forget(noted.file, noted.at);
  }
}

function keysOf({ file, at }: Pick<FileAside, "file" | "at">): readonly string[] {
  return [file.key, at.key];
}

function recordKey(bucket: string, key: string): readonly string[] {
  return ["aside", createHash("sha256").update(JSON.stringify([bucket, key])).digest("hex").slice(0, 24)];
}
