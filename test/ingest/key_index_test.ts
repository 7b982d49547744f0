import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyIndex } from "../../lib/ingest/key_index.ts";

Deno.test("the index finds what a map finds, whatever keys come and however often it grows", () => {
  const keys = fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 400 })), {
    maxLength: 3000,
  });
  fc.assert(
    fc.property(keys, fc.boolean(), (rows, reserve) => {
      const index = new KeyIndex(() => 0.3);
      const model = new Map<string, { line: number; endLine: number }>();
      let line = 2;
      for (const [i, [key, span]] of rows.entries()) {
        if (reserve && i === 10) index.reserve(2_000);
        assert.deepEqual(index.put(key, line, line + span), model.get(key));
        model.set(key, { line, endLine: line + span });
        line += span + 1;
      }
      assert.equal(index.size, model.size);
    }),
    { numRuns: 50 },
  );
});

Deno.test("200,000 similar keys are all told apart", () => {
  const index = new KeyIndex(Math.random);
  for (let i = 0; i < 200_000; i++) {
    assert.equal(index.put(`SKU-${String(i).padStart(8, "0")}\u0000LOC-${i % 7}`, i + 2, i + 2), undefined);
  }
  assert.equal(index.size, 200_000);
});
