import assert from "node:assert/strict";
import { WrittenBatch } from "../../lib/fluent/mod.ts";
import { askToCancel } from "../../lib/ingest/cancel.ts";
import { actOnJob, batchPayloads } from "../../lib/ingest/mod.ts";
import { refusal } from "./fake_fluent.ts";
import { PartitionedWorld } from "./partitioned_world.ts";
import { csvOf } from "./world.ts";

Deno.test("three runs deliver one file to one Fluent job: nothing twice, books as of one run, the ceiling kept", async () => {
  const world = new PartitionedWorld();
  const jobId = await world.deliver(600);
  const summary = await world.summary(jobId);
  assert.equal(summary.status, "completed");
  assert.deepEqual(summary.batches, { total: 60, sent: 60, resent: 0 });
  assert.equal(summary.rows.confirmed, 600);
  assert.equal(world.fluent.jobs.length, 1);
  assert.equal(world.fluent.batches.length, 60);
  world.checkStock(600);
  assert.equal(world.runs, 4, "one run of the file, three of its partitions");
  assert.equal(world.mostAtOnce, 5);
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.deepEqual([...world.memory.entries.keys()].filter((key) => key.includes("partitions/")), []);
});

Deno.test("a ceiling of their own lets three runs have more under way than the feed's", async () => {
  const world = new PartitionedWorld({ partitionConcurrency: 4 });
  await world.deliver(600);
  assert.equal(world.mostAtOnce, 12);
  world.checkStock(600);
});

Deno.test("failed rows, batches in parts and every payload are as if one run had delivered the file", async () => {
  const world = new PartitionedWorld({ rejectLimit: "50%" });
  world.fluent.unknownSkus.add("SKU-00007");
  world.fluent.poisonSkus.add("SKU-00444");
  const jobId = await world.deliver(600);
  const summary = await world.summary(jobId);
  assert.equal(summary.status, "completed_with_errors");
  assert.deepEqual(summary.failed.map(({ line, code }) => [line, code]), [[9, "fluent-404"], [
    446,
    "fluent-400",
  ]]);
  assert.equal(summary.rows.confirmed, 598);
  const sent = new Map(world.fluent.batches.map(({ id, body }) => [id, body]));
  let compared = 0;
  for (let batch = 0; batch < 60; batch++) {
    for (const payload of await batchPayloads(world.ports, world.settings, jobId, batch)) {
      if (payload.fluentBatchId === undefined) continue;
      assert.equal(payload.body, sent.get(payload.fluentBatchId));
      compared++;
    }
  }
  assert.equal(compared, world.fluent.batches.length);
});

Deno.test("a Fluent job that is closed is continued in a new one by all partitions", async () => {
  const world = new PartitionedWorld();
  const slow = world.fluent.before;
  world.fluent.before = async (call, batch) => {
    await slow(call, batch);
    if (call === "sendBatch" && world.fluent.jobs.length === 1 && batch >= 20) {
      throw refusal(400, "fluent-job-closed", "the job is closed");
    }
  };
  const jobId = await world.deliver(600);
  assert.equal((await world.job(jobId)).status, "completed");
  assert.equal(world.fluent.jobs.length, 2);
  assert.deepEqual((await world.summary(jobId)).fluentJobs, world.fluent.jobs);
  world.checkStock(600);
});

Deno.test("a partition that Fluent refuses for good fails the job and stops the others, and the next trigger goes on", async () => {
  const world = new PartitionedWorld();
  const send = world.fluent.sendBatch.bind(world.fluent);
  let refuses = true;
  let sentAtLast = 0;
  world.fluent.sendBatch = async (fluentJob, request) => {
    const { entities } = request instanceof WrittenBatch ? JSON.parse(request.body) : request;
    const [first] = entities as readonly { qty: number }[];
    // Somewhere in the first partition; the others would go on for long.
    if (refuses && first!.qty >= 100 && first!.qty < 200) {
      throw refusal(403, "fluent-forbidden", "not for you");
    }
    await world.clock.sleep(refuses ? 1_500 : 0);
    sentAtLast = world.clock.now();
    return await send(fluentJob, request);
  };
  const jobId = await world.deliver(600);
  const failed = await world.job(jobId);
  assert.equal(failed.status, "failed");
  assert.equal(failed.errorCode, "fluent-forbidden");
  assert.ok(world.fluent.batches.length < 60);
  assert.ok(sentAtLast < Date.parse(failed.completedAt ?? failed.updatedAt) + 3_250);
  refuses = false;
  await world.discover();
  await world.work();
  assert.equal((await world.job(jobId)).status, "completed");
  assert.equal(world.fluent.batches.length, 60, "what was delivered is not sent again");
  world.checkStock(600);
});

Deno.test("a cancelled file is sent by no partition any more, and the feed's next file waits until that is sure", async () => {
  const world = new PartitionedWorld();
  let jobId = "";
  let sentAtLast = 0;
  const slow = world.fluent.before;
  world.fluent.before = async (call, batch) => {
    await slow(call, batch);
    if (call !== "sendBatch") return;
    await world.clock.sleep(1_000);
    sentAtLast = world.clock.now();
    if (batch === 10) await askToCancel(world.ports.kv, { jobId, reopened: 0 }, "ana");
  };
  const key = await world.put("stock.csv", csvOf(600));
  jobId = (await world.discover()).files.find((file) => file.key === key)!.jobId;
  await world.work();
  const job = await world.job(jobId);
  assert.equal(job.status, "cancelled");
  assert.ok(world.fluent.batches.length < 60);
  const endedAt = Date.parse(job.completedAt ?? job.updatedAt);
  assert.ok(sentAtLast < endedAt + 3_250, "every partition stops within the time a claim is believed");
  const place = await world.state.feeds.placeOf("inventory", jobId);
  assert.ok(place?.left && place.until >= endedAt + 35_000);
});

Deno.test("what another partition has under way is not taken for one's own lost batch, even where answers name no rows", async () => {
  const world = new PartitionedWorld({ partitions: 2, sendConcurrency: 2 });
  world.fluent.namesRows = false;
  let lost = false;
  world.fluent.before = async (call) => {
    if (call !== "sendBatch") return;
    // The first request is lost on its way; the others' answers take long.
    if (!lost) {
      lost = true;
      throw refusal(500, "fluent-unavailable", "gone");
    }
    await Promise.resolve();
  };
  world.fluent.after = async (call) => {
    if (call === "sendBatch") await world.clock.sleep(3_000);
  };
  const jobId = await world.deliver(20);
  assert.equal((await world.job(jobId)).status, "completed");
  world.checkStock(20);
});

Deno.test("a queue that doesn't answer when a partition is started is asked again; the file stays where it is", async () => {
  const world = new PartitionedWorld();
  world.failingStarts = 4;
  const jobId = await world.deliver(100);
  const job = await world.job(jobId);
  assert.equal(job.status, "completed");
  assert.equal(job.details["retries"], 4);
  assert.deepEqual(await world.keys("inventory/errors/"), []);
  world.checkStock(100);
});

Deno.test("a file replaced while several runs deliver it ends its job as replaced, and is not taken for damaged", async () => {
  const world = new PartitionedWorld();
  const open = world.store.openFile.bind(world.store);
  const key = "inventory/incoming/stock.csv";
  let replaced = false;
  world.store.openFile = async (name, options) => {
    if (name === key && options?.range && !replaced) {
      replaced = true;
      await world.store.uploadFile(key, csvOf(50));
    }
    return await open(name, options);
  };
  const job = await world.job(await world.deliver(100));
  assert.equal(job.status, "cancelled");
  assert.match(job.message ?? "", /^Another version of 'inventory\/incoming\/stock\.csv' took its place/);
  assert.deepEqual(await world.keys("inventory/errors/"), []);
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
});

Deno.test("a held file that is released is delivered by several runs from where it lies now", async () => {
  const world = new PartitionedWorld();
  const key = await world.put("stock.csv", csvOf(100, Array(10).fill("BAD,LOC-1,x")));
  const { jobId } = (await world.discover()).files[0]!;
  await world.work();
  assert.deepEqual(await world.keys("inventory/held/"), ["inventory/held/stock.csv"]);
  await world.discover({ key, force: { by: "ops", reason: "looked at it" } });
  await world.work();
  assert.equal((await world.job(jobId)).status, "completed_with_errors");
  assert.ok(world.runs > 3, "several runs");
  world.checkStock(100);
  assert.deepEqual(await world.keys("inventory/held/"), []);
});

Deno.test("a job that several runs delivered is replayed by several runs, and its failed rows alone", async () => {
  const world = new PartitionedWorld();
  for (const sku of ["SKU-00007", "SKU-00055", "SKU-00099"]) world.fluent.unknownSkus.add(sku);
  const jobId = await world.deliver(100);
  assert.equal((await world.job(jobId)).status, "completed_with_errors");
  const { settings, ports, state } = world;
  const replay = async (action: "replay" | "replay-failed") => {
    const before = world.fluent.batches.length;
    const runsBefore = world.runs;
    const { jobId: replayId } = await actOnJob(action, await world.job(jobId), { by: "a test" }, {
      settings,
      ports,
      state,
      take: ({ feed: _feed, ...options }) => world.discover(options),
    });
    await world.work();
    const job = await world.job(replayId);
    assert.equal(job.parent?.jobId, jobId);
    return { job, batches: world.fluent.batches.slice(before), runs: world.runs - runsBefore };
  };

  const whole = await replay("replay");
  assert.equal(whole.job.status, "completed_with_errors");
  assert.equal(whole.batches.length, 10);
  assert.equal(whole.runs, 4, "the file's own and three partitions'");

  world.fluent.unknownSkus.clear();
  const failed = await replay("replay-failed");
  assert.equal(failed.job.status, "completed");
  assert.deepEqual(
    failed.batches.flatMap(({ entities }) => entities.map(({ skuRef }) => skuRef)).sort(),
    ["SKU-00007", "SKU-00055", "SKU-00099"],
  );
  world.checkStock(100);
});
