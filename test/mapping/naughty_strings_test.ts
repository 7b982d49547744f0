import assert from "node:assert/strict";
import naughty from "big-list-of-naughty-strings" with { type: "json" };
import { CsvReader } from "../../lib/csv/mod.ts";
import { readMappingFile, UniversalMapper } from "../../lib/mapping/mod.ts";
import { csvLine } from "../../lib/report/mod.ts";

const strings = naughty as readonly string[];
const columns = ["sku", "location", "qty", "note"];

async function shippedRow() {
  const mapper = new UniversalMapper(await readMappingFile("inventory"), { context: { retailerId: 1 } });
  return mapper.compileRow(columns).map;
}

Deno.test("naughty strings survive as SKUs and notes, from bytes to what is sent", async () => {
  const map = await shippedRow();
  assert.ok(strings.length > 400, "the list is there");
  const reader = new CsvReader({
    dialect: { delimiter: ",", quote: '"', escape: '"' },
    expectedColumns: columns.length,
  });
  const bytes = new TextEncoder().encode(strings.map((text) => csvLine([text, "L", "1", text])).join(""));
  const items = [...reader.push(bytes), ...reader.end()];
  assert.equal(items.length, strings.length);
  for (const [i, text] of strings.entries()) {
    const item = items[i]!;
    assert.ok(item.kind === "record", `not read: ${JSON.stringify(text)}`);
    const mapped = map(item.cells);
    const sku = text.trim();
    if (sku === "") {
      assert.deepEqual(mapped.ok ? "sent" : mapped.errors.map(({ code }) => code), ["value-missing"]);
      continue;
    }
    assert.ok(mapped.ok, JSON.stringify(text));
    const sent = JSON.parse(JSON.stringify(mapped.entity));
    assert.deepEqual([sent.skuRef, sent.attributes.note, mapped.key], [sku, text, `1:L${sku}`]);
  }
});

Deno.test("no naughty string is a quantity but plain digits, and none breaks a message", async () => {
  const map = await shippedRow();
  for (const text of strings) {
    const mapped = map(["A", "L", text, ""]);
    if (mapped.ok) {
      assert.match(text.trim(), /^[+-]?\d+$/);
      assert.equal(mapped.entity["qty"], Number(text));
      continue;
    }
    const { message } = mapped.errors[0]!;
    assert.ok(message.length < 250 && message.isWellFormed(), message);
    // deno-lint-ignore no-control-regex -- these are the characters no message may contain
    assert.doesNotMatch(message, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  }
});
