import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { CsvReader, RFC_4180 } from "../../lib/csv/mod.ts";
import { brief, bytesOf, read } from "./_reading.ts";

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

Deno.test("records carry their physical lines, byte offsets and lengths, terminators included", () => {
  const items = read('ä,1\r\n"x\ny",2\n\n\rz,3');
  assert.deepEqual(items, [
    { kind: "record", line: 1, endLine: 1, offset: 0, length: 6, cells: ["ä", "1"] },
    { kind: "record", line: 2, endLine: 3, offset: 6, length: 8, cells: ["x\ny", "2"] },
    { kind: "record", line: 6, endLine: 6, offset: 16, length: 3, cells: ["z", "3"] },
  ]);
});

Deno.test("lines end with LF, CRLF, CR, all mixed, or with the file", () => {
  for (const text of ["a,1\nb,2\n", "a,1\r\nb,2\r\n", "a,1\rb,2\r", "a,1\r\nb,2", "a,1\rb,2\n"]) {
    assert.deepEqual(brief(read(text)), [[1, ["a", "1"]], [2, ["b", "2"]]], JSON.stringify(text));
  }
});

Deno.test("blank lines are no records, and lines of white space are none beside other columns", () => {
  assert.deepEqual(brief(read("\n\na,1\n   \n\t\n\nb,2\n\n", { expectedColumns: 2 })), [
    [3, ["a", "1"]],
    [7, ["b", "2"]],
  ]);
  assert.deepEqual(brief(read("a\n  \n", { expectedColumns: 1 })), [[1, ["a"]], [2, ["  "]]]);
  assert.deepEqual(brief(read('""\n', { expectedColumns: 1 })), [[1, [""]]]);
  assert.deepEqual(brief(read(",,\n", { expectedColumns: 3 })), [[1, ["", "", ""]]]);
});

/** Damage in a table of four columns: what is rejected, where the line before and the line after are good. */
const DAMAGE: readonly (readonly [name: string, bad: string, rejected: readonly unknown[][]])[] = [
  ["a short row", "x,1", [[2, "csv-short-row", 3, "x,1"]]],
  ["a long row", "x,1,2,3,4", [[2, "csv-long-row", 5, "x,1,2,3,4"]]],
  ["a trailing delimiter", "x,1,2,3,", [[2, "csv-long-row", 5, "x,1,2,3,"]]],
  ["a comment line", "# exported, 2026", [[2, "csv-short-row", 3, "# exported, 2026"]]],
  ["a stray quote in a cell", 'x,1,5" pipe,3', [[2, "csv-quote", 3, 'x,1,5" pipe,3']]],
  ["a stray quote at a cell's end", 'x,1,2,5"', [[2, "csv-quote", 4, 'x,1,2,5"']]],
  ["text after a closing quote", 'x,1,"5" pipe,3', [[2, "csv-quote", 3, 'x,1,"5" pipe,3']]],
  ["a space before a quote", 'x,1, "5",3', [[2, "csv-quote", 3, 'x,1, "5",3']]],
  ["an unclosed quote", 'x,1,"two,3', [[2, "csv-quote", 3, 'x,1,"two,3']]],
  ["an unclosed quote in the first cell", '"x,1,2,3', [[2, "csv-quote", 1, '"x,1,2,3']]],
  ["a lone quote as the last cell", 'x,1,2,"', [[2, "csv-quote", 4, 'x,1,2,"']]],
  ["a NUL", "x,\0,2,3", [[2, "csv-nul", 2, "x,\0,2,3"]]],
  ["a NUL in a quoted cell", 'x,1,"a\0",3', [[2, "csv-nul", 3, 'x,1,"a\0",3']]],
  ["bytes that are not UTF-8", "x,caf\xe9,2,3", [[2, "csv-encoding", 2, "x,caf\\xE9,2,3"]]],
  ["such bytes in a quoted cell", 'x,"caf\xe9,",2,3', [[2, "csv-encoding", 2, 'x,"caf\\xE9,",2,3']]],
  ["an overlong form of a slash", "x,\xc0\xaf,2,3", [[2, "csv-encoding", 2, "x,\\xC0\\xAF,2,3"]]],
  ["a surrogate in UTF-8", "x,\xed\xa0\x80,2,3", [[2, "csv-encoding", 2, "x,\\xED\\xA0\\x80,2,3"]]],
];

for (const [name, bad, rejected] of DAMAGE) {
  Deno.test(`the row with ${name} is rejected, and the next good line is a good row`, () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const content = latin1(["a,1,2,3", bad, "b,1,2,3", "c,4,5,6"].join(end) + end);
      for (const size of [content.length, 1, 3]) {
        assert.deepEqual(brief(read(content, { expectedColumns: 4 }, [size])), [
          [1, ["a", "1", "2", "3"]],
          ...rejected,
          [3, ["b", "1", "2", "3"]],
          [4, ["c", "4", "5", "6"]],
        ]);
      }
    }
  });
}

/** Two quotes that do not belong together, with good rows between them. */
const RUN_ON: readonly (readonly [name: string, first: string, last: string])[] = [
  ["a quoted cell", 'x,1,2,"un', 'y,1,2,"ok"'],
  ["a cell in the middle of the line", 'x,"un,2,3', 'y,"ok",2,3'],
  ["an empty quoted cell and the end", 'x,1,2,"un', 'y,1,2,""'],
  ["a quoted delimiter", 'x,1,2,"un', 'y,1,",",3'],
  ["another unclosed quote", 'x,1,2,"un', 'y,1,2,"'],
  ["an inch mark at the end of a line", 'x,1,2,"un', 'y,1,2,5"'],
  ["an unclosed quote of the first cell", '"x,1,2,3', 'y,1,2,3"'],
];

for (const [name, first, last] of RUN_ON) {
  Deno.test(`an unclosed quote swallows no row before ${name}`, () => {
    const rows = Array.from({ length: 50 }, (_, i) => [`r${i}`, "1", "2", "3"]);
    const text = [first, ...rows.map((row) => row.join(",")), last, "z,9,9,9"].join("\n");
    const items = read(text, { expectedColumns: 4 });
    assert.equal(items[0]?.kind, "damage");
    assert.deepEqual([items[0]?.line, items[0]?.endLine], [1, 1]);
    assert.deepEqual(brief(items.slice(1, 51)), rows.map((row, i) => [i + 2, row]));
    assert.deepEqual(brief(items.slice(-1)), [[53, ["z", "9", "9", "9"]]]);
  });
}

Deno.test("quoted cells over several lines are legitimate, even with delimiters in them", () => {
  const cell = 'first, second\r\n\r\nthird ""quoted"", fourth\rfifth';
  const text = `a,1,2,"${cell}"\nb,1,"${cell}",3\n"${cell}",1,2,3\n"${cell}","${cell}",2,3\n`;
  const unquoted = cell.replaceAll('""', '"');
  assert.deepEqual(brief(read(text, { expectedColumns: 4 })), [
    [1, ["a", "1", "2", unquoted]],
    [5, ["b", "1", unquoted, "3"]],
    [9, [unquoted, "1", "2", "3"]],
    [13, [unquoted, unquoted, "2", "3"]],
  ]);
});

Deno.test("a ragged record over several lines is one damage when nothing in it looks like a row", () => {
  const [damage, good, ...more] = read('a,1,"x\ny"\nb,1,2,3\n', { expectedColumns: 4 });
  assert.deepEqual(brief([damage!]), [[1, "csv-short-row", 4, 'a,1,"x\ny"']]);
  assert.deepEqual([damage?.endLine, damage?.length], [2, 10]);
  assert.deepEqual(brief([good!]), [[3, ["b", "1", "2", "3"]]]);
  assert.deepEqual(more, []);
});

Deno.test("an escape character other than the quote escapes the quote and itself, and nothing else", () => {
  const dialect = { ...RFC_4180, escape: "\\" };
  assert.deepEqual(brief(read('"5\\" \\\\ pipe",1\n"C:\\new",2\nC:\\new,3\n', { dialect })), [
    [1, ['5" \\ pipe', "1"]],
    [2, "csv-escape", 1, '"C:\\new",2'],
    [3, ["C:\\new", "3"]],
  ]);
});

Deno.test("a line above the size limit is rejected wherever chunks end, and the next line is read", () => {
  const long = "x".repeat(100);
  for (const quote of ["", '"']) {
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = `a,1${end}${quote}${long},2${end}b,2`;
      const whole = read(text, { maxRecordBytes: 64 });
      assert.equal(whole[1]?.kind === "damage" && whole[1].code, "csv-record-too-long");
      assert.equal(whole[1]?.length, quote.length + 102 + end.length);
      assert.deepEqual(brief(whole.slice(2)), [[3, ["b", "2"]]]);
      for (const size of [1, 2, 7, 64, 65, 66, 103]) {
        assert.deepEqual(read(text, { maxRecordBytes: 64 }, [size]), whole, `chunks of ${size}`);
      }
    }
  }
});

Deno.test("a quoted cell that runs on beyond the size limit costs its first line", () => {
  const rows = Array.from({ length: 100 }, (_, i) => `r${i},1`);
  const text = `"open,1\n${rows.join("\n")}\n`;
  for (const size of [text.length, 1, 10, 100]) {
    const items = read(text, { expectedColumns: 2, maxRecordBytes: 64 }, [size]);
    assert.deepEqual([items[0]?.kind, items[0]?.line, items[0]?.endLine], ["damage", 1, 1]);
    assert.deepEqual(
      items.slice(1).map(({ kind, line }) => [kind, line]),
      rows.map((_, i) => ["record", i + 2]),
    );
  }
});

Deno.test("an unclosed quote far from any other costs its line, in time that grows with the file only", () => {
  const row = "r,1,2,3\n";
  const rows = Math.ceil(3 * 1024 * 1024 / row.length);
  const text = `x,1,2,"open\n${row.repeat(rows)}x,1,2,"open\n${row.repeat(rows)}`;
  const items = read(text, { expectedColumns: 4 }, [4096]);
  assert.equal(items.length, 2 * rows + 2);
  assert.deepEqual(items.filter(({ kind }) => kind === "damage").map(({ line }) => line), [1, rows + 2]);
});

Deno.test("the raw text of records can be had until the next push", () => {
  const reader = new CsvReader({ dialect: RFC_4180 });
  assert.deepEqual(reader.push(bytesOf('a,"ü')), []);
  const items = reader.push(bytesOf('\nx"\r\nb,2\nc'));
  assert.deepEqual(items.map((item) => reader.rawText(item)), ['a,"ü\nx"', "b,2"]);
  assert.equal(reader.rawText(reader.end()[0]!), "c");
  assert.throws(() => reader.rawText(items[0]!), RangeError);
});

Deno.test("a dialect that makes no sense is refused", () => {
  for (
    const part of [{ delimiter: ";;" }, { delimiter: "\n" }, { quote: "“" }, { delimiter: '"' }, {
      quote: "",
    }]
  ) {
    assert.throws(() => new CsvReader({ dialect: { ...RFC_4180, ...part } }), ConfigError);
  }
});
