/**
 * What mappers of this kind have been seen to do wrong, one test each: none of it may happen here.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../lib/base/mod.ts";
import {
  type FieldConfig,
  loadMapping,
  type MapperOptions,
  readMappingFile,
  UniversalMapper,
} from "../../lib/mapping/mod.ts";

type Fields = Record<string, FieldConfig>;
const map = (fields: Fields, record: Record<string, unknown>, options?: MapperOptions) =>
  new UniversalMapper({ fields }, options).map(record);
const qty: Fields = { qty: { source: "qty", resolver: "sdk.parseInt", required: true } };
const codes = ({ errors }: { errors: readonly { field: string; code: string }[] }) =>
  errors.map(({ field, code }) => `${field} ${code}`);

Deno.test("garbage does not become 0, nor a part of it a number", async () => {
  for (const text of ["N/A", "1,234", "1e3", "12abc", "abc", "0x10", "12.9", "１２"]) {
    const result = await map(qty, { qty: text });
    assert.deepEqual([result.success, result.data, codes(result)], [false, {}, ["qty not-a-whole-number"]]);
  }
});

Deno.test("a retailer that is no number is not retailer 0", async () => {
  const mapping = await readMappingFile("inventory");
  const mapper = new UniversalMapper(mapping, { context: { retailerId: "my-retailer" } });
  const wanted = /'retailerId' from '\$context.retailerId': expected a whole number, found 'my-retailer'/;
  assert.throws(
    () => mapper.compileRow(["sku", "location", "qty"]),
    (e) => e instanceof ConfigError && wanted.test(e.message),
  );
  const { success, data, errors } = await mapper.map({ sku: "A", location: "L", qty: "1" });
  assert.deepEqual([success, "retailerId" in data], [false, false]);
  assert.match(errors[0]!.message, wanted);
});

Deno.test("no target and no JSON file pollutes a prototype", () => {
  const target = '{"__proto__.polluted": {"value": "yes"}}';
  assert.throws(() => new UniversalMapper({ fields: JSON.parse(target) as Fields }), ConfigError);
  const key = '{"__proto__": {"fields": {"polluted2": {"value": "evil"}}}}';
  assert.throws(() => new UniversalMapper({ fields: JSON.parse(key) as Fields }), ConfigError);
  for (const fields of [target, key]) {
    assert.throws(() => loadMapping(`{"fields": ${fields}}`, "t"), ConfigError);
  }
  const bare = {} as Record<string, unknown>;
  assert.deepEqual([bare["polluted"], bare["polluted2"]], [undefined, undefined]);
});

Deno.test("a target with an inherited name is a property of the entity's own", async () => {
  const fields: Fields = {
    "toString.x": { value: 1 },
    "valueOf.call.y": { value: 2 },
    hasOwnProperty: { value: 3 },
  };
  const wanted = { toString: { x: 1 }, valueOf: { call: { y: 2 } }, hasOwnProperty: 3 };
  const { data } = await map(fields, {});
  assert.equal(JSON.stringify(data), JSON.stringify(wanted));
  const row = new UniversalMapper({ fields }).compileRow([]).map([]);
  assert.equal(row.ok && JSON.stringify(row.entity), JSON.stringify(wanted));
  assert.deepEqual(["x" in Object.prototype.toString, "y" in Object.prototype.valueOf.call], [false, false]);
});

Deno.test("no source reaches a prototype, and nothing inherited is a resolver", async () => {
  const sources = ["__proto__", "constructor", "toString"];
  const fields = Object.fromEntries(sources.map((source) => [`from ${source}`, { source }]));
  for (const record of [{}, Object.create({ toString: "text", constructor: 5 })]) {
    assert.deepEqual(await map(fields, record), { success: true, data: {}, errors: [] });
  }
  const mapper = new UniversalMapper({ fields: {} });
  for (const name of ["toString", "constructor", "__proto__", "sdk.toString.call"]) {
    assert.equal(mapper.hasResolver(name), false);
    assert.throws(() => new UniversalMapper({ fields: { a: { source: "a", resolver: name } } }), ConfigError);
  }
});

Deno.test("blanks do not pass for a required value", async () => {
  for (const blank of ["", "   ", "\t", "\u00a0"]) {
    const result = await map({ a: { source: "a", resolver: "sdk.trim", required: true } }, { a: blank });
    assert.deepEqual([result.data, codes(result)], [{}, ["a value-missing"]]);
  }
});

Deno.test("an optional field whose resolver is unknown or fails is not dropped in silence", async () => {
  const field: Fields = { a: { source: "a", resolver: "custom.fails" } };
  await assert.rejects(() => map(field, { a: "x" }), ConfigError);
  assert.throws(
    () => new UniversalMapper({ fields: { a: { source: "a", resolver: "sdk.nope" } } }),
    ConfigError,
  );
  for (
    const fails of [() => Promise.reject(new Error("late")), () => {
      throw new Error("at once");
    }]
  ) {
    const result = await map(field, { a: "x" }, { customResolvers: { "custom.fails": fails } });
    assert.deepEqual([result.success, codes(result)], [false, ["a resolver-failed"]]);
  }
});

Deno.test("empty cells are not sent", async () => {
  const mapper = new UniversalMapper(await readMappingFile("inventory"), { context: { retailerId: 1 } });
  const columns = [
    "sku",
    "location",
    "qty",
    "expected_on",
    "condition",
    "note",
    "storage_area",
    "type",
    "status",
  ];
  for (const blank of ["", "  "]) {
    const mapped = mapper.compileRow(columns).map(["A", "L", "1", ...Array<string>(6).fill(blank)]);
    assert.deepEqual(mapped.ok && mapped.entity, {
      locationRef: "L",
      skuRef: "A",
      qty: 1,
      retailerId: 1,
      type: "LAST_ON_HAND",
      status: "ACTIVE",
    });
  }
});

Deno.test("a date that cannot be read is not passed on as text, and one that can be read two ways is not guessed", async () => {
  for (const resolver of ["sdk.formatDate", "sdk.formatDateShort", "sdk.parseDate"]) {
    for (const text of ["25/01/2025", "20250125", "2025-13-45", "soon", "01/02/2025"]) {
      const result = await map({ on: { source: "on", resolver } }, { on: text });
      assert.deepEqual([result.data, codes(result)], [{}, ["on not-a-date"]]);
    }
    const zoneless = await map({ on: { source: "on", resolver } }, { on: "2025-01-25 10:00" });
    assert.deepEqual(codes(zoneless), ["on date-without-zone"]);
  }
});

Deno.test("dates do not depend on the machine's time zone", async () => {
  const script = `
    import { UniversalMapper } from ${JSON.stringify(import.meta.resolve("../../lib/mapping/mod.ts"))};
    const field = (options) => ({ source: "on", resolver: "sdk.formatDate", ...options && { options } });
    const fields = { iso: field(), zone: field({ zone: "Europe/Berlin" }), form: field({ format: "DD/MM/YYYY" }) };
    const mapper = new UniversalMapper({ fields });
    const out = [];
    for (const on of ["2025-01-25", "2025-01-25 10:00", "2025-06-01T10:00:00+02:00", "01/02/2025"]) {
      const { data, errors } = await mapper.map({ on });
      out.push([data, errors.map(({ code }) => code)]);
    }
    console.log(new Date(2025, 0, 1).getTimezoneOffset() + " " + JSON.stringify(out));`;
  const runs = await Promise.all(["UTC", "Australia/Sydney", "America/Los_Angeles"].map(async (TZ) => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", fileURLToPath(new URL("../../deno.json", import.meta.url)), script],
      env: { TZ },
    }).output();
    const [offset, ...out] = new TextDecoder().decode(stdout).trim().split(" ");
    assert.ok(out.length > 0, new TextDecoder().decode(stderr));
    return { offset, out: out.join(" ") };
  }));
  assert.equal(new Set(runs.map(({ offset }) => offset)).size, 3, "the machines were in three zones");
  assert.equal(new Set(runs.map(({ out }) => out)).size, 1);
});

Deno.test("a required field with a default says nothing per record", async () => {
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const mapper = new UniversalMapper(
    { fields: { a: { source: "a", required: true, defaultValue: "A" } } },
    { logger: { debug: say, info: say, warn: say, error: say } },
  );
  for (let i = 0; i < 1_000; i++) assert.deepEqual((await mapper.map({})).data, { a: "A" });
  assert.deepEqual(said, []);
});

Deno.test("a mapper cannot be made of nothing", () => {
  for (const nothing of [undefined, null, {}, [], "fields", { fields: undefined }]) {
    assert.throws(() => new UniversalMapper(nothing as unknown as { fields: Fields }), ConfigError);
  }
});

Deno.test("the connector's resolvers cannot be replaced on the way in either", () => {
  const customResolvers = { "sdk.parseInt": () => 0 };
  assert.throws(() => new UniversalMapper({ fields: qty }, { customResolvers }), ConfigError);
  assert.throws(
    () => new UniversalMapper({ fields: qty }).registerResolver("sdk.parseInt", () => 0),
    ConfigError,
  );
});

Deno.test("the context works where it is handed in: to the mapper, and with a record", async () => {
  const fields: Fields = {
    retailerId: { source: "$context.retailerId", resolver: "sdk.parseInt", required: true },
  };
  assert.deepEqual((await map(fields, {}, { context: { retailerId: "5" } })).data, { retailerId: 5 });
  const one = await new UniversalMapper({ fields }).map({}, { context: { retailerId: "6" } });
  assert.deepEqual([one.success, one.data], [true, { retailerId: 6 }]);
});

Deno.test("what is no stock is told before it is sent: not a number, a part of a unit, another entity", async () => {
  for (const no of [NaN, -5.5, 5.5, Infinity]) assert.equal((await map(qty, { qty: no })).success, false);
  assert.deepEqual((await map(qty, { qty: 0 })).data, { qty: 0 });
  assert.deepEqual((await map(qty, { qty: "0" })).data, { qty: 0 });
  const shipped = await readMappingFile("inventory");
  assert.throws(
    () => loadMapping(JSON.stringify({ ...shipped, entityType: "BANANA" }), "t"),
    /at \/entityType: expected 'INVENTORY', found 'BANANA'/,
  );
});

Deno.test("two rows for one SKU at one location are seen to be that", async () => {
  const mapper = new UniversalMapper(await readMappingFile("inventory"), { context: { retailerId: 1 } });
  const { map } = mapper.compileRow(["sku", "location", "qty"]);
  const [one, other] = [map(["A", "L", "1"]), map([" A", "L ", "2"])];
  assert.ok(one.ok && other.ok && one.key === other.key);
});

Deno.test("leading zeros stay, unless a number is asked for", async () => {
  const fields: Fields = {
    sku: { source: "c" },
    trimmed: { source: "c", resolver: "sdk.trim" },
    n: { ...qty["qty"], source: "c" },
  };
  assert.deepEqual((await map(fields, { c: "00123" })).data, { sku: "00123", trimmed: "00123", n: 123 });
});
