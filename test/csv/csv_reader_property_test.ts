import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "csv-parse/sync";
import { type CsvDialect, type CsvItem, RFC_4180 } from "../../lib/csv/mod.ts";
import { bytesOf, read, write } from "./_reading.ts";

const dialects = fc.constantFrom<CsvDialect>(
  RFC_4180,
  { delimiter: ";", quote: '"', escape: '"' },
  { delimiter: "\t", quote: "'", escape: "'" },
  { delimiter: "|", quote: '"', escape: "\\" },
);
const styles = fc.record({
  ends: fc.array(fc.constantFrom("\n", "\r\n", "\r"), { minLength: 1, maxLength: 3 }),
  quoteAll: fc.boolean(),
  finalEnd: fc.boolean(),
});
const chunkings = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 });
const cells = fc.oneof(
  fc.string({
    unit: fc.constantFrom("a", "ü", "東", "🍣", " ", ",", ";", "|", "\t", '"', "'", "\\", "\n", "\r"),
  }),
  fc.string({ unit: "binary", maxLength: 8 }).filter((cell) => !cell.includes("\0")),
);
const tables = fc.integer({ min: 1, max: 5 }).chain((columns) =>
  fc.array(fc.array(cells, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 8 })
);

/** A cell over several lines, one of which looks like a whole row, is taken for a quote gone astray, by design. */
function looksSwallowed(table: readonly (readonly string[])[], delimiter: string): boolean {
  if (table[0]!.length < 3) return false;
  return table.flat().some((cell) => {
    const lines = cell.split(/\r\n|\r|\n/);
    return lines.length > 1 && lines.some((line) => line.split(delimiter).length > 2);
  });
}

function cellsOf(items: readonly CsvItem[]): unknown[] {
  return items.map((item) => (item.kind === "record" ? item.cells : item));
}

Deno.test("any table, written in any dialect and chunked anywhere, reads back equal", () => {
  fc.assert(
    fc.property(tables, dialects, styles, chunkings, (table, dialect, style, sizes) => {
      fc.pre(!looksSwallowed(table, dialect.delimiter));
      const text = write(table, dialect, style);
      assert.deepEqual(cellsOf(read(text, { dialect, expectedColumns: table[0]!.length }, sizes)), table);
    }),
    { numRuns: 500 },
  );
});

Deno.test("csv-parse reads the same cells from any table", () => {
  fc.assert(
    fc.property(tables, styles, (table, style) => {
      const text = write(table, RFC_4180, { ...style, ends: ["\n"] });
      assert.deepEqual(
        cellsOf(read(text)).filter((cells) => !Array.isArray(cells) || cells.length > 0),
        parse(text, { record_delimiter: "\n", relax_column_count: true, skip_empty_lines: true }),
      );
    }),
    { numRuns: 200 },
  );
});

/** What a damaged or foreign file may be made of. */
const noise = fc.array(
  fc.oneof(
    fc.constantFrom(...'ab,,""\n\r;\\').map((char) => [char.charCodeAt(0)]),
    fc.constantFrom("x,1,2\n", '"q",1,2\n', 'x,"un\n', 'x,1,"a\nb"\r\n').map((text) => [...bytesOf(text)]),
    fc.integer({ min: 0, max: 255 }).map((byte) => [byte]),
    fc.constant([...bytesOf("東")]),
  ),
  { maxLength: 60 },
).map((parts) => Uint8Array.from(parts.flat()));

Deno.test("whatever the bytes, where chunks end changes nothing", () => {
  fc.assert(
    fc.property(
      noise,
      dialects,
      chunkings,
      fc.constantFrom(undefined, 1, 3),
      (bytes, dialect, sizes, columns) => {
        const options = { dialect, expectedColumns: columns };
        assert.deepEqual(read(bytes, options, sizes), read(bytes, options));
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("whatever the bytes, items follow each other and leave out nothing but blank lines", () => {
  fc.assert(
    fc.property(noise, fc.constantFrom(undefined, 1, 3), (bytes, expectedColumns) => {
      let offset = 0;
      let line = 1;
      const blank = (from: number, to: number) =>
        assert.match(new TextDecoder().decode(bytes.subarray(from, to)), /^\s*$/);
      for (const item of read(bytes, { expectedColumns })) {
        assert.ok(item.offset >= offset && item.line >= line && item.endLine >= item.line && item.length > 0);
        blank(offset, item.offset);
        offset = item.offset + item.length;
        line = item.endLine + 1;
        if (item.kind === "record") assert.ok(!item.cells.join("").includes("\0"));
      }
      blank(offset, bytes.length);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a reader started at any item finds the same rest", () => {
  fc.assert(
    fc.property(noise, dialects, fc.constantFrom(undefined, 3), (bytes, dialect, expectedColumns) => {
      const items = read(bytes, { dialect, expectedColumns });
      for (const [i, { line, offset }] of items.entries()) {
        const options = { dialect, expectedColumns, startLine: line, startOffset: offset };
        assert.deepEqual(read(bytes.subarray(offset), options), items.slice(i));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("a range of the file that ends with a record gives the records the whole file gives", () => {
  fc.assert(
    fc.property(noise, (bytes) => {
      const options = { expectedColumns: 3 };
      const items = read(bytes, options);
      const records = items.filter(({ kind }) => kind === "record");
      for (const last of records) {
        const end = last.offset + last.length;
        const range = read(bytes.subarray(0, end), options).filter(({ kind }) => kind === "record");
        assert.deepEqual(range, records.filter(({ offset }) => offset < end));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("damage to one byte of a valid file costs the records it hits, or is reported", () => {
  const row = fc.tuple(
    fc.stringMatching(/^[A-Z]{3}[0-9]{3}$/),
    fc.nat(999).map(String),
    fc.constantFrom("", "plain", "two\nlines", 'an 5" pipe', "a, b", '"', ",", "\n", "x\n"),
    fc.constantFrom("", "end", "last\r\nline", "q,"),
  );
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 8 }),
      styles,
      fc.nat(),
      fc.constantFrom(...'"",\n\rx\0\xff'),
      (table, style, place, damage) => {
        const whole = bytesOf(write(table, RFC_4180, style));
        const at = place % whole.length;
        const hurt = whole.slice();
        hurt[at] = damage.charCodeAt(0);
        const options = { expectedColumns: 4 };
        const before = read(whole, options);
        const after = read(hurt, options);
        const isHit = (item: CsvItem) => at >= item.offset - 1 && at < item.offset + item.length + 1;
        const found = new Set(after.map((item) => JSON.stringify(cellsOf([item]))));
        const lost = before.filter((item) => !isHit(item) && !found.has(JSON.stringify(cellsOf([item]))));
        const isReported = after.some(({ kind }) => kind === "damage");
        assert.ok(lost.length === 0 || isReported, `${lost.length} good rows gone without a word`);
      },
    ),
    { numRuns: 1000 },
  );
});
