import assert from "node:assert/strict";
import fc from "fast-check";
import naughty from "big-list-of-naughty-strings" with { type: "json" };
import { csvLine } from "../../lib/report/mod.ts";
import { World } from "./world.ts";

const encoder = new TextEncoder();

/** What anybody may put into a bucket under the name of a CSV file. */
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.array(
    fc.oneof(
      fc.constantFrom(
        "sku,location,qty\n",
        "A,L,1\n",
        "B,L,2\r\n",
        '"C",L,3\r',
        'D,"L,4\n',
        "E,L\n",
        "F,L,x\n",
        ",,\n",
      ),
      fc.constantFrom(
        "sku;location;qty\n",
        "G;L;7\n",
        '"',
        ",",
        "\n",
        "\0",
        "\uFEFF",
        "<html>",
        "\x1f\x8b",
        "PK\x03\x04",
      ),
      fc.string({ unit: "binary", maxLength: 5 }),
    ),
    { maxLength: 30 },
  ).map((parts) => encoder.encode(parts.join(""))),
  fc.array(fc.constantFrom("A,L,1\n", "B,L,2\n", 'C,L,"3"\n', 'x"y,L,1\n', "A,L,9\n"), { maxLength: 40 })
    .map((rows) => encoder.encode("sku,location,qty\n" + rows.join(""))),
);

Deno.test("conservation: whatever bytes come, every row is in one place, and nothing but an outcome comes of it", async () => {
  await fc.assert(
    fc.asyncProperty(anything, fc.constantFrom("5%", "100%"), async (bytes, rejectLimit) => {
      const world = new World();
      world.variables["rejectLimit"] = rejectLimit;
      // The summary's books are checked: read = sendable + rejected + superseded + unchanged, and so on.
      const { job, summary, key } = await world.ingest("stock.csv", bytes);
      assert.ok(
        ["completed", "completed_with_errors", "held"].includes(job.status),
        `${job.status}: ${job.error}`,
      );
      const sent = world.fluent.batches.flatMap(({ entities }) => entities);
      if (job.status === "held") {
        assert.ok(summary.heldBecause?.code);
        assert.deepEqual(sent, []);
        assert.deepEqual(await world.keys("inventory/held/"), [key.replace("incoming", "held")]);
        return;
      }
      assert.equal(sent.length, summary.rows.sendable);
      assert.equal(summary.rejects.length, summary.rows.rejected);
      for (const { body } of world.fluent.batches) assert.ok(!body.includes("\uFFFD") || isWritten(bytes));
    }),
    { numRuns: 300 },
  );
});

/** Whether U+FFFD stands in the bytes themselves. */
function isWritten(bytes: Uint8Array): boolean {
  return bytes.some((byte, i) => byte === 0xef && bytes[i + 1] === 0xbf && bytes[i + 2] === 0xbd);
}

Deno.test("any one byte changed costs the record it hits, or is reported, or holds the file", async () => {
  const row = fc.tuple(
    fc.stringMatching(/^[A-Z]{3}$/),
    fc.constantFrom("L1", '"L,2"', '"L""3"'),
    fc.nat(999),
  );
  const files = fc.uniqueArray(row, { minLength: 2, maxLength: 12, selector: ([sku]) => sku });
  await fc.assert(
    fc.asyncProperty(
      files,
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.nat(),
      fc.nat(255),
      async (rows, end, place, byte) => {
        const lines = ["sku,location,qty", ...rows.map((cells) => cells.join(","))];
        const bytes = encoder.encode(lines.map((line) => line + end).join(""));
        const at = place % bytes.length;
        bytes[at] = byte;
        const world = new World();
        world.variables["rejectLimit"] = "100%";
        const { job, summary } = await world.ingest("stock.csv", bytes);
        if (job.status === "held") return;
        const told = summary.rows.rejected + summary.rows.superseded > 0;
        const stock = world.fluent.stock();
        let offset = lines[0]!.length + end.length;
        for (const [i, [sku, location, qty]] of rows.entries()) {
          const length = lines[i + 1]!.length + end.length;
          const isHit = at >= offset - end.length && at < offset + length;
          offset += length;
          const place = location === "L1" ? "L1" : location === '"L,2"' ? "L,2" : 'L"3';
          const found = stock.get(`${place}|${sku}`);
          if (isHit || found === qty) continue;
          assert.ok(told, `row ${i + 2} is gone or changed without a word: ${found} instead of ${qty}`);
          assert.ok(found === undefined || summary.rows.superseded > 0, "and never with another number");
        }
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("naughty strings survive as SKUs and notes", async () => {
  const world = new World();
  const strings = (naughty as readonly string[]).filter((text) => text.trim() !== "");
  assert.ok(strings.length > 400);
  const rows = strings.map((text, i) => csvLine([text, `LOC-${i}`, String(i), text]));
  world.variables["rejectLimit"] = "100%";
  const { summary } = await world.ingest(
    "stock.csv",
    csvLine(["sku", "location", "qty", "note"]) + rows.join(""),
  );
  assert.deepEqual(summary.rejects.map(({ line, code, raw }) => [line, code, raw]), []);
  const sent = world.fluent.batches.flatMap(({ entities }) => entities) as unknown as {
    skuRef: string;
    qty: number;
    attributes: { note: string };
  }[];
  assert.equal(sent.length, strings.length);
  for (const { skuRef, qty, attributes } of sent) {
    assert.equal(skuRef, strings[qty]!.trim());
    assert.equal(attributes.note.trim(), strings[qty]!.trim());
  }
});
