import { createHash } from "node:crypto";
import { z } from "zod";

/** One version of one S3 object: what a job is about. A re-uploaded name with new content is another file. */
export const ingestFileSchema = z.object({
  bucket: z.string().min(1),
  key: z.string().min(1),
  /** Without its quotes. */
  etag: z.string().min(1),
  /** Bytes. */
  size: z.number().int().nonnegative(),
  /** ISO 8601. */
  lastModified: z.string(),
  /** ISO 8601: the time in its name, where its feed says how names tell it. */
  time: z.string().optional(),
});
export type IngestFile = z.output<typeof ingestFileSchema>;

/** A short, stable name for exactly this version of this object: 24 hex digits. */
export function fileId(file: Pick<IngestFile, "bucket" | "key" | "etag" | "size">): string {
  const identity = JSON.stringify([file.bucket, file.key, file.etag, file.size]);
  return createHash("sha256").update(identity).digest("hex").slice(0, 24);
}
