import assert from "node:assert/strict";
import fc from "fast-check";
import { AUTO_GRAIN, MAX_BATCH_BYTES, SegmentLog } from "../../lib/ingest/batch_plan.ts";

/** A log of `count` records of ten bytes, one a line, from line 2 on. */
function log(grain: number, count: number): SegmentLog {
  const segments = new SegmentLog(grain);
  for (let i = 0; i < count; i++) {
    segments.add({ offset: 20 + i * 10, length: 10, line: i + 2, endLine: i + 2 });
  }
  return segments;
}

Deno.test("50,000 rows make 200 full batches of 250", () => {
  const batches = log(AUTO_GRAIN, 50_000).plan(250);
  assert.equal(batches.length, 200);
  assert.ok(batches.every((batch) => batch.rows === 250));
  assert.deepEqual(batches[1], { start: 20 + 2500, length: 2500, line: 252, lastLine: 501, rows: 250 });
});

Deno.test("every row that is sent is in exactly one batch, and none is larger than asked", () => {
  const cases = fc.record({
    count: fc.integer({ min: 0, max: 2000 }),
    size: fc.constantFrom(1, 7, 100, 150, 250, 5000),
    superseded: fc.uniqueArray(fc.integer({ min: 0, max: 1999 }), { maxLength: 500 }),
  });
  fc.assert(fc.property(cases, ({ count, size, superseded }) => {
    const segments = log(Math.min(size, AUTO_GRAIN), count);
    const gone = new Set(superseded.filter((i) => i < count));
    for (const i of gone) segments.supersede(i + 2);
    const batches = segments.plan(size);
    let at = 0;
    let rows = 0;
    for (const batch of batches) {
      assert.ok(batch.rows >= 1 && batch.rows <= size);
      assert.ok(batch.start >= at);
      at = batch.start + batch.length;
      rows += batch.rows;
      const inside = Array.from({ length: batch.length / 10 }, (_, i) => (batch.start - 20) / 10 + i);
      assert.equal(inside.filter((i) => !gone.has(i)).length, batch.rows);
    }
    assert.equal(rows, count - gone.size);
  }));
});

Deno.test("a batch's byte range stays bounded, however many superseded rows lie between", () => {
  const segments = new SegmentLog(1);
  const length = 1024 * 1024;
  for (let i = 0; i < 10; i++) segments.add({ offset: i * length, length, line: i + 2, endLine: i + 2 });
  for (const batch of segments.plan(250)) assert.ok(batch.length <= MAX_BATCH_BYTES);
});
