import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import {
  type FieldConfig,
  type MapperOptions,
  type Mapping,
  UniversalMapper,
} from "../../lib/mapping/mod.ts";

type Fields = Record<string, FieldConfig>;

const map = (fields: Fields, record: Record<string, unknown>, options?: MapperOptions) =>
  new UniversalMapper({ fields }, options).map(record);

Deno.test("the guide's own example maps as the guide says", async () => {
  const mapper = new UniversalMapper({
    fields: {
      ref: { source: "sku", resolver: "custom.buildRef" },
      type: { value: "INVENTORY" },
      status: { source: "status", resolver: "sdk.uppercase" },
      productRef: { source: "sku", required: true },
      locationRef: { source: "warehouse_code", required: true },
      onHand: { source: "quantity", resolver: "sdk.parseInt" },
    },
  }, {
    customResolvers: { "custom.buildRef": (_value, data) => `${data["sku"]}-${data["warehouse_code"]}` },
  });
  const record = { sku: "SKU001", warehouse_code: "WH01", quantity: "5", status: "active" };
  assert.deepEqual(await mapper.map(record), {
    success: true,
    data: {
      ref: "SKU001-WH01",
      type: "INVENTORY",
      status: "ACTIVE",
      productRef: "SKU001",
      locationRef: "WH01",
      onHand: 5,
    },
    errors: [],
  });
});

Deno.test("every error is told, with field, source, code, value and what was expected and found", async () => {
  const { success, data, errors } = await map({
    qty: { source: "quantity", resolver: "sdk.parseInt", required: true },
    sku: { source: "sku", required: true },
    on: { source: "on", resolver: "sdk.formatDate" },
    ok: { source: "ok" },
  }, { quantity: "N/A", sku: "  ", on: "soon", ok: "00123" });
  assert.equal(success, false);
  assert.deepEqual(data, { ok: "00123" });
  assert.deepEqual(errors, [
    {
      field: "qty",
      source: "quantity",
      code: "not-a-whole-number",
      value: "N/A",
      message: "Cannot map 'qty' from 'quantity': expected a whole number, found 'N/A'",
    },
    {
      field: "sku",
      source: "sku",
      code: "value-missing",
      value: "  ",
      message: "Cannot map 'sku': expected a value, found '  '",
    },
    {
      field: "on",
      source: "on",
      code: "not-a-date",
      value: "soon",
      message:
        "Cannot map 'on': expected an ISO 8601 date, such as 2026-01-31 or 2026-01-31T10:00:00Z, found 'soon'",
    },
  ]);
});

Deno.test("blank is no value: optional fields are left out, defaults stand in, required ones are errors", async () => {
  for (const blank of ["", "   ", "\t\u00a0", null, undefined]) {
    const { data, errors } = await map({
      a: { source: "cell" },
      b: { source: "cell", resolver: "sdk.trim" },
      c: { source: "cell", defaultValue: "C" },
      d: { source: "cell", required: true, defaultValue: 0 },
      "e.f": { source: "cell", resolver: "sdk.formatDate" },
      g: { source: "cell", resolver: "sdk.trim", required: true },
    }, { cell: blank });
    assert.deepEqual(data, { c: "C", d: 0 });
    assert.deepEqual(errors.map(({ field, code }) => [field, code]), [["g", "value-missing"]]);
  }
});

Deno.test("required is judged after the resolver", async () => {
  const customResolvers = { "custom.nothing": () => "  ", "custom.something": () => "x" };
  const { errors, data } = await map(
    {
      a: { source: "cell", resolver: "custom.nothing", required: true },
      b: { source: "absent", resolver: "custom.something", required: true },
      c: { resolver: "custom.something", required: true },
    },
    { cell: "full" },
    { customResolvers },
  );
  assert.deepEqual(errors.map(({ field, code }) => [field, code]), [["a", "value-missing"]]);
  assert.deepEqual(data, { b: "x", c: "x" });
});

Deno.test("an optional field that cannot be converted is an error of the record, not dropped", async () => {
  const { success, errors } = await map(
    { a: { source: "a", resolver: "sdk.parseInt" }, b: { source: "b", resolver: "custom.throws" } },
    { a: "x", b: "y" },
    {
      customResolvers: {
        "custom.throws": () => {
          throw new Error("out of order");
        },
      },
    },
  );
  assert.equal(success, false);
  assert.deepEqual(errors.map(({ code }) => code), ["not-a-whole-number", "resolver-failed"]);
  assert.match(errors[1]!.message, /out of order/);
});

Deno.test("dotted targets and nested fields build objects; a column with a dot in its name is found", async () => {
  const record = { "a.b": "whole", a: { b: "path", list: [{ x: 1 }, { x: 2 }, {}] }, tags: ["p", "q"] };
  const { data, errors } = await map({
    "out.one": { source: "a.b" },
    "out.two": { source: "a.list[1].x" },
    "out.all": { source: "a.list[*].x" },
    within: { source: "a", fields: { b: { source: "b" }, deep: { fields: { c: { value: 3 } } } } },
    items: { source: "a.list", isArray: true, fields: { x: { source: "x", resolver: "sdk.toString" } } },
    tags: { source: "tags", isArray: true, resolver: "sdk.uppercase" },
  }, record);
  assert.deepEqual(errors, []);
  assert.deepEqual(data, {
    out: { one: "whole", two: 2, all: [1, 2, undefined] },
    within: { b: "path", deep: { c: 3 } },
    items: [{ x: "1" }, { x: "2" }, {}],
    tags: ["P", "Q"],
  });
});

Deno.test("the context is handed to the mapper, not mixed into records", async () => {
  const options = { context: { retailerId: "42" } };
  const fields = { retailerId: { source: "$context.retailerId", resolver: "sdk.parseInt", required: true } };
  assert.deepEqual((await map(fields, { $context: { retailerId: "6" } }, options)).data, { retailerId: 42 });
  assert.deepEqual((await map(fields, {}, {})).errors[0]?.code, "value-missing");
  assert.throws(
    () => new UniversalMapper({ fields }, { context: { retailerId: "my-retailer" } }).compileRow([]),
    (error) => error instanceof ConfigError && /retailerId.*whole number.*'my-retailer'/.test(error.message),
  );
});

Deno.test("nothing inherited is ever a value", async () => {
  const sources = [
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "a.constructor",
    "a.__proto__.x",
    "l.length",
  ];
  const fields = Object.fromEntries(sources.map((source, i) => [`f${i}`, { source }]));
  assert.deepEqual((await map(fields, { a: { b: 1 }, l: "text" })).data, {});
  const mapper = new UniversalMapper({ fields: {} });
  for (const name of ["toString", "constructor", "sdk.toString2"]) {
    assert.equal(mapper.hasResolver(name), false);
  }
});

Deno.test("no mapping can reach a prototype", () => {
  const targets = [
    "__proto__",
    "__proto__.polluted",
    "a.__proto__.b",
    "constructor.prototype.x",
    "prototype",
  ];
  for (const target of targets) {
    const fields = JSON.parse(`{${JSON.stringify(target)}: {"value": "yes"}}`) as Fields;
    assert.throws(() => new UniversalMapper({ fields }), ConfigError, target);
  }
  assert.throws(
    () => new UniversalMapper({ fields: { a: { fields: { constructor: { value: 1 } } } } }),
    ConfigError,
  );
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("resolvers of the connector cannot be replaced, one's own can be added later", async () => {
  const mapper = new UniversalMapper({ fields: { a: { source: "a", resolver: "custom.late" } } });
  await assert.rejects(() => mapper.map({ a: 1 }), /'custom.late', which is not registered/);
  mapper.registerResolver("custom.late", async (value) => await Promise.resolve(`late ${value}`));
  assert.deepEqual((await mapper.map({ a: 1 })).data, { a: "late 1" });
  assert.ok(mapper.hasResolver("custom.late") && mapper.getResolverNames().includes("sdk.trim"));
  for (const name of ["sdk.parseInt", "parseInt", "custom.", "toString"]) {
    assert.throws(() => mapper.registerResolver(name, () => 0), ConfigError);
    assert.throws(
      () => new UniversalMapper({ fields: {} }, { customResolvers: { [name]: () => 0 } }),
      ConfigError,
    );
  }
});

Deno.test("a custom resolver gets value, record, context and helpers", async () => {
  const options = {
    context: { factor: 3 },
    customResolvers: {
      "custom.packs": (value, data, context, helpers) => {
        if (data["unit"] !== "pack") helpers.fail("packs", "not-packs");
        return Number(helpers.resolve("sdk.parseInt", value, { min: 0 })) * Number(context["factor"]) *
          Number(helpers.options["size"]);
      },
    },
  } satisfies MapperOptions;
  const fields = { qty: { source: "qty", resolver: "custom.packs", options: { size: 2 } } };
  assert.deepEqual((await map(fields, { qty: "4", unit: "pack" }, options)).data, { qty: 24 });
  assert.equal((await map(fields, { qty: "4", unit: "kg" }, options)).errors[0]?.code, "not-packs");
  assert.equal((await map(fields, { qty: "-4", unit: "pack" }, options)).errors[0]?.code, "number-too-small");
});

Deno.test("a mapping that is wrong is refused before any record is seen", () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /expected an object with fields/],
    [{ fields: { a: { source: "a", resolver: "sdk.parseint" } } }, /did you mean 'sdk.parseInt'/],
    [{ fields: { a: { source: "a", resolver: "sdk.parseInt", options: { mn: 0 } } } }, /did you mean 'min'/],
    [{ fields: { a: { source: "a", value: 1 } } }, /found both/],
    [{ fields: { a: {} } }, /found none/],
    [{ fields: { a: { value: 1 }, "a.b": { value: 2 } } }, /cannot be a value and hold/],
    [{ fields: { a: { fields: { b: { value: 1 } } }, "a.b": { value: 2 } } }, /mapped twice/],
    [
      { fields: { a: { source: "a", resolver: "sdk.formatDate", options: { zone: "Mars/Olympus" } } } },
      /time zone/,
    ],
    [
      { fields: { a: { source: "a", resolver: "sdk.formatDate", options: { format: "D.M.Y" } } } },
      /YYYY, MM and DD/,
    ],
    [{ fields: { a: { source: "a" } }, key: ["a"] }, /to be required/],
    [{ fields: { sku: { source: "a", required: true } }, key: ["sk"] }, /did you mean 'sku'/],
  ];
  for (const [mapping, message] of wrong) {
    assert.throws(
      () => new UniversalMapper(mapping as Mapping),
      (error) => error instanceof ConfigError && message.test(error.message),
      String(message),
    );
  }
});

const ROW: Mapping = {
  key: ["loc", "a.sku"],
  fields: {
    "a.sku": { source: "sku", resolver: "sdk.trim", required: true },
    loc: { source: "location", required: true },
    qty: { source: "qty", resolver: "sdk.parseInt" },
    kind: { value: "STOCK" },
    more: { fields: { note: { source: "note" }, on: { source: "on", defaultValue: "never" } } },
  },
};

Deno.test("a compiled row maps as the record would, without what the file lacks", async () => {
  const mapper = new UniversalMapper(ROW);
  const columns = ["qty", "sku", "location", "unknown", "note"];
  const row = mapper.compileRow(columns);
  for (
    const cells of [
      ["5", " 007 ", "L", "x", "hi"],
      ["", "A", "L", "", ""],
      ["x", "", "L", "", "hi"],
      ["1", "A", "   ", "", " "],
    ]
  ) {
    const record = Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
    const mapped = row.map(cells);
    const { success, data, errors } = await mapper.map(record);
    assert.equal(mapped.ok, success);
    assert.deepEqual(mapped.ok ? mapped.entity : mapped.errors, success ? data : errors);
  }
  assert.deepEqual(mapper.compileRow(["sku"]).map(["A"]), {
    ok: false,
    errors: [{
      field: "loc",
      source: "location",
      code: "value-missing",
      value: undefined,
      message: "Cannot map 'loc' from 'location': expected a value, found nothing",
    }],
  });
});

Deno.test("keys are equal exactly when their fields are", () => {
  const { map } = new UniversalMapper(ROW).compileRow(["sku", "location"]);
  const key = (sku: string, location: string) => {
    const mapped = map([sku, location]);
    return mapped.ok ? mapped.key : "";
  };
  assert.equal(key("A", "L"), key(" A ", "L"));
  const others = [
    ["A", "L"],
    ["L", "A"],
    ["1:A", "L"],
    ["A", "L1"],
    ["1A", "L"],
    ["A:1", "L"],
    ["00A", "L"],
    ["a", "L"],
  ];
  assert.equal(new Set(others.map(([sku, location]) => key(sku!, location!))).size, others.length);
});

Deno.test("a compiled row has no place for lists, and none for resolvers that answer later", () => {
  assert.throws(
    () => new UniversalMapper({ fields: { a: { source: "a", isArray: true } } }).compileRow(["a"]),
    /wants a list/,
  );
  const late = new UniversalMapper({ fields: { a: { source: "a", resolver: "custom.late" } } }, {
    customResolvers: { "custom.late": () => Promise.reject(new Error("never heard")) },
  });
  const mapped = late.compileRow(["a"]).map(["x"]);
  assert.equal(mapped.ok ? "" : mapped.errors[0]?.code, "resolver-async");
});
