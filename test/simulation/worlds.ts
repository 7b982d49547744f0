import assert from "node:assert/strict";
import { runSeed } from "./seeded_world.ts";

/** Worlds per test, so that a slow machine shows progress. */
const PART = 250;

/** Tests that the worlds of some seeds keep every promise. Each half is a module of its own, so that two run at once. */
export function testWorlds(first: number, last: number): void {
  for (let from = first; from <= last; from += PART) {
    Deno.test(`every promise is kept in the worlds of seeds ${from} to ${from + PART - 1}`, async () => {
      for (let seed = from; seed < from + PART; seed++) {
        const { violations } = await runSeed(seed);
        assert.deepEqual(violations, [], `reproduce it with: deno task simulate --seed ${seed}`);
      }
    });
  }
}
