import assert from "node:assert/strict";
import { csvOf, World } from "./world.ts";

Deno.test("a delivery that stood still while another took over changes nothing any more", async () => {
  const world = new World();
  await world.put("stock.csv", csvOf(300));
  const { jobId } = (await world.discover()).files[0]!;
  const run = world.started[0]!;
  const claim = `fluent-inventory/claims/${jobId}`;
  let writesAfter = -1;
  world.memory.before = (operation, key) => {
    if (writesAfter >= 0 || operation !== "get" || key[1] !== "runs") return;
    // It sleeps for two minutes while it reads where the run stands; meanwhile another has the job.
    world.clock.advance(120_000);
    const until = world.clock.now() + 60_000;
    const taken = { v: 1, run: "another", attempt: 1, token: "another.1", fence: 9, until };
    world.memory.entries.set(claim, JSON.stringify(taken));
    writesAfter = world.memory.writes;
  };
  const outcome = await world.slice(run);
  assert.equal(outcome.kind, "not-ours");
  assert.equal(world.memory.writes, writesAfter, "nothing was written");
  assert.deepEqual(world.fluent.jobs, []);
});
