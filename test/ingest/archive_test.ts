import assert from "node:assert/strict";
import { S3Error } from "../../lib/s3/mod.ts";
import { csvOf, World } from "./world.ts";

const failing = (operation: "copy" | "delete", key: string) =>
  new S3Error("no answer", { operation, key, bucket: "stock", code: "s3-unreachable", retry: "later" });

Deno.test("a copy that fails is made by a later slice, and nothing is sent again", async () => {
  const world = new World();
  const copy = world.store.copyFile.bind(world.store);
  let failures = 3;
  world.store.copyFile = (from, to, options) =>
    failures-- > 0 ? Promise.reject(failing("copy", from)) : copy(from, to, options);
  const { job } = await world.ingest("stock.csv", csvOf(300));
  assert.equal(job.status, "completed");
  assert.equal(failures, -1);
  assert.equal(world.fluent.duplicates(), 0);
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
});

Deno.test("once the source may be gone, no passing failure ends the job, however long it lasts", async () => {
  const world = new World();
  world.variables["stallTimeoutMinutes"] = 1;
  const remove = world.store.deleteFile.bind(world.store);
  const from = world.clock.now();
  world.store.deleteFile = async (key, options) => {
    if (key.startsWith("inventory/incoming/")) {
      await remove(key, options);
      // It took effect; the answer is lost, and so is every later one for half an hour.
      if (world.clock.now() - from < 30 * 60_000) throw failing("delete", key);
    }
    await remove(key, options);
  };
  const stat = world.store.statFile.bind(world.store);
  let gone = false;
  world.store.statFile = async (key, options) => {
    const file = await stat(key, options);
    if (key.startsWith("inventory/incoming/") && file === undefined) gone = true;
    if (gone && world.clock.now() - from < 30 * 60_000) throw failing("delete", key);
    return file;
  };
  const { job } = await world.ingest("stock.csv", csvOf(300));
  assert.equal(job.status, "completed");
  assert.ok(world.clock.now() - from >= 30 * 60_000);
  assert.equal((await world.jobs()).length, 1);
});

Deno.test("a source that was replaced meanwhile is not archived under the old file's name", async () => {
  const world = new World();
  const key = await world.put("stock.csv", csvOf(300));
  const { jobId } = (await world.discover()).files[0]!;
  const copy = world.store.copyFile.bind(world.store);
  world.store.copyFile = async (from, to, options) => {
    await world.store.uploadFile(key, csvOf(301));
    world.store.copyFile = copy;
    return await copy(from, to, options);
  };
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
  assert.deepEqual(await world.keys("inventory/archive/"), []);
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
});
