import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { zip } from "../csv/_archives.ts";
import { csvOf, World } from "./world.ts";

const encoder = new TextEncoder();

function utf16(text: string): Uint8Array {
  const bytes = Buffer.from("\uFEFF" + text, "utf16le");
  return new Uint8Array(bytes);
}

const text = csvOf(1_000, ["BAD,LOC-1,x"]);
const cases: readonly (readonly [name: string, content: () => Promise<Uint8Array>])[] = [
  ["stock.csv.gz", () => Promise.resolve(new Uint8Array(gzipSync(text)))],
  [
    "members.csv.gz",
    () =>
      Promise.resolve(
        new Uint8Array(Buffer.concat([gzipSync(text.slice(0, 999)), gzipSync(text.slice(999))])),
      ),
  ],
  ["marked.csv.gz", () => Promise.resolve(new Uint8Array(gzipSync("\uFEFF" + text)))],
  ["utf16.csv.gz", () => Promise.resolve(new Uint8Array(gzipSync(utf16(text))))],
  ["stock.csv.zip", () => zip({ "stock.csv": encoder.encode(text) })],
  ["named-wrongly.csv", () => zip({ "stock.csv": encoder.encode(text) })],
];

for (const [name, content] of cases) {
  Deno.test(`${name} is read as what it holds, and archived as it came`, async () => {
    const world = new World();
    const bytes = await content();
    const { job, summary } = await world.ingest(name, bytes);
    assert.equal(job.status, "completed_with_errors");
    assert.deepEqual([summary.rows.read, summary.rows.confirmed, summary.rows.rejected], [1001, 1000, 1]);
    assert.deepEqual(summary.rejects.map(({ line, raw }) => [line, raw]), [[1002, "BAD,LOC-1,x"]]);
    assert.equal(summary.file.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(summary.file.size, bytes.length);
    assert.equal(world.fluent.stock().get("LOC-1|SKU-00999"), 999);
    assert.equal((await world.store.statFile(`inventory/archive/${name}`))?.size, bytes.length);
  });
}

for (
  const [what, code, content] of [
    ["a truncated gzip archive", "archive-truncated", () => gzipSync(text).subarray(0, -9)],
    ["a gzip archive with a wrong checksum", "archive-corrupt", () => {
      const bytes = gzipSync(text);
      bytes[bytes.length - 7]! ^= 1;
      return bytes;
    }],
    ["a bomb", "archive-ratio", () => gzipSync(Buffer.alloc(4 * 1024 * 1024, "a,b,1\n"))],
    ["an archive larger than allowed", "archive-too-large", () => gzipSync(randomCsv(1_500_000))],
    [
      "a zip archive of two files",
      "archive-entries",
      () => zip({ "a.csv": new Uint8Array(), "b.csv": new Uint8Array() }),
    ],
    [
      "a truncated zip archive",
      "archive-truncated",
      async () => (await zip({ "a.csv": encoder.encode(text) })).subarray(0, -40),
    ],
    ["an archive in an archive", "content-gzip", () => gzipSync(gzipSync(text))],
    ["an archive of something else", "content-markup", () => gzipSync("<html></html>")],
    ["an archive of nothing", "file-empty", () => gzipSync("")],
    ["undecodable text in an archive", "encoding-invalid", () => gzipSync(utf16(text).subarray(0, -1))],
  ] as const
) {
  Deno.test(`${what} is held, and none of its rows is trusted`, async () => {
    const world = new World();
    world.variables["maxExpandedMiB"] = 1;
    world.variables["maxExpansionRatio"] = what === "a bomb" ? 50 : 1_000_000;
    if (what === "a bomb") world.variables["maxExpandedMiB"] = 100;
    const bytes = new Uint8Array(await content());
    const { key, job, summary } = await world.ingest("stock.csv.gz", bytes);
    assert.equal(job.status, "held");
    assert.equal(summary.heldBecause?.code, code);
    assert.equal(summary.rows.read, 0);
    assert.equal(summary.file.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.deepEqual(world.fluent.jobs, []);
    assert.deepEqual(await world.keys("inventory/held/"), [key.replace("incoming", "held")]);
  });
}

/** Text that doesn't compress far. */
function randomCsv(bytes: number): string {
  let seed = 1;
  let csv = "sku,location,qty\n";
  while (csv.length < bytes) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    csv += `${seed.toString(36)},LOC-1,${seed % 1000}\n`;
  }
  return csv;
}
