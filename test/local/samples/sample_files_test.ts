import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parse } from "csv-parse/sync";
import {
  correctionsWithBadRows,
  emptyFile,
  fullSnapshot,
  sampleFiles,
} from "../../../local/samples/sample_files.ts";

Deno.test("the samples are the same every time", () => {
  const digests = () => sampleFiles().map(({ text }) => createHash("sha256").update(text).digest("hex"));
  assert.deepEqual(digests(), digests());
  assert.deepEqual(sampleFiles().map(({ name }) => name), [
    "stock-full.csv",
    "stock-corrections.csv",
    "stock-empty.csv",
  ]);
  assert.equal(emptyFile().text, "");
});

Deno.test("the full snapshot has 50,000 positions, and everything that is awkward in real files", () => {
  const { text, stock } = fullSnapshot();
  const rows: string[][] = parse(text, { from_line: 1 });
  assert.equal(rows.length, 50_001);
  assert.ok(rows.every((row) => row.length === 7));
  assert.deepEqual(rows.slice(1).map(([sku, location, qty]) => [location, sku, Number(qty)]), stock);
  assert.equal(new Set(stock.map(([location, sku]) => `${location} ${sku}`)).size, 50_000);
  const notes = new Set(rows.map((row) => row[6]));
  for (const note of ["shelf 3, row 7", '5" pipe', "two\nlines", "windows\r\nline end", "寿司 🍣", "=1+1"]) {
    assert.ok(notes.has(note), note);
  }
  assert.ok(rows[1]![0]!.startsWith("0000"));
});

Deno.test("the corrections have five bad rows, each followed by a good one", () => {
  const { text, stock } = correctionsWithBadRows();
  const lines = text.trimEnd().split("\r\n");
  assert.equal(lines.length, 1 + 205);
  assert.equal(stock.length, 200);
  const bad = lines.flatMap((line, i) => line.startsWith("9") ? [i] : []);
  assert.equal(bad.length, 5);
  for (const i of bad) assert.match(lines[i + 1]!, /^0\d{7},LOC-001,\d+,,,,$/);
});
