import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import {
  loadMappingTests,
  mappingFileSchema,
  type MappingTests,
  mappingTestsJsonSchema,
  readMappingFile,
  runMappingTests,
} from "../../lib/mapping/mod.ts";

const shipped = new URL("../../mappings/", import.meta.url);

/** The smallest that has every kind of outcome; what an inventory entity needs is not the matter here. */
const mapping = mappingFileSchema.parse({
  name: "t",
  version: "1",
  entityType: "INVENTORY",
  key: ["sku"],
  columns: { sku: { aliases: ["item"] }, qty: {}, note: {} },
  fields: {
    sku: { source: "sku", resolver: "sdk.trim", required: true },
    qty: { source: "qty", resolver: "sdk.parseInt", options: { min: 0 }, required: true },
    "attributes.note": { source: "note" },
  },
});

const run = (...tests: MappingTests["tests"]) => runMappingTests(mapping, { mapping: "t.json", tests });
const GOOD = { name: "good", row: { sku: " A ", qty: "1" }, entity: { sku: "A", qty: 1 } };

Deno.test("the shipped mapping passes its tests, and they cover at least 95 % of it", async () => {
  const text = await readFile(new URL("inventory.test.json", shipped), "utf8");
  const report = await runMappingTests(
    await readMappingFile("inventory"),
    loadMappingTests(text, "inventory.test.json"),
  );
  assert.deepEqual(report.outcomes.filter(({ ok }) => !ok), []);
  assert.ok(report.passed >= 16, "none was dropped");
  assert.ok(report.coverage.percent >= 95, `${report.coverage.percent} %: ${report.coverage.missing}`);
});

Deno.test("the schema editors see is the one files are checked with", async () => {
  const stored = JSON.parse(await readFile(new URL("mapping-test.schema.json", shipped), "utf8"));
  assert.deepEqual(stored, mappingTestsJsonSchema());
});

Deno.test("a test says what was wanted and what came instead", async () => {
  const { passed, failed, outcomes } = await run(
    GOOD,
    { name: "other entity", row: { sku: "A", qty: "1" }, entity: { sku: "A", qty: 2 } },
    { name: "more in it than wanted", row: { sku: "A", qty: "1" }, entity: { sku: "A" } },
    { name: "rejected instead", row: { sku: "A", qty: "x" }, entity: { sku: "A", qty: 1 } },
    {
      name: "mapped instead",
      row: { sku: "A", qty: "1" },
      errors: [{ field: "qty", code: "not-a-whole-number" }],
    },
    {
      name: "one error of two",
      row: { sku: "", qty: "x" },
      errors: [{ field: "sku", code: "value-missing" }],
    },
    {
      name: "other message",
      row: { sku: "A", qty: "x" },
      errors: [{ field: "qty", code: "not-a-whole-number", message: "no" }],
    },
    { name: "held instead", row: { sku: "A" }, entity: { sku: "A" } },
    { name: "read instead", row: { sku: "A", qty: "1" }, held: "header-missing" },
  );
  assert.deepEqual([passed, failed], [1, 8]);
  assert.deepEqual(outcomes.filter(({ ok }) => ok).map(({ name }) => name), ["good"]);
  const why = Object.fromEntries(outcomes.map(({ name, why }) => [name, why]));
  assert.equal(
    why["other entity"],
    'expected the entity {"sku":"A","qty":2}, found the entity {"sku":"A","qty":1}',
  );
  assert.match(why["held instead"]!, /^expected a header that can be read, found header-missing \(/);
  assert.equal(
    why["read instead"],
    "expected a file held with header-missing, found a header that can be read",
  );
});

Deno.test("coverage counts what passing tests have seen, and names what they haven't", async () => {
  const few = (await run(GOOD)).coverage;
  assert.deepEqual(few.fields, { covered: 2, total: 3 });
  assert.deepEqual(few.resolvers, { covered: 2, total: 2 });
  assert.deepEqual(few.missing, ["sku blank", "qty blank", "qty refused", "attributes.note value"]);
  assert.equal(few.outcomes.total, 7, "sku and note cannot be refused");
  const failing = (await run({ ...GOOD, entity: { sku: "B", qty: 1 } })).coverage;
  assert.equal(failing.fields.covered + failing.outcomes.covered, 0, "a test that fails covers nothing");
  const { coverage: all } = await run(
    { ...GOOD, row: { ...GOOD.row, note: "n" }, entity: { ...GOOD.entity, attributes: { note: "n" } } },
    { ...GOOD, row: { item: "A", qty: "1", note: "" } },
    { name: "refused", row: { sku: "A", qty: "x" }, errors: [{ field: "qty", code: "not-a-whole-number" }] },
    {
      name: "blank",
      row: { sku: "", qty: "" },
      errors: [{ field: "sku", code: "value-missing" }, { field: "qty", code: "value-missing" }],
    },
  );
  assert.deepEqual([all.percent, all.missing], [100, []]);
});

Deno.test("a wrong test file says where", () => {
  const message = (text: string) => {
    try {
      loadMappingTests(text, "x.test.json");
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.match(message("{"), /^Cannot read the mapping tests 'x\.test\.json': expected JSON, found /);
  const wrong = JSON.stringify({ mapping: "m.json", tests: [{ name: "n", row: { qty: 1 } }] });
  assert.match(message(wrong), /at \/tests\/0\/row\/qty: /);
  const two = JSON.stringify({ mapping: "m.json", tests: [{ name: "n", row: {}, entity: {}, held: "x" }] });
  assert.match(message(two), /at \/tests\/0: expected one of entity, errors and held/);
  const odd = JSON.stringify({ mapping: "m.json", tests: [{ name: "n", row: {}, entitty: {} }] });
  assert.match(message(odd), /at \/tests\/0\/entitty: expected one of name, row, .*did you mean 'entity'/);
});
