import assert from "node:assert/strict";
import fc from "fast-check";
import { type FieldConfig, UniversalMapper } from "../../lib/mapping/mod.ts";

const COLUMNS = ["a", "b", "c.d"];
const cell = fc.oneof(
  fc.constantFrom("", " ", "7", "-3", "x", "1,234", "2026-01-31", "true"),
  fc.string({ unit: "binary" }),
);
const leaf: fc.Arbitrary<FieldConfig> = fc.record({
  source: fc.constantFrom(...COLUMNS, "absent"),
  resolver: fc.constantFrom("sdk.parseInt", "sdk.trim", "sdk.formatDate", "sdk.toString", "custom.self"),
  required: fc.boolean(),
  defaultValue: fc.constantFrom<unknown>("D", 0, { x: 1 }),
}, { requiredKeys: ["source"] });
const fields = (depth: number): fc.Arbitrary<Record<string, FieldConfig>> =>
  fc.record(
    {
      p: leaf,
      "q.r": leaf,
      "q.s": leaf,
      ...(depth === 0 ? {} : {
        g: fc.record({ fields: fields(depth - 1), required: fc.boolean() }, { requiredKeys: ["fields"] }),
      }),
    },
    { requiredKeys: [] },
  );

Deno.test("any compiled row gives what mapping its record gives", async () => {
  let mapped = 0;
  await fc.assert(
    fc.asyncProperty(fields(2), fc.array(cell, { minLength: 3, maxLength: 3 }), async (some, cells) => {
      const mapper = new UniversalMapper({ fields: some }, {
        customResolvers: { "custom.self": (value, data) => `${value}${data["b"]}` },
      });
      const record = Object.fromEntries(COLUMNS.map((column, i) => [column, cells[i]]));
      const row = mapper.compileRow(COLUMNS).map(cells);
      const whole = await mapper.map(record);
      assert.equal(row.ok, whole.success);
      if (row.ok) assert.deepEqual(row.entity, whole.data);
      // Groups are judged last in rows, and where they stand in records.
      else assert.deepEqual(sorted(row.errors), sorted(whole.errors));
      mapped += row.ok ? 1 : 0;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(mapped > 100, "not everything is an error");
});

function sorted(errors: readonly { field: string }[]): unknown {
  return errors.map((error) => JSON.stringify(error)).sort();
}
