import assert from "node:assert/strict";
import { runSeed } from "./seeded_world.ts";
import { testWorlds } from "./worlds.ts";

testWorlds(1, 500);

Deno.test("the same seed gives the same world, effect by effect", async () => {
  const first = await runSeed(7);
  await runSeed(8);
  assert.deepEqual((await runSeed(7)).log, first.log);
});
