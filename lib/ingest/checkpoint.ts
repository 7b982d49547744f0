import { Buffer } from "node:buffer";
import { z } from "zod";
import { ConnectorError, giveBack } from "../base/mod.ts";
import { inspectedFileSchema } from "./inspected_file.ts";
import { resolvedPartSchema } from "./resolved_values.ts";
import type { TallyPart } from "./row_tally.ts";
import type { Work } from "./work.ts";

const count = z.number().int().nonnegative();
const uint32 = z.number().int().min(0).max(2 ** 32 - 1);

/** Where an inspection stands: what isn't a growing list. */
const checkpointSchema = z.object({
  v: z.literal(1),
  file: inspectedFileSchema,
  /** The first record that has not been read. */
  position: z.object({ line: count, offset: count }),
  /** Of the file's own bytes: going on, or done. */
  hash: z.union([z.object({ state: z.string(), bytes: count }), z.string()]),
  rejects: z.object({ parts: count, count }),
  /** Values of resolvers that answer later. */
  resolved: z.array(resolvedPartSchema).default([]),
  tally: z.object({
    read: count,
    accepted: count,
    seed: z.tuple([uint32, uint32]),
    reserved: count,
    firstSegment: count,
  }),
  /** The objects of the checkpoints before, in order; each has what came after the one before it. */
  before: z.array(z.string()),
  /** Bytes of each block that follows. */
  blocks: z.tuple([count, count, count]),
});
type CheckpointHead = z.output<typeof checkpointSchema>;

/** Where an inspection stands, whole. */
export interface Checkpoint extends Omit<CheckpointHead, "v" | "tally" | "blocks" | "before"> {
  /** Read one by one as they are taken up: together they may be as large as all the keys of the file. */
  readonly parts: AsyncIterable<TallyPart>;
  /** The objects it is kept in. */
  readonly objects: readonly string[];
}

/** First bytes of each object, so that nothing else is taken for one. */
const MAGIC = Buffer.from("FICP");

/** Where a job keeps how far its inspection has come. */
export function checkpointPrefix(workPrefix: string, jobId: string): string {
  return `${workPrefix}${jobId}/inspect/`;
}

/**
 * Writes one object with everything that has come since the last checkpoint, so that the work is linear in the file.
 *
 * @param before the objects of the checkpoints before
 * @returns its key
 */
export async function writeCheckpoint(
  work: Work,
  state: Omit<Checkpoint, "parts" | "objects">,
  part: TallyPart,
  before: readonly string[],
): Promise<string> {
  const { ports, settings, request } = work;
  const head: CheckpointHead = {
    v: 1,
    ...state,
    tally: { ...part.state, seed: [...part.state.seed] },
    before: [...before],
    blocks: [part.blocks[0].length, part.blocks[1].length, part.blocks[2].length],
  };
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  // The random part keeps two runs that don't know of each other from mixing their lists.
  const unique = Math.floor(ports.random() * 2 ** 32).toString(16).padStart(8, "0");
  const number = String(before.length + 1).padStart(5, "0");
  const key = `${checkpointPrefix(settings.s3WorkPrefix, request.jobId)}${number}-${unique}`;
  await ports.store.uploadFile(key, Buffer.concat([MAGIC, length, json, ...part.blocks]), work.signal);
  return key;
}

/**
 * The parts throw as well.
 *
 * @throws ConnectorError `checkpoint-unreadable`; S3Error when it cannot be fetched
 */
export async function readCheckpoint(work: Work, key: string): Promise<Checkpoint> {
  const last = await readObject(work, key);
  const { v: _v, tally: _tally, blocks: _blocks, before, ...state } = last.head;
  return { ...state, parts: partsOf(work, before, last.part), objects: [...before, key] };
}

async function* partsOf(
  work: Work,
  before: readonly string[],
  last: TallyPart,
): AsyncGenerator<TallyPart, void, void> {
  for (const earlier of before) yield (await readObject(work, earlier)).part;
  yield last;
}

async function readObject(work: Work, key: string): Promise<{ head: CheckpointHead; part: TallyPart }> {
  const { body } = await work.ports.store.openFile(key, work.signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  for (const chunk of chunks) giveBack(chunk);
  const unreadable = (why: string) =>
    new ConnectorError(`Cannot read the checkpoint '${key}': ${why}`, {
      code: "checkpoint-unreadable",
      retry: "never",
    });
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw unreadable("it is something else");
  const start = 8 + bytes.readUInt32LE(4);
  const result = checkpointSchema.safeParse(JSON.parse(bytes.toString("utf8", 8, start)));
  if (!result.success) throw unreadable(result.error.issues[0]?.message ?? "unknown");
  const head = result.data;
  const [keys, segments, superseded] = head.blocks;
  if (bytes.length !== start + keys + segments + superseded) throw unreadable("it has another length");
  const block = (from: number, length: number): Uint8Array => bytes.subarray(from, from + length);
  return {
    head,
    part: {
      state: head.tally,
      blocks: [
        block(start, keys),
        block(start + keys, segments),
        block(start + keys + segments, superseded),
      ],
    },
  };
}
