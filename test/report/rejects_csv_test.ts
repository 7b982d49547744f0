import assert from "node:assert/strict";
import fc from "fast-check";
import { CsvReader } from "../../lib/csv/mod.ts";
import {
  csvLine,
  isRejectsCsv,
  neutralised,
  REJECTS_COLUMNS,
  rejectsHeader,
  rejectsLine,
  restored,
} from "../../lib/report/mod.ts";

const RFC = { delimiter: ",", quote: '"', escape: '"' };

Deno.test("formula-like cells get an apostrophe, stock figures and plain text stay as they are", () => {
  for (
    const cell of [
      "=1+1",
      "+SUM(A1)",
      "-2+3",
      "@x",
      "\t=1",
      "\r=1",
      "\n=1",
      "＝1",
      "－cmd",
      "'=1",
      "''=1",
      "-",
    ]
  ) {
    assert.equal(neutralised(cell), `'${cell}`);
  }
  for (const cell of ["", "-5", "+5", "-1.5", "00123", "'quoted'", "O'Neill", "a=b", "'", " =1"]) {
    assert.equal(neutralised(cell), cell);
  }
});

Deno.test("what was made harmless is restored exactly, whatever it was", () => {
  const cell = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."'=+-@1.\t\r\n ＝") }),
  );
  fc.assert(
    fc.property(cell, (text) => {
      assert.equal(restored(neutralised(text)), text);
      assert.ok(!/^[=@\t\r\n＝＋－＠]/.test(neutralised(text)));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a line is read back as the cells it was made of, in any dialect", () => {
  const dialects = [
    RFC,
    { ...RFC, delimiter: ";" },
    { ...RFC, delimiter: "\t" },
    { delimiter: ":", quote: "'", escape: "\\" },
  ];
  const cells = fc.array(fc.string({ unit: fc.constantFrom(..."ab,;:|\t\"'\\ é=") }), {
    minLength: 2,
    maxLength: 5,
  });
  fc.assert(
    fc.property(cells, fc.constantFrom(...dialects), (given, dialect) => {
      const reader = new CsvReader({ dialect, expectedColumns: given.length });
      const items = [...reader.push(new TextEncoder().encode(csvLine(given, dialect))), ...reader.end()];
      assert.deepEqual(items.map((item) => item.kind === "record" ? item.cells : item.code), [given]);
    }),
    { numRuns: 1_000 },
  );
  assert.equal(csvLine(["a", "b\nc"]), 'a,"b\nc"\r\n');
});

const row = { line: 7, outcome: "rejected", code: "x", message: "Cannot map 'qty', really" };

Deno.test("a row that cannot be cut stands in the first column, whole", () => {
  assert.equal(
    rejectsLine(["a", "b", "c"], { ...row, cells: undefined, raw: '=1,"x' }, RFC),
    `"'=1,""x",,,7,rejected,x,"Cannot map 'qty', really"\r\n`,
  );
});

Deno.test("a report of a report has its columns once, and its apostrophes once", () => {
  const header = ["=sku", "qty"];
  const first = rejectsHeader(header, RFC);
  assert.equal(first, "'=sku,qty,_line,_outcome,_code,_reason\r\n");
  const again = ["_line", "'=sku", "qty", "_outcome", "_code", "_reason"];
  assert.ok(isRejectsCsv(again));
  assert.equal(rejectsHeader(again, RFC), first);
  const cells = ["3", "'=A", "N/A", "rejected", "old", "old"];
  assert.equal(
    rejectsLine(again, { ...row, cells, raw: "" }, RFC),
    `'=A,N/A,7,rejected,x,"Cannot map 'qty', really"\r\n`,
  );
});

Deno.test("only a header with all of the added columns, once each, is one of a report", () => {
  assert.ok(isRejectsCsv(["sku", ...REJECTS_COLUMNS]));
  assert.ok(!isRejectsCsv(["sku", ...REJECTS_COLUMNS.slice(1)]));
  assert.ok(!isRejectsCsv(["sku", ...REJECTS_COLUMNS, "_line"]));
});
