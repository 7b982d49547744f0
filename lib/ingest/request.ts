import { z } from "zod";
import { placeAsideSchema } from "./location.ts";
import { RELATIONS, TRIGGERS } from "../jobs/mod.ts";
import { expectedSchema } from "./upload_manifest.ts";
import { fileId, ingestFileSchema } from "../state/mod.ts";

/** What a durable run is started with: everything that doesn't change while it works. */
export const ingestRequestSchema = z.object({
  v: z.literal(1),
  jobId: z.string(),
  feed: z.string(),
  file: ingestFileSchema,
  /** Where the file lies, when it has been moved from where it arrived. */
  at: placeAsideSchema.optional(),
  /** What the sender's manifest says of the file's content. */
  expected: expectedSchema.optional(),
  triggeredBy: z.enum(TRIGGERS),
  /** Inspect only: nothing is sent, nothing archived. */
  dryRun: z.boolean().default(false),
  /** Set when somebody wants a file sent although a guard would hold it: who, and why. */
  force: z.object({ by: z.string(), reason: z.string() }).optional(),
  /** What the caller calls the job. */
  reference: z.string().optional(),
  /** The job this one repeats. */
  parent: z.object({ jobId: z.string(), relation: z.enum(RELATIONS) }).optional(),
  /** How a file made by the connector is to be taken. */
  as: z.object({
    /** Its path below the archive and report prefixes. */
    name: z.string(),
    /** Instead of `csvEncoding` and `csvDelimiter`, which are about files from elsewhere. */
    encoding: z.string().optional(),
    delimiter: z.string().optional(),
    /** ISO 8601: when it was made, finer than the store's second. It decides the file's place in its feed. */
    time: z.string().optional(),
  }).optional(),
});
export type IngestRequest = z.output<typeof ingestRequestSchema>;

/**
 * The id of a file's n-th job: the same for every trigger that finds the same version of the same file.
 *
 * @param file the file, or its name in the ledger
 */
export function jobIdOf(file: Parameters<typeof fileId>[0] | string, n: number): string {
  const id = typeof file === "string" ? file : fileId(file);
  return n === 1 ? `job-${id}` : `job-${id}-${n}`;
}
