import assert from "node:assert/strict";
import { runSeed } from "./seeded_world.ts";

/** Worlds per test, so that a slow machine shows progress. */
const PART = 250;
const WORLDS = 1_000;

for (let from = 1; from <= WORLDS; from += PART) {
  Deno.test(`every promise is kept in the worlds of seeds ${from} to ${from + PART - 1}`, async () => {
    for (let seed = from; seed < from + PART; seed++) {
      const { violations } = await runSeed(seed);
      assert.deepEqual(violations, [], `reproduce it with: deno task simulate --seed ${seed}`);
    }
  });
}

Deno.test("the same seed gives the same world, effect by effect", async () => {
  const first = await runSeed(7);
  await runSeed(8);
  assert.deepEqual((await runSeed(7)).log, first.log);
});
