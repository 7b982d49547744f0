import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { ExpandError, type ExpandLimits, gunzip, unzipOnly } from "../../lib/csv/mod.ts";
import { zip } from "./_archives.ts";
import { bytesOf } from "./_reading.ts";

const LIMITS: ExpandLimits = { maxBytes: 64 * 1024 * 1024, maxRatio: 200 };
const TEXT = "sku,qty\n" + Array.from({ length: 20_000 }, (_, i) => `SKU-${i * 7919},${i}`).join("\n");

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.slice());
  return Buffer.concat(chunks).toString("utf8");
}

async function fails(stream: AsyncIterable<Uint8Array>, code: string, message?: RegExp) {
  await assert.rejects(textOf(stream), (error) => {
    assert.ok(error instanceof ExpandError, String(error));
    assert.equal(error.code, code);
    if (message) assert.match(error.message, message);
    return true;
  });
}

function unzip(bytes: Uint8Array, limits = LIMITS) {
  const read = (start: number, end: number) => Promise.resolve(bytes.slice(start, end));
  return unzipOnly({ size: bytes.length, read }, limits);
}

Deno.test("gzip is expanded wherever chunks end, all members of it", async () => {
  const half = TEXT.length / 2;
  const one = gzipSync(TEXT);
  const two = Buffer.concat([gzipSync(TEXT.slice(0, half)), gzipSync(TEXT.slice(half)), gzipSync("")]);
  for (const bytes of [one, two, Buffer.concat([two, Buffer.alloc(512)])]) {
    for (const size of [bytes.length, 1000, 17]) {
      assert.equal(await textOf(gunzip(pieces(bytes, size), LIMITS)), TEXT);
    }
  }
});

Deno.test("a gzip archive cut anywhere is told, never taken for shorter", async () => {
  const one = gzipSync(TEXT);
  const two = Buffer.concat([one, gzipSync("more,1\n")]);
  const cuts = [
    1,
    9,
    11,
    100,
    Math.floor(one.length / 2),
    one.length - 9,
    one.length - 1,
    one.length + 5,
    two.length - 1,
  ];
  for (const cut of cuts) {
    await fails(gunzip(pieces(two.subarray(0, cut), 1000), LIMITS), "archive-truncated");
  }
});

Deno.test("a damaged gzip archive is told", async () => {
  const bytes = gzipSync(TEXT);
  for (const at of [3, 60, Math.floor(bytes.length / 2), bytes.length - 6, bytes.length - 2]) {
    const hurt = Uint8Array.from(bytes);
    hurt[at]! ^= 0x41;
    const outcome = await textOf(gunzip(pieces(hurt, 1000), LIMITS)).catch((error: unknown) => error);
    assert.ok(outcome instanceof ExpandError, `byte ${at}: ${String(outcome).slice(0, 80)}`);
  }
  await fails(
    gunzip(pieces(Buffer.concat([bytes, bytesOf("trailing rubbish")]), 99), LIMITS),
    "archive-corrupt",
  );
});

Deno.test("what expands too far, in all or for its size, is told while it does", async () => {
  const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
  await fails(gunzip(pieces(bomb, 1000), LIMITS), "archive-ratio", /more than 200 times its size/);
  await fails(gunzip(pieces(gzipSync(TEXT), 1000), { maxBytes: 1000, maxRatio: 200 }), "archive-too-large");
  const zipped = await zip({ "a.csv": "0".repeat(8 * 1024 * 1024) });
  await fails(unzip(zipped), "archive-ratio");
  await fails(unzip(await zip({ "a.csv": TEXT }), { maxBytes: 1000, maxRatio: 200 }), "archive-too-large");
});

Deno.test("small files may expand as far as they like: a ratio says nothing of them", async () => {
  const text = "0".repeat(500_000);
  assert.equal(await textOf(gunzip(pieces(gzipSync(text), 1000), LIMITS)), text);
});

Deno.test("an error of the source comes through as it is", async () => {
  const lost = new Error("connection lost");
  async function* broken() {
    yield gzipSync(TEXT).subarray(0, 5000);
    await Promise.resolve();
    throw lost;
  }
  await assert.rejects(textOf(gunzip(broken(), LIMITS)), (error) => error === lost);
  const bytes = await zip({ "a.csv": TEXT });
  let reads = 0;
  const read = (start: number, end: number) => {
    if (++reads > 1) return Promise.reject(lost);
    return Promise.resolve(bytes.slice(start, end));
  };
  await assert.rejects(textOf(unzipOnly({ size: bytes.length, read }, LIMITS)), (error) => error === lost);
});

Deno.test("who stops early closes the source", async () => {
  let closed = false;
  async function* source() {
    try {
      for (;;) yield await Promise.resolve(gzipSync(TEXT));
    } finally {
      closed = true;
    }
  }
  for await (const _ of gunzip(source(), LIMITS)) break;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(closed);
});

Deno.test("the one file of a zip archive is expanded, whatever folders are around it", async () => {
  assert.equal(await textOf(unzip(await zip({ "stock.csv": TEXT }))), TEXT);
  const mac = await zip({ "out/": "", "out/stock.csv": TEXT, "__MACOSX/out/._stock.csv": "x" });
  assert.equal(await textOf(unzip(mac)), TEXT);
});

Deno.test("a zip archive with no file, several, a workbook or a password is told", async () => {
  await fails(unzip(await zip({})), "archive-entries", /expected one file.*found none/i);
  await fails(
    unzip(await zip({ "a.csv": "a", "b.csv": "b" })),
    "archive-entries",
    /found 'a\.csv', 'b\.csv'/,
  );
  await fails(
    unzip(await zip({ "[Content_Types].xml": "", "xl/a.xml": "" })),
    "archive-entries",
    /Excel workbook/,
  );
  await fails(unzip(await zip({ "a.csv": TEXT }, { password: "secret" })), "archive-encrypted");
});

Deno.test("a cut or damaged zip archive is told", async () => {
  const bytes = await zip({ "a.csv": TEXT });
  for (const cut of [4, 100, Math.floor(bytes.length / 2), bytes.length - 30, bytes.length - 1]) {
    const outcome = await textOf(unzip(bytes.subarray(0, cut))).catch((error: unknown) => error);
    assert.ok(outcome instanceof ExpandError, `cut at ${cut}: ${String(outcome).slice(0, 80)}`);
  }
  for (const at of [200, Math.floor(bytes.length / 2)]) {
    const hurt = bytes.slice();
    hurt[at]! ^= 0x41;
    const outcome = await textOf(unzip(hurt)).catch((error: unknown) => error);
    assert.ok(outcome instanceof ExpandError, `byte ${at}: ${String(outcome).slice(0, 80)}`);
  }
});
