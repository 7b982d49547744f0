import assert from "node:assert/strict";
import { giveBack } from "../../lib/base/mod.ts";

Deno.test("a chunk of its own gives its memory back, a part of something larger keeps it", () => {
  const own = new Uint8Array([1, 2, 3]);
  giveBack(own);
  assert.equal(own.length, 0);
  assert.equal(own.buffer.byteLength, 0);

  const whole = new Uint8Array([1, 2, 3]);
  const part = whole.subarray(1);
  giveBack(part);
  assert.deepEqual([...part], [2, 3]);
  assert.deepEqual([...whole], [1, 2, 3]);
});
