import { z } from "zod";
import { calculateBatchSize } from "../fluent/mod.ts";
import type { MappingFile } from "../mapping/mod.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";
import { envelopeOf } from "./payloads.ts";
import type { Work } from "./work.ts";

const count = z.number().int().nonnegative();

/** What is known of a file before its rows are read. */
export const inspectedFileSchema = manifestSchema.pick({
  source: true,
  encoding: true,
  dialect: true,
  header: true,
  columns: true,
  mapping: true,
  context: true,
  maxRecordBytes: true,
}).extend({
  /** Header cells the mapping doesn't know. */
  unknownColumns: z.array(z.string()),
  /** Where the first row starts in the source. */
  firstRow: z.object({ line: count, offset: count }),
});
export type InspectedFile = z.output<typeof inspectedFileSchema>;

/** The manifest of a file nothing is known of yet. */
export function emptyManifest(
  work: Work,
  mapping: MappingFile,
  source: Manifest["source"],
): Omit<Manifest, "sha256"> {
  const { request, settings } = work;
  return {
    v: 1,
    jobId: request.jobId,
    file: request.file,
    source,
    encoding: "utf-8",
    dialect: { delimiter: ",", quote: '"', escape: '"' },
    header: [],
    columns: [],
    mapping,
    context: { retailerId: Number(settings.fluentRetailerId) },
    maxRecordBytes: settings.maxRecordBytes,
    rows: { read: 0, sendable: 0, rejected: 0, superseded: 0 },
    rejectParts: 0,
    superseded: [],
    warnings: [],
    batchSize: calculateBatchSize(0, settings.batchSize || undefined),
    envelope: envelopeOf(settings),
    batches: [],
  };
}
