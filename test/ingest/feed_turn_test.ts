import assert from "node:assert/strict";
import { csvOf, World } from "./world.ts";
import { refusal } from "./fake_fluent.ts";

/** An older file that failed half-way, and a newer one that was delivered since. */
async function overtaken(): Promise<{ world: World; older: string; key: string }> {
  const world = new World();
  world.variables["sendConcurrency"] = 1;
  // The guards of inspect don't see this: the older file was inspected before the newer came.
  const key = await world.put("older.csv", csvOf(300));
  const older = (await world.discover()).files[0]!.jobId;
  world.fluent.before = (call, batches) => {
    if (call === "sendBatch" && batches === 1) {
      throw refusal(401, "fluent-unauthorised", "the token was revoked");
    }
  };
  await world.settle();
  assert.equal((await world.job(older)).status, "failed");
  world.fluent.before = () => {};
  const newer = await world.put("newer.csv", "sku,location,qty\nSKU-00299,LOC-1,5000\n");
  world.variables["filePattern"] = "newer.csv";
  await world.discover({ key: newer, force: { by: "test", reason: "smaller than the last" } });
  await world.settle();
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00299"), 5000);
  world.variables["filePattern"] = "*.csv";
  return { world, older, key };
}

Deno.test("an older file is not sent after a newer one: what failed before is held when it comes again", async () => {
  const { world, older } = await overtaken();
  await world.discover();
  await world.settle();
  const job = await world.job(older);
  assert.equal(job.status, "held");
  assert.equal((job.details["heldBecause"] as { code: string }).code, "file-stale");
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00299"), 5000, "the newer stock stays");
  await world.summary(older);
});

Deno.test("a person can force the older file all the same", async () => {
  const { world, older, key } = await overtaken();
  await world.discover();
  await world.settle();
  await world.discover({ key, force: { by: "test", reason: "I know" } });
  await world.settle();
  assert.equal((await world.job(older)).status, "completed");
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00299"), 299);
});
