import assert from "node:assert/strict";
import { ConnectorError } from "../../lib/base/mod.ts";
import { type CSVParserOptions, CSVParserService } from "../../lib/csv/mod.ts";
import { bytesOf } from "./_reading.ts";

// What other CSV parsers of this trade were seen to do, each impossible here.

async function parse(content: string | Uint8Array, options?: CSVParserOptions) {
  const { rows, errors } = await new CSVParserService(options).parse(content);
  return {
    rows: rows.map(({ data }) => ({ ...data })),
    errors: errors.map(({ line, code }) => [line, code]),
  };
}

async function refused(content: string | Uint8Array, code: string): Promise<void> {
  await assert.rejects(
    new CSVParserService().parse(content),
    (error) => error instanceof ConnectorError && error.code === code,
  );
}

for (
  const [what, bad, code] of [
    ["short row", "S", "csv-short-row"],
    ["long row", "S,1,2", "csv-long-row"],
    ["trailing comma", "S,1,", "csv-long-row"],
    ["stray quote", 'S 5" pipe,1', "csv-quote"],
    ["unclosed quote", '"S,1', "csv-quote"],
    ["comment line", "# exported today", "csv-short-row"],
  ] as const
) {
  Deno.test(`one ${what} among 1,000 costs itself: 999 rows, and the line and code of the one`, async () => {
    const good = Array.from({ length: 999 }, (_, i) => `S${i},${i}`);
    const { rows, errors } = await parse(
      ["sku,qty", ...good.slice(0, 500), bad, ...good.slice(500)].join("\n"),
    );
    assert.equal(rows.length, 999);
    assert.deepEqual(rows[500], { sku: "S500", qty: "500" });
    assert.deepEqual(errors, [[502, code]]);
  });
}

Deno.test("two columns of one name are refused, not the first one dropped", async () => {
  await refused("sku,qty,qty\nA,1,2\n", "header-duplicate");
});

Deno.test("a byte order mark is no part of a name: text and bytes, quoted and not", async () => {
  for (const text of ["\uFEFFsku,qty\nA,1\n", '\uFEFF"sku","qty"\nA,1\n']) {
    for (const content of [text, bytesOf(text)]) {
      assert.deepEqual(await parse(content), { rows: [{ sku: "A", qty: "1" }], errors: [] });
    }
  }
});

Deno.test("another delimiter than the comma is found, not read as one column", async () => {
  for (const d of [";", "\t", "|"]) {
    assert.deepEqual((await parse(`sku${d}qty\nA${d}1\n`)).rows, [{ sku: "A", qty: "1" }]);
  }
});

Deno.test("an HTML error page is refused as what it is, not read as an empty file", async () => {
  await refused("<!DOCTYPE html>\n<html><body>403</body></html>\n", "content-markup");
  await refused("<html></html>", "content-markup");
});

Deno.test("a header alone has its columns and no rows, so that nobody takes it for a processed file", async () => {
  const { columns, rows, errors } = await new CSVParserService().parse("sku,qty\n");
  assert.deepEqual([columns, rows, errors], [["sku", "qty"], [], []]);
  const { valid, errors: findings } = await new CSVParserService().validate("sku,qty\n", { minRows: 1 });
  assert.deepEqual([valid, findings.map(({ code }) => code)], [false, ["too-few-rows"]]);
});

Deno.test("a row of nothing but commas is told by validation of its required columns", async () => {
  const { errors } = await new CSVParserService().validate("sku,qty\n,\nA,1\n", {
    requiredColumns: ["sku", "qty"],
  });
  assert.deepEqual(errors.map(({ line, column, code }) => [line, column, code]), [
    [2, "sku", "value-missing"],
    [2, "qty", "value-missing"],
  ]);
});

Deno.test("a column named __proto__ is a column like any other", async () => {
  const { rows } = await new CSVParserService().parse("__proto__,sku\nx,A\n");
  assert.deepEqual(Object.entries(rows[0]!.data), [["__proto__", "x"], ["sku", "A"]]);
});

Deno.test("lines end with CR, CRLF, LF or all of them, and quoted line breaks are kept", async () => {
  const rows = [{ sku: "A", note: "x\r\ny" }, { sku: "B", note: "x\ny" }, { sku: "C", note: "" }];
  assert.deepEqual((await parse('sku,note\rA,"x\r\ny"\r\nB,"x\ny"\nC,""')).rows, rows);
});

Deno.test("without a header the first row is a row", async () => {
  assert.deepEqual((await parse("A,1\nB,2\n", { headers: false })).rows, [{ 0: "A", 1: "1" }, {
    0: "B",
    1: "2",
  }]);
});

Deno.test("a stream gives row by row, each with its place, and damage beside them", async () => {
  const kinds: [string, number][] = [];
  for await (const item of new CSVParserService().streamParse([bytesOf("sku,qty\nA,1\nB\nC,2\n")])) {
    kinds.push([item.kind, item.line]);
  }
  assert.deepEqual(kinds, [["row", 2], ["damage", 3], ["row", 4]]);
});

Deno.test("a stream that breaks half-way fails the reading with its own error, at once", async () => {
  const lost = new Error("socket lost");
  async function* broken() {
    yield await Promise.resolve(bytesOf("sku,qty\n" + "A,1\n".repeat(40_000)));
    throw lost;
  }
  let rows = 0;
  await assert.rejects(async () => {
    for await (const _ of new CSVParserService().streamParse(broken())) rows++;
  }, (error) => error === lost);
  assert.ok(rows > 0, "what came before was given");
});

Deno.test("validation of a header without its required columns fails, rows or no rows", async () => {
  for (const text of ["sku\n", "sku\nA\n"]) {
    const { valid, errors } = await new CSVParserService().validate(text, {
      requiredColumns: ["sku", "qty"],
    });
    assert.deepEqual([valid, errors.map(({ code, column }) => [code, column])], [false, [[
      "column-missing",
      "qty",
    ]]]);
  }
});

Deno.test("validation takes no hexadecimal, exponent or blank required cell for a number, and tells every row", async () => {
  const text = "sku,qty\nA,0x10\nB,1e3\nC,\nD,12abc\nE,7\n";
  const { errors } = await new CSVParserService().validate(text, {
    requiredColumns: ["sku", "qty"],
    columnTypes: { qty: "number" },
  });
  assert.deepEqual(errors.map(({ line, code }) => [line, code]), [
    [2, "type-mismatch"],
    [3, "type-mismatch"],
    [4, "value-missing"],
    [5, "type-mismatch"],
  ]);
});

Deno.test("a stream is read as far as its rows are asked for, so that memory does not grow with it", async () => {
  let pulled = 0;
  async function* endless() {
    yield bytesOf("sku,qty\n");
    for (;; pulled++) yield await Promise.resolve(bytesOf("A,1\n".repeat(1_000)));
  }
  let rows = 0;
  for await (const _ of new CSVParserService().streamParse(endless())) {
    rows++;
    assert.ok(pulled * 1_000 - rows < 50_000, `${pulled} chunks pulled for ${rows} rows`);
    if (rows === 200_000) break;
  }
});
