import assert from "node:assert/strict";
import { actOnJob } from "../../lib/ingest/mod.ts";
import { csvOf, World } from "./world.ts";

function worldWithTimes(): World {
  const world = new World();
  world.variables["fileTime"] = "%Y%m%d-%H%M";
  return world;
}

const row = (qty: number) => `sku,location,qty\nA,LOC-1,${qty}\n`;

Deno.test("files that come in the wrong order are delivered by the time in their names", async () => {
  const world = worldWithTimes();
  const newer = await world.put("stock-20260302-0200.csv", row(2));
  const older = await world.put("stock-20260301-0200.csv", row(1));
  const { files } = await world.discover();
  assert.deepEqual(files.map(({ key }) => key), [older, newer]);
  // The newer one's run comes first, and waits.
  world.started.reverse();
  await world.settle();
  assert.deepEqual((await world.jobs()).map(({ status }) => status), ["completed", "completed"]);
  assert.equal(world.fluent.stock().get("LOC-1|A"), 2);
});

Deno.test("a file older by its name than one that was sent is held as stale, however late it comes", async () => {
  const world = worldWithTimes();
  await world.ingest("stock-20260302-0200.csv", row(2));
  const { job, summary, jobId } = await world.ingest("stock-20260301-0200.csv", row(1));
  assert.equal(job.status, "held");
  assert.deepEqual(summary.heldBecause, {
    code: "file-stale",
    message:
      "The file is of 2026-03-01T02:00:00.000Z, older than 'inventory/incoming/stock-20260302-0200.csv' of " +
      "2026-03-02T02:00:00.000Z, which was sent before it. Send a newer one, or force it",
  });
  // Released, it is sent, and stays the older one: what is between the two is stale.
  await actOnJob("release", await world.job(jobId), { by: "ops" }, {
    settings: world.settings,
    ports: world.ports,
    state: world.state,
    take: (options) => world.discover(options),
  });
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
  assert.equal((await world.ingest("stock-20260301-1400.csv", row(3))).job.status, "held");
});

Deno.test("a re-upload of an older name with other content is stale by its name", async () => {
  const world = worldWithTimes();
  await world.ingest("stock-20260301-0200.csv", row(1));
  await world.ingest("stock-20260302-0200.csv", row(2));
  assert.equal((await world.ingest("stock-20260301-0200.csv", row(9))).job.status, "held");
});

Deno.test("a name without a time goes by when the file arrived, and its job says so", async () => {
  const world = worldWithTimes();
  const { job } = await world.ingest("stock.csv", csvOf(1));
  assert.equal(job.status, "completed");
  assert.deepEqual(job.details["warnings"], [
    "The name 'stock.csv' has no time as fileTime ('%Y%m%d-%H%M') says: the file goes by when it arrived",
  ]);
});
