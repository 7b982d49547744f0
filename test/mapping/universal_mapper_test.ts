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
    out: { one: "whole", two: 2, all: [1, 2] },
    within: { b: "path", deep: { c: 3 } },
    items: [{ x: "1" }, { x: "2" }],
    tags: ["P", "Q"],
  });
});

Deno.test("lists name the element that is wrong, leave out blank ones, and are missing when nothing is left", async () => {
  const line = { fields: { qty: { source: "q", resolver: "sdk.parseInt", required: true } } };
  const { errors, data } = await map({
    lines: { source: "l", isArray: true, ...line },
    counts: { source: "n", isArray: true, resolver: "sdk.parseInt" },
    none: { source: "blank", isArray: true, required: true },
    empty: { source: "empty", isArray: true, required: true },
    stood: { source: "empty", isArray: true, defaultValue: ["x"] },
    one: { source: "one", isArray: true },
    deep: {
      source: "d",
      isArray: true,
      fields: { ...line.fields, in: { source: "l", isArray: true, ...line } },
    },
  }, {
    l: [{ q: "1" }, { q: "x" }, null, "no object", ["q"]],
    n: ["1", " ", "y"],
    blank: ["", null],
    empty: [],
    one: "alone",
    d: [{ q: "7", l: [{ q: "8" }, { q: "-" }] }],
  });
  assert.deepEqual(errors.map(({ field, code }) => `${field} ${code}`), [
    "lines[1].qty not-a-whole-number",
    "lines[3] not-an-object",
    "lines[4] not-an-object",
    "counts[2] not-a-whole-number",
    "none value-missing",
    "empty value-missing",
    "deep[0].in[1].qty not-a-whole-number",
  ]);
  assert.equal(
    errors[0]!.message,
    "Cannot map 'lines[1].qty' from 'q': expected a whole number, found 'x'",
  );
  assert.deepEqual([data["counts"], data["stood"], data["one"]], [[1], ["x"], ["alone"]]);
});

Deno.test("nested fields of something that is no object are an error, of nothing are left out or required", async () => {
  const fields = { a: { source: "a" } };
  const nested: Fields = {
    text: { source: "text", fields },
    list: { source: "list", fields },
    none: { source: "none", fields },
    must: { source: "none", fields, required: true },
    group: { fields: { x: { source: "none" } }, required: true },
    stood: { fields: { x: { source: "none" } }, defaultValue: { x: 1 } },
  };
  const { data, errors } = await map(nested, { text: "a", list: [{ a: 1 }], none: null });
  assert.deepEqual(errors.map(({ field, code }) => `${field} ${code}`), [
    "text not-an-object",
    "list not-an-object",
    "must value-missing",
    "group value-missing",
  ]);
  assert.deepEqual(data, { stood: { x: 1 } });
});

Deno.test("what JSON cannot hold is never a value, wherever it comes from", async () => {
  const circle: Record<string, unknown> = {};
  circle["circle"] = circle;
  for (
    const value of [
      NaN,
      Infinity,
      10n,
      Symbol("s"),
      () => 1,
      new Date(NaN),
      circle,
      { deep: [NaN] },
      new Map(),
    ]
  ) {
    const { errors } = await map(
      { plain: { source: "cell" }, custom: { source: "cell", resolver: "custom.same" } },
      { cell: value },
      { customResolvers: { "custom.same": (same) => same } },
    );
    assert.deepEqual(errors.map(({ code }) => code), ["not-json-value", "not-json-value"], typeof value);
  }
  const { errors } = await map({ qty: { source: "q", resolver: "custom.count" } }, { q: "many" }, {
    customResolvers: { "custom.count": Number },
  });
  assert.equal(
    errors[0]?.message,
    "Cannot map 'qty' from 'q': expected the resolver to give a value JSON can hold (it gave NaN), found 'many'",
  );
});

Deno.test("a value of the mapping cannot be changed through an entity", async () => {
  const fields = { a: { source: "a", defaultValue: { list: [1] } }, b: { value: { z: 1 } } };
  const mapper = new UniversalMapper({ fields });
  const { data } = await mapper.map({});
  assert.throws(() => (data as { a: { list: number[] } }).a.list.push(2), TypeError);
  assert.throws(() => (data as { b: { z: number } }).b.z = 2, TypeError);
  assert.deepEqual((await mapper.map({})).data, { a: { list: [1] }, b: { z: 1 } });
  fields.b.value.z = 3;
  assert.deepEqual((await mapper.map({})).data["b"], { z: 1 });
});

Deno.test("a record that is none is refused as a whole", async () => {
  const mapper = new UniversalMapper({ fields: { a: { source: "a" } } });
  for (const record of [undefined, null, "text", 5, [{ a: 1 }]]) {
    await assert.rejects(
      mapper.map(record as unknown as Record<string, unknown>),
      (error) =>
        error instanceof ConfigError &&
        /^Cannot map a record: expected an object, found /.test(error.message),
    );
  }
});

Deno.test("a message shows a value on one line, short, and without what drives a terminal", async () => {
  const shownAs = async (value: unknown) =>
    (await map({ a: { source: "a", resolver: "sdk.parseInt" } }, { a: value })).errors[0]!.message.replace(
      /^.*found /,
      "",
    );
  assert.equal(await shownAs("a\nb\u0007\u202ec\u200f"), "'a\\nb\\u0007\\u202ec\\u200f'");
  const long = await shownAs("x".repeat(78) + "😀".repeat(10));
  assert.equal(long, `'${"x".repeat(78)}…`);
  assert.ok(long.isWellFormed());
});

Deno.test("the context is handed to the mapper, not mixed into records", async () => {
  const options = { context: { retailerId: "42" } };
  const fields = { retailerId: { source: "$context.retailerId", resolver: "sdk.parseInt", required: true } };
  assert.deepEqual((await map(fields, { $context: { retailerId: "6" } }, options)).data, { retailerId: 42 });
  assert.deepEqual((await map(fields, {}, {})).errors[0]?.code, "value-missing");
  const mapper = new UniversalMapper({
    fields: { a: { source: "$context.a" }, b: { source: "$context.b.c" }, d: { resolver: "custom.d" } },
  }, {
    context: { a: 1, b: { c: 2 } },
    customResolvers: { "custom.d": (_value, _data, context) => context["a"] },
  });
  assert.deepEqual((await mapper.map({})).data, { a: 1, b: 2, d: 1 });
  assert.deepEqual((await mapper.map({}, { context: { a: 7 } })).data, { a: 7, b: 2, d: 7 });
  assert.deepEqual((await mapper.map({})).data, { a: 1, b: 2, d: 1 });
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
    [undefined, /at the top: expected an object, found nothing/],
    [{ fields: [] }, /at \/fields: expected an object, found \[\]/],
    [{ fields: { a: null } }, /at \/fields\/a: expected an object, found nothing/],
    [{ fields: { a: { source: "a", sorce: "b" } } }, /at \/fields\/a\/sorce: .*did you mean 'source'/],
    [{ fields: { a: { source: 5 } } }, /at \/fields\/a\/source: expected text, found 5/],
    [{ fields: { a: { source: "a", resolver: 5 } } }, /at \/fields\/a\/resolver: expected text, found 5/],
    [
      { fields: { a: { source: "a", defaultValue: null } } },
      /at \/fields\/a\/defaultValue: expected a value/,
    ],
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
