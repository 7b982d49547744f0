import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import Papa from "papaparse";
import { ConfigError } from "../../lib/base/mod.ts";
import { CSVParserService } from "../../lib/csv/mod.ts";

interface Case {
  readonly description: string;
  readonly input: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly expected: { readonly data: readonly (readonly string[])[] };
}

/** What a case may configure and still be about RFC 4180: its characters, not the other parser's own conveniences. */
const DIALECT = ["delimiter", "quoteChar", "escapeChar", "newline"];

/** The rows that are read, and the lines that are told as damaged. */
type Found = readonly [rows: readonly (readonly string[])[], damage: readonly (readonly [number, string])[]];

const STRAY =
  "RFC 4180 allows a quote only around a whole cell; anything else is what a quote gone astray looks like, " +
  "and a cell that is put right by guessing is a wrong cell";
const SPACED = "RFC 4180: spaces are part of a cell, so text follows the closing quote; see above";
const BLANK = "a blank line is no row; with one column, an empty cell is written as two quotes";
const ONE_CHARACTER = "a delimiter is one ASCII character, as in RFC 4180";

/** PapaParse's own cases that are not read as they say, what is read instead, and why. */
const DIFFERENT: Readonly<
  Record<string, { readonly why: string; readonly found: Found | "blank lines less" | "refused" }>
> = {
  "Unquoted field with quotes at end of field": { why: STRAY, found: [[], [[1, "csv-quote"]]] },
  "Quoted field with whitespace around quotes": { why: STRAY, found: [[], [[1, "csv-quote"]]] },
  "Misplaced quotes in data, not as opening quotes": { why: STRAY, found: [[], [[1, "csv-quote"]]] },
  "Misplaced quotes in data twice, not as opening quotes": {
    why: STRAY,
    found: [[], [[1, "csv-quote"], [2, "csv-quote"]]],
  },
  "Quoted field has no closing quote": {
    why: "the quote costs its own line; the next one is a good row, not part of the cell",
    found: [[["d", "e", "f"]], [[1, "csv-quote"]]],
  },
  "Quoted field has invalid trailing quote after delimiter with a valid closer": {
    why: STRAY,
    found: [[["d", "e", "f"]], [[1, "csv-quote"]]],
  },
  "Quoted field has invalid trailing quote after delimiter": {
    why: STRAY,
    found: [[["d", "e", "f"]], [[1, "csv-quote"]]],
  },
  "Quoted field has invalid trailing quote before delimiter": {
    why: STRAY,
    found: [[["e", "f", "g"]], [[1, "csv-quote"]]],
  },
  "Quoted field has invalid trailing quote after new line": {
    why: STRAY,
    found: [[], [[1, "csv-quote"], [2, "csv-quote"]]],
  },
  "Quoted fields with spaces between closing quote and next delimiter": {
    why: SPACED,
    found: [[], [[1, "csv-quote"], [2, "csv-quote"]]],
  },
  "Quoted fields with spaces between closing quote and next new line": {
    why: SPACED,
    found: [[["Q", "W", "E", "R"]], [[1, "csv-quote"], [2, "csv-quote"]]],
  },
  "Quoted fields with spaces after closing quote": {
    why: SPACED,
    found: [[], [[1, "csv-quote"], [2, "csv-quote"], [3, "csv-quote"]]],
  },
  "Quoted fields with spaces between closing quote and next delimiter and contains delimiter": {
    why: SPACED,
    found: [[["E", "F", "G", "H"]], [[1, "csv-quote"]]],
  },
  "Quoted fields with spaces between closing quote and newline and contains newline": {
    why: SPACED,
    found: [[["d", "e", "f"]], [[1, "csv-quote"], [2, "csv-quote"]]],
  },
  "Mixed slash n and slash r should choose first as precident": {
    why: "every line may end its own way",
    found: [[["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]], []],
  },
  "Custom escape character not used for escaping": {
    why: "an escape character that escapes nothing is damage, not a character like any other",
    found: [[], [[1, "csv-escape"]]],
  },
  "One column input with empty fields": { why: BLANK, found: "blank lines less" },
  "Blank line at beginning": { why: BLANK, found: "blank lines less" },
  "Blank line in middle": { why: BLANK, found: "blank lines less" },
  "Blank lines at end": { why: BLANK, found: "blank lines less" },
  "Empty lines": { why: BLANK, found: "blank lines less" },
  "Bad delimiter (\\n)": { why: ONE_CHARACTER, found: "refused" },
  "Multi-character delimiter": { why: ONE_CHARACTER, found: "refused" },
  "Multi-character delimiter (length 2) with quoted field": { why: ONE_CHARACTER, found: "refused" },
};

/** The package's test file as data: its cases are plain lists, the rest is for another test runner. */
async function shippedCases(): Promise<Case[]> {
  const code = await readFile(new URL(import.meta.resolve("papaparse/tests/test-cases.js")), "utf8");
  const ignore = Object.assign(() => {}, { skip: () => {} });
  const require = (name: string) => (name === "chai" ? { assert: {} } : Papa);
  const lists = new Function(
    "require",
    "module",
    "describe",
    `${code}; return [CORE_PARSER_TESTS, PARSE_TESTS];`,
  );
  return (lists(require, { exports: {} }, ignore) as Case[][]).flat();
}

/** The others are about comments, previews, objects, number conversion and the like. */
function isAboutRfc4180({ config = {} }: Case): boolean {
  return Object.keys(config).every((key) => DIALECT.includes(key)) &&
    typeof config["delimiter"] !== "function";
}

async function read({ input, config }: Case): Promise<Found> {
  const { delimiter, quoteChar, escapeChar } = config as Record<string, string | undefined> | undefined ?? {};
  const parser = new CSVParserService({
    headers: false,
    // A case without a configuration is about commas; one with an empty delimiter wants it to be found.
    ...(config === undefined || "escapeChar" in config || "newline" in config ? { delimiter: "," } : {}),
    ...(delimiter ? { delimiter } : {}),
    ...(quoteChar ? { quote: quoteChar } : {}),
    ...(escapeChar ? { escape: escapeChar } : {}),
  });
  const { rows, errors } = await parser.parse(input);
  return [rows.map(({ data }) => Object.values(data)), errors.map(({ line, code }) => [line, code])];
}

Deno.test("PapaParse's own cases for RFC 4180 give the same rows, but for the named ones", async () => {
  const cases = (await shippedCases()).filter(isAboutRfc4180);
  assert.ok(cases.length > 85, `${cases.length} cases`);
  const unused = new Set(Object.keys(DIFFERENT));
  for (const shipped of cases) {
    const { description, expected: { data } } = shipped;
    const found = DIFFERENT[description]?.found;
    unused.delete(description);
    if (found === "refused") {
      await assert.rejects(read(shipped), ConfigError, description);
      continue;
    }
    const isBlank = (row: readonly string[]) => row.length === 1 && row[0] === "";
    const wanted = found === undefined
      ? [data, []]
      : found === "blank lines less"
      ? [data.filter((row) => !isBlank(row)), []]
      : found;
    assert.deepEqual(await read(shipped), wanted, description);
  }
  assert.deepEqual([...unused], [], "every difference is one");
});
