import assert from "node:assert/strict";
import { loadMapping, resolveHeader } from "../../lib/mapping/mod.ts";

const base = {
  name: "t",
  version: "1",
  entityType: "INVENTORY",
  key: ["skuRef"],
  fields: {
    skuRef: { source: "sku", required: true },
    locationRef: { value: "L" },
    qty: { source: "qty", resolver: "sdk.parseInt", required: true },
    note: { source: "note" },
    status: { source: "status", required: true, defaultValue: "ACTIVE" },
  },
};
const columns = { sku: { aliases: ["SKU Ref"] }, qty: {}, note: {}, status: {} };
const mapping = loadMapping(JSON.stringify({ ...base, columns }), "t");

Deno.test("columns are matched exactly, then without spaces and regardless of case, by name or alias", () => {
  assert.deepEqual(resolveHeader(mapping, ["sku", "qty", "note"]), {
    columns: ["sku", "qty", "note"],
    unknownColumns: [],
  });
  assert.deepEqual(resolveHeader(mapping, [" sku ref", "QTY ", "colour", ""]), {
    columns: ["sku", "qty", undefined, undefined],
    unknownColumns: ["colour", ""],
  });
});

Deno.test("a missing column is a problem when a field cannot do without it", () => {
  const { problem } = resolveHeader(mapping, ["sku;qty;note"]);
  assert.deepEqual(problem, {
    code: "header-missing",
    message: "The header lacks a column: expected 'sku' or 'SKU Ref', and 'qty', found 'sku;qty;note'",
  });
  assert.equal(resolveHeader(mapping, ["sku", "qty"]).problem, undefined);
  const strict = loadMapping(
    JSON.stringify({ ...base, columns: { ...columns, note: { required: true }, qty: { required: false } } }),
    "t",
  );
  assert.match(resolveHeader(strict, ["sku"]).problem?.message ?? "", /expected 'note', found 'sku'/);
});

Deno.test("columns that cannot be told apart are a problem", () => {
  for (
    const header of [["sku", "qty", "qty"], ["sku", "qty", "x", "x"], ["sku", "SKU", "qty"], [
      "sku",
      "SKU Ref",
      "qty",
    ]]
  ) {
    assert.equal(resolveHeader(mapping, header).problem?.code, "header-duplicate", header.join());
  }
  assert.equal(resolveHeader(mapping, ["sku", "qty", "", ""]).problem, undefined);
});

Deno.test("a mapping without columns has those its fields read", () => {
  const bare = loadMapping(JSON.stringify(base), "t");
  assert.deepEqual(resolveHeader(bare, ["qty", "sku", "x"]).columns, ["qty", "sku", undefined]);
  assert.equal(resolveHeader(bare, ["qty"]).problem?.code, "header-missing");
});
