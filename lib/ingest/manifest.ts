import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import { MAX_RECORD_BYTES } from "../csv/mod.ts";
import { mappingFileSchema } from "../mapping/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import { ingestFileSchema } from "../state/mod.ts";
import { resolvedSchema } from "./resolved_values.ts";

const count = z.number().int().nonnegative();

/** Why a guard stopped a file before anything was sent. */
export const heldBecauseSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** Whether `force` lets the file pass; a file that cannot be read at all has to be replaced. */
  forcible: z.boolean(),
});
export type HeldBecause = z.output<typeof heldBecauseSchema>;

/** One batch: [first byte, bytes, first line, rows to send, superseded lines as base64 bits]. */
const batchSchema = z.union([
  z.tuple([count, count, count, count]),
  z.tuple([count, count, count, count, z.string()]),
]);

/** An object, or one of several whose bytes follow one another. */
export const sourcePartSchema = z.object({ key: z.string(), etag: z.string(), size: count });
export type SourcePart = z.output<typeof sourcePartSchema>;

/**
 * What inspect found in a file: everything the guards decide on, and everything deliver needs to build any batch
 * again, byte for byte, by reading a range of the source.
 */
export const manifestSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  file: ingestFileSchema,
  /** What the batches' ranges refer to: the file itself, or its copy in plain UTF-8, which may be in parts. */
  source: sourcePartSchema.extend({ parts: z.array(sourcePartSchema).optional() }),
  encoding: z.string(),
  dialect: z.object({ delimiter: z.string(), quote: z.string(), escape: z.string() }),
  /** The file's header cells as they are, for the rejects report. */
  header: z.array(z.string()),
  /** The mapping's name of each column, or null where it has none. */
  columns: z.array(z.string().nullable()),
  /** The mapping that was used, whole: a later deployment cannot change what a batch contains. */
  mapping: mappingFileSchema,
  /** Values of `$context.*`. */
  context: z.record(z.string(), z.unknown()),
  /** Bytes a record may have; what a manifest written before this was kept was read with. */
  maxRecordBytes: count.default(MAX_RECORD_BYTES),
  /** SHA-256 of the file's bytes, hexadecimal. */
  sha256: z.string(),
  rows: z.object({ read: count, sendable: count, rejected: count, superseded: count }),
  /** How many parts the rejected rows were written to. */
  rejectParts: count,
  /** The first superseded rows. */
  superseded: z.array(z.object({ line: count, endLine: count })),
  heldBecause: heldBecauseSchema.optional(),
  /** What is worth knowing of a file that is not held for it. */
  warnings: z.array(z.string()).default([]),
  /** What resolvers that answer later gave; absent where the mapping has none. */
  resolved: resolvedSchema.optional(),
  batchSize: count,
  /** What every batch says beside its rows; absent in manifests written before it was kept. */
  envelope: z.object({
    source: z.string(),
    event: z.string(),
    catalogueRef: z.string().optional(),
    conditions: z.record(z.string(), z.unknown()).optional(),
  }).optional(),
  /** Batches per journal record, where it is not the usual number: the file is delivered by several runs. */
  journalWindow: count.min(1).optional(),
  batches: z.array(batchSchema),
});
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestBatch = z.output<typeof batchSchema>;

/** Where a job keeps what it needs while it works. */
export function manifestKey(workPrefix: string, jobId: string): string {
  return `${workPrefix}${jobId}/manifest.json`;
}

export async function writeManifest(store: ObjectStore, key: string, manifest: Manifest): Promise<void> {
  await store.uploadFile(key, JSON.stringify(manifest), { contentType: "application/json" });
}

/** @throws ConnectorError `manifest-unreadable`; S3Error when it cannot be fetched */
export async function readManifest(store: ObjectStore, key: string, signal?: AbortSignal): Promise<Manifest> {
  const { body } = await store.openFile(key, signal ? { signal } : {});
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  const result = manifestSchema.safeParse(JSON.parse(text + decoder.decode()));
  if (result.success) return result.data;
  const first = result.error.issues[0];
  throw new ConnectorError(
    `Cannot read the manifest '${key}': at '${first?.path.join(".")}': ${first?.message}`,
    {
      code: "manifest-unreadable",
      retry: "never",
      details: { key },
    },
  );
}
