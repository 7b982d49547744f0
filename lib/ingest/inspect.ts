import { messageOf } from "../base/mod.ts";
import { type CsvItem, CsvReader } from "../csv/mod.ts";
import { calculateBatchSize } from "../fluent/mod.ts";
import { S3Error } from "../s3/mod.ts";
import { AUTO_GRAIN } from "./batch_plan.ts";
import { rowMapper } from "./batch_reader.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { FileHash } from "./file_hash.ts";
import { guard, isSnapshot, warningsOf } from "./guards.ts";
import { openFluentJobAhead } from "./fluent_jobs.ts";
import { otherContent } from "./checksum.ts";
import { hashWhole, type NoRows, openInspected } from "./inspect_open.ts";
import { inOrder } from "./in_order.ts";
import { emptyManifest, type InspectedFile } from "./inspected_file.ts";
import type { Manifest, ManifestBatch } from "./manifest.ts";
import { type PartitionPlan, planPartitions } from "./partition_plan.ts";
import { RejectSpool } from "./reject_spool.ts";
import { ResolvedSpool } from "./resolved_values.ts";
import { RowTally } from "./row_tally.ts";
import { openSource } from "./source.ts";
import type { StepOutcome, Work } from "./work.ts";

/** Bytes and rows after which an inspection notes its place, beside each slice's end: about 16 MB of keys at most. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
const CHECKPOINT_ROWS = 1_000_000;

/** Checkpoints a job may lose: beginning anew each time would never end. */
const MAX_LOST = 2;

/** An inspection under way. */
interface Inspection {
  readonly file: InspectedFile;
  readonly tally: RowTally;
  readonly body: AsyncIterable<Uint8Array>;
  /** The first record not read yet. */
  readonly position: { readonly line: number; readonly offset: number };
  readonly hash: FileHash | string;
  /** The objects its checkpoints are kept in. */
  readonly objects: readonly string[];
}

/**
 * Reads the file once, from its first byte to its last, a slice at a time, sends nothing, and writes the manifest: what
 * is in the file, where each batch starts, what is rejected and why, and whether a guard holds it.
 */
export async function inspect(work: Work): Promise<StepOutcome> {
  await work.showProgress({ stage: "inspect", message: "Reading the file" }, true);
  let inspection = await resumed(work);
  if (!inspection) {
    const opened = await openInspected(work);
    if (opened.kind === "more") return { kind: "again", afterMs: 0 };
    if (opened.kind === "no-rows") return await finish(work, await heldManifest(work, opened));
    const { file, body, hash } = opened;
    inspection = { file, tally: tallyOf(work, file), body, position: file.firstRow, hash, objects: [] };
    if (typeof hash === "string") {
      const object = await noteCheckpoint(work, inspection, inspection.position, []);
      inspection = { ...inspection, objects: [object] };
    }
  }
  if ((await readRows(work, inspection)) === "more") return { kind: "again", afterMs: 0 };
  return await finish(work, await manifestOf(work, inspection));
}

/** The rows from where the inspection stands: to the end of the file, or of the slice. */
async function readRows(work: Work, inspection: Inspection): Promise<"all" | "more"> {
  const { file, tally, hash, body } = inspection;
  const reader = new CsvReader({
    dialect: file.dialect,
    expectedColumns: file.columns.length,
    maxRecordBytes: file.maxRecordBytes,
    startLine: inspection.position.line,
    startOffset: inspection.position.offset,
  });
  let objects = inspection.objects;
  let { offset } = inspection.position;
  let noted = { offset, read: tally.read };
  /** True when the slice has come to its end, and its place is noted. */
  const take = async (items: readonly CsvItem[]): Promise<boolean> => {
    for await (const position of takeItems(work, tally, items, reader)) {
      await work.checkClaim();
      work.run.rows.read = tally.read;
      await work.showProgress({ stage: "inspect", message: `Read ${tally.read} rows` });
      const isDue = position.offset - noted.offset >= CHECKPOINT_BYTES ||
        tally.read - noted.read >= CHECKPOINT_ROWS;
      // A slice that has not passed a whole record yet would only repeat itself.
      const mayStop = work.expired && position.offset > inspection.position.offset &&
        position.offset < file.source.size;
      if (!isDue && !mayStop) continue;
      objects = [...objects, await noteCheckpoint(work, inspection, position, objects)];
      if (mayStop) return true;
      noted = { offset: position.offset, read: tally.read };
    }
    return false;
  };
  for await (const chunk of body) {
    if (typeof hash !== "string") hash.update(chunk, offset);
    offset += chunk.length;
    if (await take(reader.push(chunk))) return "more";
  }
  if (await take(reader.end())) return "more";
  await tally.flush();
  return "all";
}

/** Takes items in the file's order, and says after which place one may stop: each time no more of them is under way. */
async function* takeItems(
  work: Work,
  tally: RowTally,
  items: readonly CsvItem[],
  reader: CsvReader,
): AsyncGenerator<Inspection["position"], void, void> {
  const { later } = tally;
  if (!later) {
    for (const item of items) if (tally.take(item, reader)) await tally.flush();
    yield reader.position;
    return;
  }
  let taken = 0;
  const answers = inOrder(
    items,
    work.settings.resolverConcurrency,
    async (item) => item.kind === "damage" ? undefined : { item, row: await later.map(item.cells) },
  );
  for await (const [item, answer] of answers) {
    const isFull = answer ? tally.takeResolved(answer.item, reader, answer.row) : tally.take(item, reader);
    if (isFull) await tally.flush();
    const next = items[++taken];
    yield next ? { line: next.line, offset: next.offset } : reader.position;
  }
}

/** Stores where the inspection stands, so that a slice that dies later goes on from here. */
async function noteCheckpoint(
  work: Work,
  inspection: Inspection,
  position: Inspection["position"],
  before: readonly string[],
): Promise<string> {
  const { file, tally, hash } = inspection;
  await tally.flush();
  await work.checkClaim(true);
  const state = {
    file,
    position,
    hash: typeof hash === "string" ? hash : hash.save(),
    rejects: { parts: tally.rejects.parts, count: tally.rejects.count },
    resolved: [...tally.resolved.parts],
  };
  const key = await writeCheckpoint(work, state, tally.part(position.line), before);
  await work.save({ checkpoint: key });
  return key;
}

/** The inspection an earlier slice has left; undefined when there is none, or none that this version can go on with. */
async function resumed(work: Work): Promise<Inspection | undefined> {
  const { ports, run } = work;
  if (run.checkpoint === undefined) return undefined;
  try {
    const { file: read, position, hash, parts, objects, ...spooled } = await readCheckpoint(
      work,
      run.checkpoint,
    );
    const file = { ...read, source: await work.whereNow(read.source) };
    const tally = tallyOf(work, file, spooled);
    await tally.resume(parts, position.line);
    return {
      file,
      tally,
      body: bytesFrom(work, file.source, position.offset),
      position,
      hash: typeof hash === "string" ? hash : new FileHash(hash),
      objects,
    };
  } catch (error) {
    if (error instanceof S3Error && error.code !== "s3-not-found") throw error;
    const lost = (run.checkpointsLost ?? 0) + 1;
    if (lost > MAX_LOST) throw error;
    // Nothing was sent yet, so reading from the start again costs nothing but time.
    ports.log.warn("checkpoint of an inspection cannot be used", {
      jobId: work.request.jobId,
      error: messageOf(error),
    });
    await work.save({ checkpoint: undefined, checkpointsLost: lost });
    return undefined;
  }
}

async function* bytesFrom(
  work: Work,
  source: Manifest["source"],
  start: number,
): AsyncGenerator<Uint8Array, void, void> {
  if (start >= source.size) return;
  const { store, signal } = work.ports;
  yield* openSource(store, source, { start, end: source.size }, signal);
}

function tallyOf(
  work: Work,
  file: InspectedFile,
  spooled?: Pick<Checkpoint, "rejects" | "resolved">,
): RowTally {
  const { ports, settings } = work;
  const timeout = { ms: settings.resolverTimeoutSeconds * 1_000, clock: ports.clock };
  return new RowTally({
    random: ports.random,
    grain: settings.batchSize || AUTO_GRAIN,
    rejects: new RejectSpool(work, spooled?.rejects),
    resolved: new ResolvedSpool(work, spooled?.resolved),
    mapper: rowMapper(file, ports.customResolvers, timeout),
    columns: file.columns,
    source: { start: file.firstRow.offset, size: file.source.size },
  });
}

async function manifestOf(work: Work, { file, tally, hash }: Inspection): Promise<Manifest> {
  const { settings, request, state } = work;
  const { firstRow: _firstRow, unknownColumns, ...known } = file;
  const rows = {
    read: tally.read,
    sendable: tally.sendable,
    rejected: tally.rejects.count,
    superseded: tally.superseded.size,
  };
  const batchSize = calculateBatchSize(rows.sendable, settings.batchSize || undefined);
  const batches = tally.segments.plan(batchSize).map(
    ({ start, length, line, lastLine, rows: n }): ManifestBatch => {
      const superseded = rows.superseded === 0 ? undefined : tally.superseded.encode(line, lastLine);
      return superseded === undefined ? [start, length, line, n] : [start, length, line, n, superseded];
    },
  );
  const partitions = partitionsOf(work, file.source.size, batches.length);
  const guarded = { file: request.file, header: file.header, unknownColumns, rows };
  const sha256 = typeof hash === "string" ? hash : hash.digest();
  const heldBecause = await otherContent(work, sha256) ??
    guard(guarded, settings, await state.history.get(request.feed));
  return {
    ...emptyManifest(work, file.mapping, file.source),
    ...known,
    sha256,
    rows,
    rejectParts: tally.rejects.parts,
    superseded: tally.firstSuperseded(),
    warnings: [...warningsOf(guarded, settings), ...timeWarning(work)],
    ...(tally.later
      ? { resolved: { fields: [...tally.later.fields], parts: [...tally.resolved.parts] } }
      : {}),
    ...(heldBecause ? { heldBecause } : {}),
    batchSize,
    ...(partitions ? { journalWindow: partitions.window } : {}),
    batches,
  };
}

/** How the file's batches are divided, if several runs are to deliver it and can be started. */
function partitionsOf({ ports, settings }: Work, bytes: number, batches: number): PartitionPlan | undefined {
  return ports.startPartition && planPartitions({ bytes, batches }, settings);
}

/** Said of a file whose name doesn't tell its time, although its feed says how names do. */
function timeWarning({ request: { file, as }, settings: { fileTime } }: Work): string[] {
  if (fileTime === "" || file.time !== undefined || as !== undefined) return [];
  const name = file.key.slice(file.key.lastIndexOf("/") + 1);
  return [
    `The name '${name}' has no time as fileTime ('${fileTime}') says: the file goes by when it arrived`,
  ];
}

async function heldManifest(work: Work, { manifest, problem }: NoRows): Promise<Manifest> {
  const { request, settings } = work;
  const { header, rows } = manifest;
  const sha256 = await hashWhole(work);
  const heldBecause = problem ?? await otherContent(work, sha256) ??
    guard({ file: request.file, header, unknownColumns: [], rows }, settings, { v: 1 });
  return { ...manifest, sha256, ...(heldBecause ? { heldBecause } : {}) };
}

async function finish(work: Work, manifest: Manifest): Promise<StepOutcome> {
  const { ports, request, run } = work;
  await work.checkClaim(true);
  const held = manifest.heldBecause;
  const forced = request.force !== undefined && held?.forcible === true;
  const passes = (!held || forced) && !request.dryRun && manifest.batches.length > 0;
  await Promise.all([
    work.storeManifest(manifest),
    passes ? openFluentJobAhead(work) : undefined,
  ]);
  const { read, sendable, rejected, superseded } = manifest.rows;
  for (const warning of manifest.warnings) {
    ports.log.warn("file inspected with a warning", { jobId: request.jobId, key: request.file.key, warning });
  }
  await work.save({
    sha256: manifest.sha256,
    mapping: { name: manifest.mapping.name, version: manifest.mapping.version },
    rows: { ...run.rows, read, sendable, rejected, superseded, unconfirmed: sendable },
    batches: { total: manifest.batches.length, sent: 0, resent: 0 },
    partitions: manifest.journalWindow === undefined
      ? undefined
      : partitionsOf(work, manifest.source.size, manifest.batches.length),
    checkpoint: undefined,
    normalised: undefined,
    isSnapshot: isSnapshot({ file: request.file, header: manifest.header }, work.settings),
    warnings: manifest.warnings.length > 0 ? manifest.warnings : undefined,
    ...(held && !forced ? { heldBecause: held } : {}),
  });
  await work.showProgress({ stage: "inspect", message: `Read ${read} rows` }, true);
  return { kind: "done" };
}
