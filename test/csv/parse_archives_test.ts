import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { ConnectorError } from "../../lib/base/mod.ts";
import { readSettings } from "../../lib/config/mod.ts";
import { type CSVParserOptions, CSVParserService, type CsvRow, EXPAND_LIMITS } from "../../lib/csv/mod.ts";
import { zip } from "./_archives.ts";

const ROWS = 5_000;
const TEXT = "sku,qty\n" + Array.from({ length: ROWS }, (_, i) => `SKU-${i * 7919},${i}\n`).join("");

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

/** The last row that comes out, however it is read, and how many. */
async function read(bytes: Uint8Array, way: string, options?: CSVParserOptions) {
  const service = new CSVParserService(options);
  const rows: CsvRow[] = way === "parse" ? [...(await service.parse(bytes)).rows] : [];
  if (way !== "parse") {
    for await (const item of service.streamParse(pieces(bytes, Number(way)))) {
      if (item.kind === "row") rows.push(item);
    }
  }
  const { data, ...place } = rows.at(-1)!;
  return { count: rows.length, last: { ...data }, ...place };
}

async function fails(bytes: Uint8Array, code: string, options?: CSVParserOptions) {
  for (const way of ["parse", "1000"]) {
    await assert.rejects(read(bytes, way, options), (error) => {
      assert.ok(error instanceof ConnectorError, String(error));
      assert.equal(error.code, code);
      return true;
    });
  }
}

function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from("\uFEFF" + text, "utf16le"));
}

for (
  const [what, content] of [
    ["gzip", () => gzipSync(TEXT)],
    [
      "gzip of several members",
      () => Buffer.concat([gzipSync(TEXT.slice(0, 999)), gzipSync(TEXT.slice(999)), gzipSync("")]),
    ],
    ["a zip archive of one file", () => zip({ "out/": "", "out/stock.csv": TEXT })],
  ] as const
) {
  Deno.test(`${what} is read as what is in it, whole or as a stream`, async () => {
    const bytes = new Uint8Array(await content());
    for (const way of ["parse", "1000", "65536", "10000000"]) {
      assert.deepEqual(await read(bytes, way), {
        count: ROWS,
        last: { sku: `SKU-${(ROWS - 1) * 7919}`, qty: String(ROWS - 1) },
        kind: "row",
        line: ROWS + 1,
        endLine: ROWS + 1,
        offset: TEXT.length - `SKU-${(ROWS - 1) * 7919},${ROWS - 1}\n`.length,
        length: `SKU-${(ROWS - 1) * 7919},${ROWS - 1}\n`.length,
        raw: `SKU-${(ROWS - 1) * 7919},${ROWS - 1}`,
      });
    }
  });
}

Deno.test("encodings and byte order marks count inside an archive", async () => {
  for (const text of [gzipSync("\uFEFFsku,qty\nÄ,1\n"), gzipSync(utf16("sku,qty\nÄ,1\n"))]) {
    const { columns, rows } = await new CSVParserService().parse(text);
    assert.deepEqual([columns, rows.map(({ data }) => data["sku"])], [["sku", "qty"], ["Ä"]]);
  }
});

Deno.test("an archive that is cut, damaged, or of several files fails as it does in the pipeline", async () => {
  const gzip = gzipSync(TEXT);
  await fails(gzip.subarray(0, -9), "archive-truncated");
  await fails(gzip.subarray(0, gzip.length / 2), "archive-truncated");
  const hurt = Uint8Array.from(gzip);
  hurt[hurt.length - 7]! ^= 1;
  await fails(hurt, "archive-corrupt");
  const zipped = await zip({ "a.csv": TEXT });
  await fails(zipped.subarray(0, -40), "archive-truncated");
  await fails(await zip({ "a.csv": TEXT, "b.csv": TEXT }), "archive-entries");
  await fails(await zip({ "a.csv": TEXT }, { password: "secret" }), "archive-encrypted");
});

Deno.test("an archive expands as far as allowed, and by default as far as a file may", async () => {
  await fails(gzipSync(TEXT), "archive-too-large", { expandLimits: { maxBytes: 1000, maxRatio: 200 } });
  await fails(gzipSync(Buffer.alloc(2 * 1024 * 1024, "a,b,1\n")), "archive-ratio");
  await fails(await zip({ "a.csv": "a,b,1\n".repeat(300_000) }), "archive-ratio");
  const variables: Record<string, unknown> = { s3BucketName: "b", fluentRetailerId: 1 };
  const { maxExpandedMiB, maxExpansionRatio } = readSettings((name) => variables[name]);
  assert.deepEqual(EXPAND_LIMITS, { maxBytes: maxExpandedMiB * 1024 * 1024, maxRatio: maxExpansionRatio });
});

Deno.test("what is in an archive has to be CSV, which is said only of archives that are whole", async () => {
  await fails(gzipSync(gzipSync(TEXT)), "content-gzip");
  await fails(await zip({ "a.csv": "<html></html>" }), "content-markup");
  // Long enough that its head comes out before the end is missed.
  const page = gzipSync("<html>" + TEXT);
  await fails(page, "content-markup");
  await fails(page.subarray(0, -9), "archive-truncated");
});

Deno.test("text that looks like an archive is text", async () => {
  await assert.rejects(
    new CSVParserService().parse("PK\u0003\u0004"),
    (error) => error instanceof ConnectorError && error.code === "content-zip",
  );
});

Deno.test("who stops reading an archive early closes the stream it came in", async () => {
  let closed = false;
  async function* stream() {
    try {
      for (;;) yield* pieces(gzipSync(TEXT), 1000);
    } finally {
      closed = true;
    }
  }
  for await (const item of new CSVParserService().streamParse(stream())) {
    assert.equal(item.line, 2);
    break;
  }
  assert.ok(closed);
});
