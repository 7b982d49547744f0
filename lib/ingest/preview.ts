import { ConnectorError } from "../base/mod.ts";
import { type MappingFile, resolveHeader } from "../mapping/mod.ts";
import type { RejectedRow } from "../report/mod.ts";
import type { IngestFile } from "../state/mod.ts";
import { BatchReader, readRange } from "./batch_reader.ts";
import { type HeldBecause, type Manifest, manifestKey, readManifest } from "./manifest.ts";
import type { IngestPorts, Settings } from "./ports.ts";
import { readLines } from "./read_lines.ts";
import { ingestState } from "./ingest_state.ts";
import { runSlice } from "./run.ts";
import { readRun } from "./run_record.ts";

/** Payloads and examples of each kind that are shown. */
const SHOWN = 3;
const JOB_ID = "preview";

/** One column of the file and what becomes of it. */
export interface PreviewColumn {
  /** The header's cell as it is. */
  readonly header: string;
  /** The mapping's name for it; null when it has none. */
  readonly column: string | null;
  /** The target fields made of it. */
  readonly fields: readonly string[];
}

/** Rows that were rejected for the same reason. */
export interface PreviewRejects {
  readonly code: string;
  readonly rows: number;
  /** The first few. */
  readonly examples: readonly RejectedRow[];
}

/** What would become of a file. */
export interface Preview {
  readonly file: { readonly key: string; readonly size: number; readonly sha256: string };
  readonly encoding: string;
  readonly dialect: Manifest["dialect"];
  readonly mapping: { readonly name: string; readonly version: string };
  readonly header: readonly PreviewColumn[];
  readonly rows: Manifest["rows"];
  readonly rejects: readonly PreviewRejects[];
  /** The first superseded rows. */
  readonly superseded: Manifest["superseded"];
  readonly batches: { readonly total: number; readonly size: number };
  /** The first entities as they would be sent. */
  readonly payloads: readonly Readonly<Record<string, unknown>>[];
  /** What the guards would say; absent when they would let the file pass. */
  readonly heldBecause?: HeldBecause;
}

/**
 * Inspects a file as the flow would, and tells what it found. Nothing is sent; what inspect writes goes to the work and
 * report prefixes of the store that is handed in.
 *
 * @throws ConnectorError when the file, the mapping or the settings cannot be used
 */
export async function preview(file: IngestFile, settings: Settings, ports: IngestPorts): Promise<Preview> {
  const request = {
    v: 1 as const,
    jobId: JOB_ID,
    feed: settings.feed,
    file,
    triggeredBy: "manual" as const,
    dryRun: true,
  };
  let attempt = 0;
  while (true) {
    const outcome = await runSlice(request, { run: JOB_ID, attempt: ++attempt }, settings, ports);
    if (outcome.kind === "finished" && outcome.status !== "failed") break;
    if (outcome.kind !== "again") throw await failure(settings, ports);
    await ports.clock.sleep(outcome.afterMs, ports.signal);
  }
  const manifest = await readManifest(ports.store, manifestKey(settings.s3WorkPrefix, JOB_ID), ports.signal);
  const { mapping, rows, superseded, batchSize, batches, dialect, encoding, heldBecause } = manifest;
  return {
    file: { key: file.key, size: file.size, sha256: manifest.sha256 },
    encoding,
    dialect,
    mapping: { name: mapping.name, version: mapping.version },
    header: columnsOf(mapping, manifest.header),
    rows,
    rejects: await rejectsOf(ports),
    superseded,
    batches: { total: batches.length, size: batchSize },
    payloads: await firstPayloads(ports, manifest),
    ...(heldBecause ? { heldBecause } : {}),
  };
}

function columnsOf(mapping: MappingFile, header: readonly string[]): PreviewColumn[] {
  const { columns } = resolveHeader(mapping, header);
  return header.map((cell, i) => {
    const column = columns[i] ?? null;
    return { header: cell, column, fields: column === null ? [] : fieldsOf(mapping.fields, column, "") };
  });
}

function fieldsOf(fields: MappingFile["fields"], column: string, within: string): string[] {
  return Object.entries(fields).flatMap(([name, { source, fields: nested }]) => [
    ...(source === column ? [within + name] : []),
    ...(nested ? fieldsOf(nested, column, `${within}${name}.`) : []),
  ]);
}

/** Counted from the report, so that any number of them takes little memory; the most frequent reason first. */
async function rejectsOf(ports: IngestPorts): Promise<PreviewRejects[]> {
  const byCode = new Map<string, { rows: number; examples: RejectedRow[] }>();
  const report = (await readRun(ports.kv, JOB_ID))?.reports?.rejectsJsonl;
  if (report === undefined) return [];
  for await (const line of readLines(ports.store, report, ports.signal)) {
    const { outcome: _outcome, ...row } = JSON.parse(line) as RejectedRow & { outcome: string };
    const same = byCode.get(row.code) ?? { rows: 0, examples: [] };
    same.rows++;
    if (same.examples.length < SHOWN) same.examples.push(row);
    byCode.set(row.code, same);
  }
  return [...byCode].map(([code, same]) => ({ code, ...same })).sort((a, b) => b.rows - a.rows);
}

async function firstPayloads(ports: IngestPorts, manifest: Manifest): Promise<Record<string, unknown>[]> {
  const first = manifest.batches[0];
  if (!first) return [];
  const range = { start: first[0], end: first[0] + first[1] };
  const bytes = await readRange(ports.store, manifest.source, range, ports.signal);
  const rows = await new BatchReader(manifest, ports).rows(first, bytes);
  return rows.slice(0, SHOWN).map(({ entity }) => entity);
}

/** Why the inspection did not come to its end, in the job's own words. */
async function failure(settings: Settings, ports: IngestPorts): Promise<ConnectorError> {
  const job = await ingestState(ports, settings).tracker.getJob(JOB_ID);
  return new ConnectorError(job?.error ?? "The file could not be inspected", {
    code: "preview-failed",
    retry: "never",
  });
}
