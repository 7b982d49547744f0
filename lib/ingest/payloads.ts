import { type FluentEntity, type SendBatchRequest, WrittenBatch } from "../fluent/mod.ts";
import type { Range } from "../recovery/mod.ts";
import { BatchReader, type BatchRow, readRange } from "./batch_reader.ts";
import type { Manifest, ManifestBatch } from "./manifest.ts";
import type { IngestPorts, Settings } from "./ports.ts";

/** Bytes of the source fetched at a time: one group is in use while the next is on its way. */
const GROUP_BYTES = 1024 * 1024;

/** One batch as it is in the file. */
export interface Payload {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly rows: readonly BatchRow[];
}

/** A batch that can be sent at once. Its rows are made again when they are asked for, so that they don't wait with it. */
export interface ReadyPayload {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly written: WrittenBatch;
  rows(): Promise<readonly BatchRow[]>;
}

/** What every batch of a file says beside its rows. Fixed in the manifest, so that a re-sent batch has the same bytes. */
export type Envelope = NonNullable<Manifest["envelope"]>;

export function envelopeOf(settings: Settings): Envelope {
  return {
    source: settings.fluentSource,
    event: settings.fluentEvent,
    ...(settings.fluentCatalogueRef === "" ? {} : { catalogueRef: settings.fluentCatalogueRef }),
    ...(settings.fluentConditions === undefined ? {} : { conditions: settings.fluentConditions }),
  };
}

/** The request that sends rows of a file: the same rows always give the same bytes. */
export function requestOf(
  manifest: Manifest,
  settings: Settings,
  rows: readonly BatchRow[],
): SendBatchRequest {
  return {
    action: "UPSERT",
    entityType: manifest.mapping.entityType,
    // Manifests written before envelopes were kept in them were sent with what the settings say.
    ...(manifest.envelope ?? envelopeOf(settings)),
    entities: rows.map((row): FluentEntity => row.entity),
  };
}

/** The rows of a batch that a unit stands for. */
export function rowsIn(rows: readonly BatchRow[], range: Range | undefined): readonly BatchRow[] {
  return range ? rows.slice(range.from, range.from + range.rows) : rows;
}

/** One batch, read by itself. */
export async function readPayload(
  ports: Pick<IngestPorts, "store" | "signal">,
  manifest: Manifest,
  reader: BatchReader,
  index: number,
): Promise<Payload> {
  const batch = manifest.batches[index]!;
  const range = { start: batch[0], end: batch[0] + batch[1] };
  const bytes = await readRange(ports.store, manifest.source, range, ports.signal);
  return { index, bytes, rows: await reader.rows(batch, bytes) };
}

/** The pending batches in order: their bytes fetched in large ranges, one range ahead, their rows mapped again and written. */
export async function* makePayloads(
  ports: Pick<IngestPorts, "store" | "signal" | "customResolvers">,
  manifest: Manifest,
  settings: Settings,
  pending: readonly number[],
): AsyncGenerator<ReadyPayload, void, void> {
  const reader = new BatchReader(manifest, ports);
  const abort = new AbortController();
  const signal = ports.signal ? AbortSignal.any([abort.signal, ports.signal]) : abort.signal;
  const fetchGroup = (group: Group) => readRange(ports.store, manifest.source, group, signal);
  const groups = groupBatches(manifest.batches, pending);
  let ahead: Promise<Uint8Array> | undefined = groups[0] && fetchGroup(groups[0]);
  try {
    for (const [i, group] of groups.entries()) {
      const bytes: Uint8Array = await ahead!;
      const next = groups[i + 1];
      ahead = next && fetchGroup(next);
      // Until it is awaited, a failure of the fetch ahead must not count as unhandled; awaiting it throws it.
      ahead?.catch(() => undefined);
      for (const index of group.indexes) {
        const batch = manifest.batches[index]!;
        const from = batch[0] - group.start;
        const own = bytes.subarray(from, from + batch[1]);
        const rows = () => reader.rows(batch, own);
        const written = new WrittenBatch(requestOf(manifest, settings, await rows()));
        yield { index, bytes: own, rows, written };
      }
    }
  } finally {
    abort.abort();
  }
}

interface Group {
  readonly start: number;
  readonly end: number;
  readonly indexes: number[];
}

/** Puts neighbouring batches together into ranges of about `GROUP_BYTES`. */
function groupBatches(batches: readonly ManifestBatch[], pending: readonly number[]): Group[] {
  const groups: Group[] = [];
  for (const index of pending) {
    const [start, length] = batches[index]!;
    const open = groups.at(-1);
    if (open && start + length - open.start <= GROUP_BYTES) {
      open.indexes.push(index);
      groups[groups.length - 1] = { ...open, end: start + length };
    } else {
      groups.push({ start, end: start + length, indexes: [index] });
    }
  }
  return groups;
}
