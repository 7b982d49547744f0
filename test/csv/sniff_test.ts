import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { sniff } from "../../lib/csv/mod.ts";
import { bytesOf } from "./_reading.ts";

const utf16 = (text: string, bigEndian: boolean) =>
  Uint8Array.from([...text].flatMap((char) => {
    const [low, high] = [char.charCodeAt(0) & 0xff, char.charCodeAt(0) >> 8];
    return bigEndian ? [high, low] : [low, high];
  }));

for (
  const [name, delimiter] of [["commas", ","], ["semicolons", ";"], ["tabs", "\t"], ["pipes", "|"]] as const
) {
  Deno.test(`a file with ${name} is recognised, whatever else is in its cells`, () => {
    const rows = [["sku", "qty", "note"], ["A", '"1,5;2|3\t4"', "b"], ["B", "2", '"x\ny"'], ["C", "1", "no"]];
    const text = rows.map((row) => row.join(delimiter)).join("\r\n");
    for (const end of ["", "\n", "\nD" + delimiter + "1"]) {
      const { dialect, encoding, problem } = sniff(bytesOf(text + end));
      assert.deepEqual([dialect.delimiter, encoding, problem], [delimiter, "utf-8", undefined]);
    }
    assert.equal(sniff(bytesOf(`sku${delimiter}qty`)).dialect.delimiter, delimiter);
  });
}

Deno.test("decimal commas do not make a file of semicolons one of commas", () => {
  assert.equal(sniff(bytesOf("sku;price\nA;1,5\nB;2,5\nC;3,5\n")).dialect.delimiter, ";");
  assert.equal(sniff(bytesOf("sku;size, cm;qty\nA;1,5;3\nB;2,5;4\nC;30;5\n")).dialect.delimiter, ";");
});

Deno.test("a file of one column has commas, and a declared delimiter is not questioned", () => {
  assert.equal(sniff(bytesOf("sku\nA\n")).dialect.delimiter, ",");
  assert.equal(sniff(bytesOf("a,b,c\n1,2,3\n"), { delimiter: ";" }).dialect.delimiter, ";");
  assert.throws(() => sniff(bytesOf("a"), { delimiter: "::" }), ConfigError);
});

Deno.test("byte order marks tell the encoding, even against what is declared", () => {
  const text = "sku;größe\nA;1\n";
  const cases: [Uint8Array, string, number][] = [
    [bytesOf("\uFEFF" + text), "utf-8", 3],
    [utf16("\uFEFF" + text, false), "utf-16le", 2],
    [utf16("\uFEFF" + text, true), "utf-16be", 2],
  ];
  for (const [bytes, encoding, bomBytes] of cases) {
    for (const declared of [{}, { encoding: "windows-1252" }]) {
      const found = sniff(bytes, declared);
      assert.deepEqual(
        [found.encoding, found.bomBytes, found.dialect.delimiter, found.problem],
        [encoding, bomBytes, ";", undefined],
      );
    }
  }
});

Deno.test("a declared encoding goes by its standard name", () => {
  assert.equal(sniff(bytesOf("a,b"), { encoding: "latin1" }).encoding, "windows-1252");
  assert.equal(sniff(utf16("a;b\n", false), { encoding: "UTF-16LE" }).dialect.delimiter, ";");
  assert.equal(sniff(bytesOf("a,b"), { encoding: "utf8" }).encoding, "utf-8");
});

const PROBLEMS: readonly (readonly [name: string, content: string | number[], code: string])[] = [
  ["an HTML page", "\n<!DOCTYPE html><html>", "content-markup"],
  ["an S3 error", '<?xml version="1.0"?><Error>', "content-markup"],
  ["an HTML fragment", "<table><tr>", "content-markup"],
  ["a JSON object", '{"error": "denied"}', "content-json"],
  ["a JSON list", '[ {"sku": 1} ]', "content-json"],
  ["a gzip archive", [0x1f, 0x8b, 8, 0], "content-gzip"],
  ["a workbook", [0x50, 0x4b, 3, 4, 20], "content-zip"],
  ["binary data", [1, 2, 3, 4, 5, 65, 66, 6], "content-binary"],
  ["UTF-16 without a mark", [...utf16("sku,qty\nA,1\n", false)], "encoding-unknown"],
  ["UTF-32", [0xff, 0xfe, 0, 0, 65, 0, 0, 0], "encoding-unknown"],
];
for (const [name, content, code] of PROBLEMS) {
  Deno.test(`${name} is told apart from CSV`, () => {
    const bytes = typeof content === "string" ? bytesOf(content) : Uint8Array.from(content);
    assert.equal(sniff(bytes).problem?.code, code);
  });
}

Deno.test("an unknown encoding is a problem, and so is nothing else about odd but readable files", () => {
  assert.equal(sniff(bytesOf("a,b"), { encoding: "klingon" }).problem?.code, "encoding-unknown");
  for (const text of ["", "\n\n", "a\0,b\n1,2\n1,2\n", "[sku],{qty}\n", "<10,b\n", "caf\u00e9,b"]) {
    assert.equal(sniff(bytesOf(text)).problem, undefined, JSON.stringify(text));
  }
});
