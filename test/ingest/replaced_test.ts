import assert from "node:assert/strict";
import { World } from "./world.ts";

const rows = (count: number, first: number) =>
  ["sku,location,qty", ...Array.from({ length: count }, (_, i) => `S${i},LOC-1,${first + i}`)].join("\n") +
  "\n";

/** Works until a job is at a step. */
async function until(world: World, jobId: string, stage: string) {
  world.variables["sliceSeconds"] = 0.1;
  const run = world.started[0]!;
  for (let n = 0; n < 50; n++) {
    if ((await world.job(jobId)).stage === stage) return;
    const outcome = await world.slice(run);
    assert.equal(outcome.kind, "again");
    world.clock.advance("afterMs" in outcome ? outcome.afterMs : 0);
  }
  assert.fail(`never at '${stage}'`);
}

/** A world with a file that is inspected and not yet delivered. */
async function inspected() {
  const world = new World();
  const key = await world.put("stock.csv", rows(500, 0));
  const { jobId } = (await world.discover()).files[0]!;
  const open = world.store.openFile.bind(world.store);
  // The next slice begins with what inspect found, and takes its time.
  world.store.openFile = async (name, options) => {
    const opened = await open(name, options);
    if (name === key) world.clock.advance(200);
    return opened;
  };
  await until(world, jobId, "inspect");
  world.store.openFile = open;
  world.variables["sliceSeconds"] = 20;
  return { world, key, jobId };
}

Deno.test("a file replaced between inspect and deliver is restarted from inspect at once", async () => {
  const { world, key, jobId } = await inspected();
  await world.store.uploadFile(key, rows(300, 9_000));
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "cancelled");
  assert.equal(
    job.message,
    "Another version of 'inventory/incoming/stock.csv' took its place before it was delivered, and is ingested instead; " +
      "nothing of this one was sent",
  );
  const [other] = (await world.jobs()).filter((one) => one.jobId !== jobId);
  assert.equal(other?.status, "completed", "no trigger was needed");
  assert.equal(world.fluent.stock().size, 300);
  assert.equal(world.fluent.stock().get("LOC-1|S7"), 9_007);
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
});

Deno.test("a file replaced half-way through its delivery is followed by its successor once it is processed", async () => {
  const world = new World();
  world.variables["sendConcurrency"] = 1;
  world.variables["batchSize"] = 10;
  const key = await world.put("stock.csv", rows(400, 0));
  const { jobId } = (await world.discover()).files[0]!;
  const open = world.store.openFile.bind(world.store);
  const { batches: sent } = world.fluent;
  let replaced = false;
  world.store.openFile = async (name, options) => {
    if (name === key && options?.range && sent.length > 0 && !replaced) {
      replaced = true;
      await world.store.uploadFile(key, rows(400, 9_000));
    }
    return await open(name, options);
  };
  // Each slice has time for a few batches, and fetches their bytes for itself.
  world.variables["sliceSeconds"] = 0.1;
  world.fluent.after = (call) => {
    if (call === "sendBatch") world.clock.advance(30);
    return Promise.resolve();
  };
  world.fluent.looksToComplete = 3;
  let before: number | undefined;
  world.fluent.before = () => {
    const old = sent.filter(({ entities }) => (entities[0]?.qty ?? 0) < 9_000);
    const isNext = sent.length > old.length;
    // How often the least looked at of the old batches had been looked at when the next version was begun.
    if (isNext) before ??= Math.min(...old.map(({ looks }) => looks));
    return Promise.resolve();
  };
  await world.settle();
  assert.ok(
    before !== undefined && before > 3,
    `looked at ${before} times: not complete when its successor began`,
  );
  const job = await world.job(jobId);
  assert.equal(job.status, "cancelled");
  assert.match(job.message ?? "", /; [1-9]\d* of 40 batches of this one (was|were) sent$/);
  assert.equal(world.fluent.stock().get("LOC-1|S0"), 9_000);
  assert.equal(world.fluent.stock().get("LOC-1|S399"), 9_399);
});

Deno.test("a version that was replaced and comes back is sent whole, from its first row", async () => {
  const { world, key, jobId } = await inspected();
  await world.store.uploadFile(key, rows(500, 9_000));
  await world.settle();
  world.clock.advance(60_000);
  await world.store.uploadFile(key, rows(500, 0));
  const { files } = await world.discover();
  assert.deepEqual(files.map(({ decision }) => decision), ["started"]);
  assert.notEqual(files[0]?.jobId, jobId);
  await world.settle();
  assert.equal(world.fluent.stock().get("LOC-1|S7"), 7);
});

Deno.test("a successor that may not be whole yet is left to a later look", async () => {
  const { world, key, jobId } = await inspected();
  world.variables["doneMarkerSuffix"] = ".done";
  await world.store.uploadFile(key, rows(300, 9_000));
  await world.settle();
  assert.equal((await world.job(jobId)).status, "cancelled");
  assert.equal((await world.jobs()).length, 1);
  await world.put("stock.csv.done", "");
  await world.discover();
  await world.settle();
  assert.equal(world.fluent.stock().size, 300);
});

Deno.test("a process that dies after ending the job still has the successor started", async () => {
  const { world, key, jobId } = await inspected();
  await world.store.uploadFile(key, rows(300, 9_000));
  const run = world.started[0]!;
  const outcome = await world.slice(run);
  assert.deepEqual(outcome, { kind: "finished", status: "cancelled", replaced: true });
  // It died before it acted on that, so the message comes again.
  await world.settle();
  assert.equal((await world.jobs()).filter((one) => one.jobId !== jobId)[0]?.status, "completed");
});

Deno.test("a file that is gone without a successor fails its job", async () => {
  const { world, key, jobId } = await inspected();
  await world.store.deleteFile(key);
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.errorCode, "s3-not-found");
});
