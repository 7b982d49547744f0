import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import { batchBody } from "../fluent/mod.ts";
import { BatchReader } from "./batch_reader.ts";
import { Journal } from "./journal.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { IngestPorts, Settings } from "./ports.ts";
import { isOwnCopy } from "./source.ts";
import { readPayload, requestOf, rowsIn } from "./payloads.ts";
import { readRun, type RunRecord } from "./run_record.ts";

/** One request of a batch as it was sent, or would be. */
export const batchPayloadSchema = z.object({
  batch: z.number().int().describe("The batch's number in the reports, from 0."),
  part: z.number().int().describe("Its place among the parts of a batch that was sent in parts.").optional(),
  rows: z.number().int(),
  firstLine: z.number().int(),
  lastLine: z.number().int(),
  state: z.string().describe(
    "What is known of it: planned, sending, ambiguous, accepted, refused or settled.",
  ),
  fluentJobId: z.string().optional(),
  fluentBatchId: z.string().optional(),
  body: z.string().describe("The body, byte for byte."),
});
export type BatchPayload = z.output<typeof batchPayloadSchema>;

/**
 * Builds the requests of one batch again, from the manifest and the file (or its archived copy): one, or several when the
 * batch was sent in parts.
 *
 * @param batch as the reports of failed rows number it, from 0
 * @throws ConnectorError `job-unknown`, `batch-unknown`, `source-gone`
 */
export async function batchPayloads(
  ports: Pick<IngestPorts, "kv" | "store" | "customResolvers" | "signal">,
  settings: Settings,
  jobId: string,
  batch: number,
): Promise<BatchPayload[]> {
  const run = await readRun(ports.kv, jobId);
  if (!run) {
    throw new ConnectorError(`There is no job '${jobId}' whose batches are known`, {
      code: "job-unknown",
      retry: "never",
    });
  }
  if (run.step === "inspect") {
    throw new ConnectorError(`Job '${jobId}' has no batches yet: its file is still being inspected`, {
      code: "batch-unknown",
      retry: "never",
    });
  }
  const manifest = await sourceOf(ports, run, await readManifest(ports.store, run.manifestKey, ports.signal));
  if (!(batch in manifest.batches)) {
    throw new ConnectorError(
      `Job '${jobId}' has no batch ${batch}: expected a number from 0 to ${manifest.batches.length - 1}`,
      { code: "batch-unknown", retry: "never" },
    );
  }
  const journal = await Journal.open(ports.kv, jobId, manifest.batches.length, {
    window: manifest.journalWindow,
  });
  const payload = await readPayload(ports, manifest, new BatchReader(manifest, ports), batch);
  return journal.unitsOf(batch).map(({ part, range, entry }): BatchPayload => {
    const rows = rowsIn(payload.rows, range);
    const accepted = entry.state === "accepted" || entry.state === "settled" ? entry : undefined;
    const fluentJobId = accepted && run.fluentJobs[accepted.job];
    return {
      body: batchBody(requestOf(manifest, settings, rows)),
      batch,
      ...(part === undefined ? {} : { part }),
      rows: rows.length,
      firstLine: rows[0]?.line ?? 0,
      lastLine: rows.at(-1)?.endLine ?? 0,
      state: entry.state,
      ...(fluentJobId === undefined ? {} : { fluentJobId }),
      ...(accepted ? { fluentBatchId: accepted.batchId } : {}),
    };
  });
}

/** The manifest with a source that still exists: the file itself, its UTF-8 copy, or its archived copy. */
async function sourceOf(
  { store }: Pick<IngestPorts, "store">,
  run: RunRecord,
  manifest: Manifest,
): Promise<Manifest> {
  const { source } = manifest;
  const stats = await Promise.all(
    (source.parts ?? [source]).map(async ({ key, etag }) => (await store.statFile(key))?.etag === etag),
  );
  if (stats.every(Boolean)) return manifest;
  const elsewhere = isOwnCopy(source, run.jobId) ? undefined : run.archivedAs ?? run.places?.at(-1)?.key;
  const found = elsewhere === undefined ? undefined : await store.statFile(elsewhere);
  if (found?.size === source.size) {
    return { ...manifest, source: { key: found.key, etag: found.etag, size: found.size } };
  }
  throw new ConnectorError(
    `Cannot build a batch of '${source.key}' again: the file is gone, and ${
      run.archivedAs === undefined ? "it was not archived" : `its archived copy '${run.archivedAs}' too`
    }`,
    { code: "source-gone", retry: "never" },
  );
}
