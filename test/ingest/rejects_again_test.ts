/** What rejects.csv is for: correct it, put it where files arrive, and the rows are in. */
import assert from "node:assert/strict";
import { csvLine } from "../../lib/report/mod.ts";
import { csvOf, World } from "./world.ts";

/** SKUs a spreadsheet would run, or that look as if they had been kept from it already. */
const SKUS = [
  "=1+1",
  "-5",
  "+SUM(A1)",
  "-2+3",
  "@home",
  "'=1+1",
  "''-x",
  "'plain",
  "＝A",
  "=a,b",
  '="x"',
  "MÜLL",
];

const skusOf = (world: World) =>
  new Map([...world.fluent.stock()].map(([key, qty]) => [key.replace(/^LOC-1\|/, ""), qty]));

Deno.test("a corrected rejects.csv gives the SKUs of the file, whatever they begin with", async () => {
  const world = new World();
  const bad = SKUS.map((sku) => csvLine([sku, "LOC-1", "N/A"]).trim());
  const { summary } = await world.ingest("stock.csv", csvOf(300, bad));
  assert.equal(summary.rows.rejected, SKUS.length);
  const csv = await world.text(summary.reports.rejectsCsv!);
  for (const line of csv.split("\r\n").slice(1)) assert.doesNotMatch(line, /^"?[=@＝]|^"?[+-](?!\d+,)/);
  const again = await world.ingest("corrected.csv", csv.replaceAll(",N/A,", ",12,"));
  assert.equal(again.job.status, "completed");
  assert.equal(again.summary.rows.confirmed, SKUS.length);
  for (const sku of SKUS) assert.equal(skusOf(world).get(sku), 12, sku);
  assert.equal(world.fluent.stock().size, 300 + SKUS.length, "and no others");
});

Deno.test("rejects.jsonl and the summary have the rows exactly as they stood in the file", async () => {
  const world = new World();
  const bad = [
    ...SKUS.map((sku) => csvLine([sku, "LOC-1", "N/A"]).trim()),
    '\uFEFF=1," LOC-1",N/A',
    '"=1\r\n2",L,x',
  ];
  const { summary } = await world.ingest("stock.csv", csvOf(300, bad));
  const raws = (await world.text(summary.reports.rejectsJsonl!)).trim().split("\n").map((line) =>
    JSON.parse(line).raw
  );
  assert.deepEqual(raws, bad);
  assert.deepEqual(summary.rejects.map(({ raw }) => raw), bad);
});

Deno.test("rows Fluent refused are in rejects.csv, too, and go through when they come again", async () => {
  const world = new World();
  world.fluent.unknownSkus.add("=A");
  world.fluent.unknownSkus.add("B");
  const { summary } = await world.ingest("stock.csv", csvOf(100, ["=A,LOC-1,7", "\uFEFFB,LOC-1,8"]));
  const jsonl = (await world.text(summary.reports.rejectsJsonl!)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(jsonl.map(({ outcome, raw }) => [outcome, raw]), [["failed", "=A,LOC-1,7"], [
    "failed",
    "\uFEFFB,LOC-1,8",
  ]]);
  world.fluent.unknownSkus.clear();
  const csv = await world.text(summary.reports.rejectsCsv!);
  assert.match(csv, /\r\n'=A,LOC-1,7,102,failed,fluent-404,/);
  const again = await world.ingest("again.csv", csv);
  assert.deepEqual([again.job.status, again.summary.rows.confirmed], ["completed", 2]);
  assert.deepEqual([skusOf(world).get("=A"), world.fluent.stock().size], [7, 102]);
});

Deno.test("a report is in its file's dialect, and read right where another encoding is declared", async () => {
  const world = new World();
  Object.assign(world.variables, { csvEncoding: "windows-1252", csvDelimiter: ";", rejectLimit: "90%" });
  const file = "sku;location;qty\nMÜLL;LOC-1;1\nGRÜN;LOC-1;N/A\n=Ä;LOC-1;N/A\n";
  const { summary } = await world.ingest("stock.csv", Uint8Array.from(file, (char) => char.charCodeAt(0)));
  const csv = (await world.text(summary.reports.rejectsCsv!)).replaceAll(";N/A;", ";3;");
  const again = await world.ingest("corrected.csv", csv);
  assert.equal(again.job.status, "completed");
  assert.deepEqual([...skusOf(world)].sort(), [["GRÜN", 3], ["MÜLL", 1], ["=Ä", 3]].sort());
});

Deno.test("what is still wrong is reported again, and right the next time", async () => {
  const world = new World();
  world.variables["rejectLimit"] = "100%";
  const first = await world.ingest("stock.csv", csvOf(1, ["=A,LOC-1,N/A", "=B,LOC-1"]));
  const half = await world.text(first.summary.reports.rejectsCsv!);
  const second = await world.ingest("second.csv", half);
  assert.equal(second.summary.rows.rejected, 2, "a row that was not corrected is no better than before");
  const third = await world.text(second.summary.reports.rejectsCsv!);
  assert.equal(third.split("\r\n")[0], "\uFEFFsku,location,qty,_line,_outcome,_code,_reason");
  const corrected = third.replace("N/A", "4").split("\r\n").filter((line) => !line.includes("=B")).join(
    "\r\n",
  );
  assert.equal((await world.ingest("third.csv", corrected)).job.status, "completed");
  assert.equal(skusOf(world).get("=A"), 4);
});
