import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeLines, LineSet } from "../../lib/ingest/line_set.ts";

Deno.test("a slice of a line set reads back as the same lines", () => {
  const lines = fc.uniqueArray(fc.integer({ min: 1, max: 30_000 }), { maxLength: 300 });
  fc.assert(fc.property(lines, fc.integer({ min: 1, max: 29_000 }), (members, first) => {
    const set = new LineSet();
    for (const line of members) set.add(line);
    assert.equal(set.size, members.length);
    assert.deepEqual([...set], [...members].sort((a, b) => a - b));
    const has = decodeLines(set.encode(first, first + 1000), first);
    for (let line = first; line <= first + 1000; line++) assert.equal(has(line), members.includes(line));
  }));
});

Deno.test("a range without a superseded line takes no room", () => {
  const set = new LineSet();
  set.add(5);
  set.add(5);
  assert.equal(set.size, 1);
  assert.equal(set.encode(6, 500), undefined);
  assert.equal(decodeLines(undefined, 6)(7), false);
});
