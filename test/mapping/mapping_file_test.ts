import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { ConfigError } from "../../lib/base/mod.ts";
import {
  loadMapping,
  mappingFileSchema,
  mappingJsonSchema,
  readMappingFile,
  resolveHeader,
  UniversalMapper,
} from "../../lib/mapping/mod.ts";

const good = {
  name: "t",
  version: "1",
  entityType: "INVENTORY",
  key: ["skuRef"],
  columns: { sku: {}, qty: { aliases: ["quantity"] } },
  fields: {
    locationRef: { value: "L" },
    skuRef: { source: "sku", required: true },
    qty: { source: "qty", resolver: "sdk.parseInt", options: { min: 0 } },
  },
};

/** The good mapping with a change, as text. */
function changed(change: (mapping: typeof good) => unknown): string {
  const copy = structuredClone(good);
  return JSON.stringify(change(copy) ?? copy);
}

/** What is wrong with a file, where it says so, what it should say. */
const WRONG: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["is no JSON", "{", /expected JSON, found /],
  ["is no object", "[]", /at the top: expected an object, found \[\]/],
  [
    "lacks its fields",
    changed(({ fields: _, ...rest }) => rest),
    /at \/fields: expected an object, found nothing/,
  ],
  [
    "has a key nobody knows",
    changed((m) => ({ ...m, colums: {} })),
    /at \/colums: expected one of \$schema, name, .*found 'colums'; did you mean 'columns'\?/,
  ],
  [
    "misspells the key of a field",
    changed((m) => ({ ...m, fields: { ...m.fields, skuRef: { sorce: "sku" } } })),
    /at \/fields\/skuRef\/sorce: .*found 'sorce'; did you mean 'source'\?/,
  ],
  [
    "misspells a resolver",
    changed((m) => void (m.fields.qty.resolver = "sdk.parseInteger")),
    /at \/fields\/qty\/resolver: .*found 'sdk.parseInteger'; did you mean 'sdk.parseInt'\?/,
  ],
  [
    "misspells an option",
    changed((m) => ({ ...m, fields: { ...m.fields, qty: { ...m.fields.qty, options: { minimum: 0 } } } })),
    /at \/fields\/qty\/options\/minimum: expected one of min, max, .*thousands.*, found 'minimum'/,
  ],
  [
    "gives an option of the wrong type",
    changed((m) => ({ ...m, fields: { ...m.fields, qty: { ...m.fields.qty, options: { min: "0" } } } })),
    /at \/fields\/qty\/options\/min: expected a number, found '0'/,
  ],
  [
    "reads a column it doesn't declare",
    changed((m) => void (m.fields.qty.source = "qnty")),
    /at \/fields\/qty\/source: .*found 'qnty'; did you mean 'qty'\?/,
  ],
  [
    "names a key that is no field",
    changed((m) => void (m.key = ["skuRefs"])),
    /at \/key\/0: .*'skuRefs'; did you mean 'skuRef'\?/,
  ],
  [
    "names a key rows can lack",
    changed((m) => void (m.key = ["qty"])),
    /at \/key\/0: expected 'qty' to be required/,
  ],
  [
    "gives two columns one name",
    changed((m) => void (m.columns.qty.aliases = ["SKU"])),
    /at \/columns\/qty: expected 'SKU' to name one column, found it for 'sku' and 'qty'/,
  ],
  [
    "is of another entity",
    changed((m) => void (m.entityType = "BANANA")),
    /at \/entityType: .*expected 'INVENTORY', found 'BANANA'/,
  ],
  [
    "reaches for a prototype by a path",
    changed((m) => ({ ...m, fields: { ...m.fields, "__proto__.polluted": { value: 1 } } })),
    /at \/fields\/__proto__.polluted: .*none of them __proto__/,
  ],
  [
    "reaches for a prototype by a key",
    changed((m) => m).replace('"fields":{', '"fields":{"__proto__":{"value":1},'),
    /at \/fields\/__proto__: this name would reach a prototype/,
  ],
  [
    "sends quantities as text",
    changed((m) => ({ ...m, fields: { ...m.fields, qty: { source: "qty" } } })),
    /at \/fields\/qty\/resolver: expected sdk.parseInt, or a resolver of one's own, as 'qty' is a whole number, found nothing/,
  ],
  [
    "lets quantities have decimals",
    changed((m) => ({ ...m, fields: { ...m.fields, qty: { source: "qty", resolver: "sdk.number" } } })),
    /at \/fields\/qty\/resolver: .*found 'sdk.number'/,
  ],
  [
    "has a default quantity that is text",
    changed((m) => ({ ...m, fields: { ...m.fields, qty: { ...m.fields.qty, defaultValue: "5" } } })),
    /at \/fields\/qty\/defaultValue: expected a whole number, found '5'/,
  ],
  [
    "takes the zeros off SKUs",
    changed((m) => ({
      ...m,
      fields: { ...m.fields, skuRef: { source: "sku", resolver: "sdk.parseInt", required: true } },
    })),
    /at \/fields\/skuRef\/resolver: expected a resolver that gives text, as 'skuRef' is text/,
  ],
  [
    "has no quantity",
    changed(({ fields: { qty, ...fields }, ...m }) => ({ ...m, fields: { ...fields, qyt: qty } })),
    /at \/fields: expected 'qty', without which nothing is an inventory entity, found none; did you mean 'qyt'\?/,
  ],
  [
    "puts an attribute where Fluent drops it",
    changed((m) => ({ ...m, fields: { ...m.fields, expectedOn: { value: "2026-01-31T00:00:00Z" } } })),
    /at \/fields\/expectedOn: Fluent keeps 'expectedOn' in attributes; did you mean 'attributes.expectedOn'\?/,
  ],
  [
    "wants a list of a row",
    changed((m) => ({ ...m, fields: { ...m.fields, tags: { source: "qty", isArray: true } } })),
    /at \/fields\/tags\/isArray: expected one value, as rows have no lists/,
  ],
  [
    "wants an object of a row",
    changed((m) => ({ ...m, fields: { ...m.fields, o: { source: "qty", fields: { a: { value: 1 } } } } })),
    /at \/fields\/o\/source: expected none, as rows hold no objects/,
  ],
  [
    "has a default that is blank",
    changed((m) => ({ ...m, fields: { ...m.fields, note: { source: "qty", defaultValue: "  " } } })),
    /at \/fields\/note\/defaultValue: expected a value, found ' {2}'/,
  ],
  [
    "reads the whole context",
    changed((m) => ({ ...m, fields: { ...m.fields, retailerId: { source: "$context" } } })),
    /at \/fields\/retailerId\/source: expected \$context.NAME, found '\$context'/,
  ],
  [
    "gives a list where text is wanted",
    changed((m) => ({ ...m, fields: { ...m.fields, note: { source: ["qty"] } } })),
    /at \/fields\/note\/source: expected text, found \["qty"\]/,
  ],
  [
    "names no key",
    changed((m) => void (m.key = [])),
    /at \/key: expected at least one, found \[\]/,
  ],
  [
    "names a thousands separator that is none",
    changed((m) => ({
      ...m,
      fields: { ...m.fields, qty: { ...m.fields.qty, options: { thousands: ";" } } },
    })),
    /at \/fields\/qty\/options\/thousands: expected one of ',' '\.' .*found ';'/,
  ],
];

for (const [name, text, message] of WRONG) {
  Deno.test(`a mapping file that ${name} is refused, saying where and what`, () => {
    assert.throws(
      () => loadMapping(text, "maps/t.json"),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /^Cannot read the mapping 'maps\/t.json': /);
        assert.match(error.message, message);
        assert.ok(!error.message.includes("\n"));
        return true;
      },
    );
  });
}

Deno.test("a mapping file survives being stored and read again", () => {
  const mapping = loadMapping("\uFEFF" + JSON.stringify(good), "t");
  assert.deepEqual(mappingFileSchema.parse(JSON.parse(JSON.stringify(mapping))), mapping);
});

Deno.test("the JSON Schema beside the mappings is the one the code checks with", async () => {
  const file = new URL("../../mappings/mapping.schema.json", import.meta.url);
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), JSON.parse(JSON.stringify(mappingJsonSchema())));
});

Deno.test("a mapping that is not there is named in the error", async () => {
  await assert.rejects(
    readMappingFile("inventroy"),
    (error) => error instanceof ConfigError && /'inventroy': there is no such file/.test(error.message),
  );
});

const columns = ["sku", "location", "qty", "status", "condition", "expected_on", "note"];

async function shipped(header = columns) {
  const mapping = await readMappingFile("inventory");
  const found = resolveHeader(mapping, header);
  assert.equal(found.problem, undefined);
  const mapper = new UniversalMapper(mapping, { context: { retailerId: 1 } });
  return mapper.compileRow(found.columns.map((column, i) => column ?? `\0${i}`)).map;
}

Deno.test("the shipped mapping gives the entities Fluent's Inventory Batch API takes", async () => {
  const map = await shipped();
  assert.deepEqual(map([" 00123 ", "LOC-1", " 7", "active", "NEW", "2026-01-25", "=1+1, as it is "]), {
    ok: true,
    key: "5:LOC-100123",
    entity: {
      locationRef: "LOC-1",
      skuRef: "00123",
      qty: 7,
      retailerId: 1,
      type: "LAST_ON_HAND",
      status: "ACTIVE",
      attributes: { condition: "NEW", expectedOn: "2026-01-25T00:00:00Z", note: "=1+1, as it is " },
    },
  });
  const plain = map(["A", "L", "0", "", "", "", ""]);
  assert.deepEqual(plain.ok && plain.entity, {
    locationRef: "L",
    skuRef: "A",
    qty: 0,
    retailerId: 1,
    type: "LAST_ON_HAND",
    status: "ACTIVE",
  });
});

Deno.test("the shipped mapping rejects every quantity that is not one", async () => {
  const map = await shipped();
  for (
    const qty of ["N/A", "", " ", "1,234", "12abc", "1e3", "12.5", "-3", "0x10", "9007199254740993", "qty"]
  ) {
    const mapped = map(["A", "L", qty, "", "", "", ""]);
    assert.deepEqual(mapped.ok ? "sent" : mapped.errors.map(({ field }) => field), ["qty"], qty);
  }
  const hopeless = map(["", " ", "x", "", "", "25/01/2026", ""]);
  assert.equal(hopeless.ok ? 0 : hopeless.errors.length, 4);
});

Deno.test("the shipped mapping knows the columns of other exports, and no deltas", async () => {
  const map = await shipped(["locationRef", "skuRef", "qty", "type", "status", "expectedOn", "batchNumber"]);
  const row = (type: string) => map(["L", "A", "5", type, "", "", "x"]);
  const sent = row("last_on_hand ");
  assert.equal(sent.ok && sent.entity["type"], "LAST_ON_HAND");
  for (const type of ["DELTA", "correction"]) {
    const mapped = row(type);
    assert.equal(mapped.ok ? "sent" : mapped.errors[0]?.code, "not-allowed");
  }
});

Deno.test("the shipped mapping does not work without a retailer", async () => {
  const mapping = await readMappingFile("inventory");
  for (const context of [{}, { retailerId: NaN }, { retailerId: 0 }, { retailerId: "my-retailer" }]) {
    assert.throws(() => new UniversalMapper(mapping, { context }).compileRow(columns), ConfigError);
  }
});
