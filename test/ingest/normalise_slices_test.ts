import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { manifestKey, readManifest } from "../../lib/ingest/mod.ts";
import { Undecodable, utf8Pieces } from "../../lib/ingest/_utf8_pieces.ts";
import { zip } from "../csv/_archives.ts";
import { World } from "./world.ts";

const ROWS = 36_000;
/** About 36 MiB, so that its copy takes three parts; two where the runtime expands in large pieces, as Deno 2.3.7 does. */
const TEXT = largeText();

function largeText(): string {
  const note = "lorem ipsum dolor sit amet ".repeat(37);
  const lines = ["sku,location,qty,note"];
  for (let i = 0; i < ROWS; i++) lines.push(`SKU-${i},LOC-1,${i % 997},${i} ${note}`);
  return lines.join("\r\n") + "\r\n";
}

function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from("\uFEFF" + text, "utf16le"));
}

/** A world in which a slice's time is up once a part of a work copy is written. */
function slowWorld(): World & { opened: { key: string; start: number }[] } {
  const world = Object.assign(new World(), { opened: [] as { key: string; start: number }[] });
  world.variables["maxExpansionRatio"] = 100_000;
  const { uploadFile, openFile } = world.store;
  world.store.uploadFile = async (key, ...rest) => {
    const written = await uploadFile.call(world.store, key, ...rest);
    if (key.includes("/source/")) world.clock.advance(25_000);
    return written;
  };
  world.store.openFile = (key, options = {}) => {
    if (key.includes("incoming/")) world.opened.push({ key, start: options.range?.start ?? 0 });
    return openFile.call(world.store, key, options);
  };
  return world;
}

/** Puts a file and takes it, slice by slice, until its inspection has a checkpoint or is done. */
async function normaliseIn(world: World, name: string, content: Uint8Array, before = (_slice: number) => {}) {
  await world.put(name, content);
  await world.discover();
  const run = world.started[0]!;
  for (let slices = 1;; slices++) {
    assert.ok(slices < 100, "it never ends");
    before(slices);
    await world.slice(run);
    const record = [...world.memory.entries].find(([key]) => key.includes("/runs/"))?.[1] ?? "{}";
    const { step, checkpoint } = JSON.parse(record) as { step?: string; checkpoint?: string };
    if (checkpoint !== undefined || (step !== undefined && step !== "inspect")) return slices;
  }
}

async function outcome(world: World) {
  await world.settle();
  const [job] = await world.jobs();
  const manifest = await readManifest(world.store, manifestKey(world.settings.s3WorkPrefix, job!.jobId));
  const stock = world.fluent.stock();
  return { status: job!.status, manifest, size: stock.size, last: stock.get(`LOC-1|SKU-${ROWS - 1}`) };
}

for (
  const [name, content] of [
    ["stock.csv.gz", () => gzipSync(TEXT, { level: 1 })],
    ["stock.csv.zip", () => zip({ "stock.csv": TEXT })],
    ["stock.csv", () => utf16(TEXT)],
  ] as const
) {
  Deno.test(`${name} that takes several slices to be made readable ends as if it had taken one`, async () => {
    const bytes = new Uint8Array(await content());
    const world = slowWorld();
    const slices = await normaliseIn(world, name, bytes);
    assert.ok(slices >= 2, `${slices} slices`);
    const { status, manifest, size, last } = await outcome(world);
    assert.deepEqual([status, size, last], ["completed", ROWS, (ROWS - 1) % 997]);
    assert.deepEqual(manifest.rows, { read: ROWS, sendable: ROWS, rejected: 0, superseded: 0 });
    const { parts = [] } = manifest.source;
    assert.ok(parts.length >= 2, `${parts.length} parts`);
    assert.equal(manifest.source.size, TEXT.length, "every byte once");
    const texts = await Promise.all(parts.map(({ key }) => world.text(key)));
    assert.ok(texts.join("") === TEXT);
    const whole = new World();
    whole.variables["maxExpansionRatio"] = 100_000;
    await whole.put(name, bytes);
    await whole.discover();
    assert.equal((await outcome(whole)).manifest.sha256, manifest.sha256);
  });
}

Deno.test("a file in another encoding is read on from where its copy ends", async () => {
  const world = slowWorld();
  await normaliseIn(world, "stock.csv", utf16(TEXT));
  const starts = world.opened.map(({ start }) => start).filter((start) => start > 0);
  assert.equal(starts.length, 2);
  assert.ok(starts.every((start, i) => start % 2 === 0 && start > 30_000_000 * (i + 1)), String(starts));
});

Deno.test("a job is not taken for standing still while its copy grows", async () => {
  const world = slowWorld();
  const marks: unknown[] = [];
  await normaliseIn(world, "stock.csv", utf16(TEXT), () => {
    const record = [...world.memory.entries].find(([key]) => key.includes("/runs/"))?.[1] ?? "{}";
    marks.push((JSON.parse(record) as { idle?: { slices: number } }).idle?.slices ?? 0);
  });
  assert.deepEqual([marks.length >= 3, new Set(marks.slice(1))], [true, new Set([0])]);
});

Deno.test("a slice killed while it writes a part goes on after the last part that was written", async () => {
  const world = slowWorld();
  const { memory } = world;
  let before = new Map(memory.entries);
  const slices = await normaliseIn(world, "stock.csv.gz", gzipSync(TEXT, { level: 1 }), (slice) => {
    // All that the second slice has noted is lost, and its part is not.
    if (slice === 2) before = new Map(memory.entries);
    if (slice !== 3) return;
    memory.entries.clear();
    for (const [key, value] of before) memory.entries.set(key, value);
    world.clock.advance(120_000);
  });
  assert.ok(slices >= 4, `${slices} slices`);
  const { status, size, manifest } = await outcome(world);
  assert.deepEqual([status, size, manifest.source.size], ["completed", ROWS, TEXT.length]);
});

Deno.test("an archive that proves damaged only in its last slice is held, whatever was written before", async () => {
  const bytes = Uint8Array.from(gzipSync(TEXT, { level: 1 }));
  bytes[bytes.length - 7]! ^= 1;
  const world = slowWorld();
  assert.ok(await normaliseIn(world, "stock.csv.gz", bytes) >= 2);
  await world.settle();
  const [job] = await world.jobs();
  assert.equal(job?.status, "held");
  assert.equal((job?.details["heldBecause"] as { code: string }).code, "archive-corrupt");
  assert.deepEqual(world.fluent.jobs, []);
});

/** Its bytes cut into chunks of these sizes, again and again. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

async function piecesOf(bytes: Uint8Array, sizes: readonly number[], encoding: string, from = 0) {
  const pieces: { utf8: Uint8Array; end?: number }[] = [];
  for await (const piece of utf8Pieces(cut(bytes.subarray(from), sizes), encoding, from, new Undecodable())) {
    pieces.push(piece);
  }
  return pieces;
}

const textOf = (pieces: readonly { utf8: Uint8Array }[]) =>
  // Buffer's own decoding takes a byte order mark away under Deno 2.3.7.
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(pieces.map(({ utf8 }) => utf8)));

Deno.test("wherever re-encoding may go on, the rest is the same", async () => {
  const cells = fc.string({
    unit: fc.constantFrom("a", "é", "東", "😀", "\uFEFF", "\u0a0a", "\u0d00", "\n", "\r\n", "\r"),
  });
  const latin = fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r") });
  const encoded = fc.oneof(
    cells.map((text) => ({
      encoding: "utf-16le",
      text,
      bytes: new Uint8Array(Buffer.from("\uFEFF" + text, "utf16le")),
    })),
    cells.map((text) => ({
      encoding: "utf-16be",
      text,
      bytes: new Uint8Array(Buffer.from("\uFEFF" + text, "utf16le").swap16()),
    })),
    cells.map((text) => ({ encoding: "utf-8", text, bytes: new Uint8Array(Buffer.from(text)) })),
    latin.map((text) => ({
      encoding: "windows-1252",
      text,
      bytes: new Uint8Array(Buffer.from(text, "latin1")),
    })),
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(encoded, sizes, sizes, async ({ encoding, text, bytes }, first, second) => {
      const pieces = await piecesOf(bytes, first, encoding);
      assert.equal(textOf(pieces), text);
      for (const [i, { end }] of pieces.entries()) {
        if (end === undefined) continue;
        const rest = await piecesOf(bytes, second, encoding, end);
        assert.equal(textOf([...pieces.slice(0, i + 1), ...rest]), text);
      }
    }),
  );
});

Deno.test("Shift_JIS goes on behind a line, ISO-2022-JP nowhere but at its end", async () => {
  // "表,1\n" twice; 0x5C is the second byte of 表.
  const shiftJis = Uint8Array.from([0x95, 0x5c, 0x2c, 0x31, 10, 0x95, 0x5c, 0x2c, 0x31, 10]);
  for (const sizes of [[1], [3], [10]]) {
    const pieces = await piecesOf(shiftJis, sizes, "shift_jis");
    assert.equal(textOf(pieces), "表,1\n表,1\n");
    for (const { end } of pieces) assert.ok(end === undefined || [5, 10].includes(end), String(end));
  }
  const jis = Uint8Array.from([0x1b, 0x24, 0x42, 0x49, 0x3d, 0x1b, 0x28, 0x42, 10, 0x41, 10]);
  const pieces = await piecesOf(jis, [9, 2], "iso-2022-jp");
  assert.equal(textOf(pieces), "表\nA\n");
  assert.deepEqual(pieces.map(({ end }) => end).filter((end) => end !== undefined), [11]);
});
