import assert from "node:assert/strict";
import { ConnectorError } from "../../lib/base/mod.ts";
import { type CSVParserOptions, CSVParserService } from "../../lib/csv/mod.ts";
import { bytesOf } from "./_reading.ts";

async function parse(content: string | Uint8Array, options?: CSVParserOptions) {
  const { columns, rows, errors } = await new CSVParserService(options).parse(content);
  return {
    columns,
    rows: rows.map(({ line, data }) => [line, { ...data }]),
    errors: errors.map(({ line, code }) => [line, code]),
  };
}

async function fails(content: string | Uint8Array, code: string, options?: CSVParserOptions) {
  await assert.rejects(
    new CSVParserService(options).parse(content),
    (error) => error instanceof ConnectorError && error.code === code,
  );
}

Deno.test("a parsed content can be counted and iterated for the cells of its good rows, again and again", async () => {
  const parsed = await new CSVParserService().parse("sku,qty\nA,1\nB\nC,3\n");
  assert.equal(parsed.length, 2);
  for (let i = 0; i < 2; i++) {
    assert.deepEqual([...parsed].map((cells) => ({ ...cells })), [{ sku: "A", qty: "1" }, {
      sku: "C",
      qty: "3",
    }]);
  }
  assert.deepEqual(Object.keys(parsed), ["columns", "rows", "errors"]);
});

Deno.test("rows come by column name with their places, damaged ones as values beside them", async () => {
  const { rows, errors } = await new CSVParserService().parse('sku,qty\nA,1\nB\n"C\nD",3\n');
  assert.deepEqual(rows.map(({ data, ...place }) => [{ ...data }, place]), [
    [{ sku: "A", qty: "1" }, { kind: "row", line: 2, endLine: 2, offset: 8, length: 4, raw: "A,1" }],
    [{ sku: "C\nD", qty: "3" }, { kind: "row", line: 4, endLine: 5, offset: 14, length: 8, raw: '"C\nD",3' }],
  ]);
  assert.deepEqual(errors.map(({ line, code, raw }) => [line, code, raw]), [[3, "csv-short-row", "B"]]);
});

Deno.test("999 good rows survive one bad one", async () => {
  const good = Array.from({ length: 999 }, (_, i) => `S${i},${i}`).join("\n");
  const { rows, errors } = await parse(`sku,qty\n${good}\nshort\n`);
  assert.deepEqual([rows.length, errors], [999, [[1001, "csv-short-row"]]]);
});

Deno.test("a byte order mark is no part of the first column's name, quoted or not", async () => {
  for (const header of ["sku,qty", '"sku","qty"']) {
    for (const content of ["\uFEFF" + header + "\nA,1\n", bytesOf("\uFEFF" + header + "\nA,1\n")]) {
      assert.deepEqual(await parse(content), {
        columns: ["sku", "qty"],
        rows: [[2, { sku: "A", qty: "1" }]],
        errors: [],
      });
    }
  }
});

Deno.test("headers can be given, or left out", async () => {
  assert.deepEqual((await parse("A,1\nB,2\n", { headers: ["s", "q"] })).rows, [
    [1, { s: "A", q: "1" }],
    [2, { s: "B", q: "2" }],
  ]);
  assert.deepEqual((await parse("A,1\nB\n", { headers: false })).rows, [[1, { 0: "A", 1: "1" }], [2, {
    0: "B",
  }]]);
});

Deno.test("delimiter, quote and escape do what they say; without a delimiter it is found", async () => {
  assert.deepEqual((await parse("a;b\n1;2\n")).rows, [[2, { a: "1", b: "2" }]]);
  const options = { delimiter: "|", quote: "'", escape: "\\" };
  assert.deepEqual((await parse("a|b\n'it\\'s | \\\\'|2\n", options)).rows, [[2, {
    a: "it's | \\",
    b: "2",
  }]]);
});

Deno.test("blank lines are skipped, or told when they are not to be", async () => {
  assert.deepEqual(await parse("a\n\n1\n\n"), { columns: ["a"], rows: [[3, { a: "1" }]], errors: [] });
  assert.deepEqual((await parse("a\n\n1\n", { skipEmptyLines: false })).errors, [[2, "csv-short-row"]]);
});

Deno.test("a column named like a part of every object is a column like any other", async () => {
  const { rows } = await new CSVParserService().parse("__proto__,constructor\nx,y\n");
  assert.deepEqual(Object.entries(rows[0]!.data), [["__proto__", "x"], ["constructor", "y"]]);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

Deno.test("other encodings are decoded strictly", async () => {
  const latin1 = Uint8Array.from("a,b\ncafé,1\n", (char) => char.charCodeAt(0));
  assert.deepEqual((await parse(latin1, { encoding: "windows-1252" })).rows, [[2, { a: "café", b: "1" }]]);
  assert.deepEqual((await parse(latin1)).errors, [[2, "csv-encoding"]]);
  const utf16 = Uint8Array.from([0xff, 0xfe, 97, 0, 44, 0, 98, 0, 10, 0, 0x71, 0x67, 44, 0, 49, 0]);
  assert.deepEqual((await parse(utf16)).rows, [[2, { a: "東", b: "1" }]]);
  await fails(utf16.subarray(0, -1), "encoding-invalid");
});

Deno.test("what is no table is refused by its code, and an empty one has no rows", async () => {
  await fails("sku,qty,qty\nA,1,2\n", "header-duplicate");
  await fails('sku,"qty\nA,1\n', "csv-header");
  await fails("<html><body>Access denied</body></html>", "content-markup");
  assert.deepEqual(await parse(""), { columns: [], rows: [], errors: [] });
  assert.deepEqual(await parse("a,b\n"), { columns: ["a", "b"], rows: [], errors: [] });
});

Deno.test("a stream is read chunk by chunk, and its error reaches the reader", async () => {
  const rows = Array.from({ length: 30_000 }, (_, i) => `S${i},"ü${i}"`);
  const bytes = bytesOf(`sku,qty\n${rows.join("\n")}\n`);
  async function* stream(broken: boolean) {
    for (let at = 0; at < bytes.length; at += 1000) {
      yield await Promise.resolve(bytes.subarray(at, at + 1000));
    }
    if (broken) throw new Error("connection lost");
  }
  let last;
  let count = 0;
  for await (const item of new CSVParserService().streamParse(stream(false))) {
    [last, count] = [item, count + 1];
  }
  assert.equal(count, 30_000);
  assert.ok(last?.kind === "row" && last.data["qty"] === "ü29999" && last.raw === 'S29999,"ü29999"');
  await assert.rejects(async () => {
    for await (const _ of new CSVParserService().streamParse(stream(true))) count++;
  }, /connection lost/);
});

Deno.test("validation tells everything that is not as expected", async () => {
  const parser = new CSVParserService();
  const text = "sku,qty,on\nA,1e3,2026-02-30\nB,0x10,2026-01-02\nC,,\nD\nE,-5,2026-01-02T10:00:00Z\n";
  const { valid, errors } = await parser.validate(text, {
    requiredColumns: ["sku", "location"],
    columnTypes: { qty: "integer", on: "date" },
    minRows: 5,
    validators: [
      ({ sku }) => (sku === "B" ? "B is not ours" : undefined),
      async ({ qty }) => await Promise.resolve(qty === "-5" ? "negative" : undefined),
    ],
  });
  assert.equal(valid, false);
  assert.deepEqual(errors.map(({ line, column, code }) => [line ?? 0, column ?? "", code]), [
    [5, "", "csv-short-row"],
    [0, "location", "column-missing"],
    [0, "", "too-few-rows"],
    [2, "qty", "type-mismatch"],
    [2, "on", "type-mismatch"],
    [3, "qty", "type-mismatch"],
    [3, "", "validator"],
    [6, "", "validator"],
  ]);
  assert.deepEqual(
    await parser.validate("sku\n", { requiredColumns: ["sku", "qty"] }).then(({ valid }) => valid),
    false,
  );
  assert.deepEqual(await parser.validate("sku\nA\n", { maxRows: 1 }), { valid: true, errors: [] });
});
