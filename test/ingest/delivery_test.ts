import assert from "node:assert/strict";
import { FluentApiError } from "../../lib/fluent/mod.ts";
import { batchPayloads } from "../../lib/ingest/mod.ts";
import { csvOf, World } from "./world.ts";
import { refusal } from "./fake_fluent.ts";

const text = (world: World, key: string) => world.text(key);

Deno.test("every row Fluent did not take is in failed.jsonl and failed.csv with line, key, code, message and batch id", async () => {
  const world = new World();
  world.variables["batchSize"] = 250;
  world.fluent.unknownSkus.add("SKU-00007");
  world.fluent.poisonSkus.add("SKU-00300");
  const { summary } = await world.ingest("stock.csv", csvOf(500));
  const { failedJsonl, failedCsv } = summary.reports;
  const rows = (await text(world, failedJsonl!)).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(rows, [
    {
      line: 9,
      endLine: 9,
      key: "LOC-1:SKU-00007",
      responseCode: 404,
      code: "fluent-404",
      message: "SKU SKU-00007 not found",
      batch: 0,
      batchId: world.fluent.batches.find(({ entities }) => entities.some(({ qty }) => qty === 7))!.id,
      raw: "SKU-00007,LOC-1,7",
    },
    {
      line: 302,
      endLine: 302,
      key: "LOC-1:SKU-00300",
      responseCode: 400,
      code: "fluent-400",
      message: "qty is out of range",
      batch: 1,
      batchId: null,
      raw: "SKU-00300,LOC-1,300",
    },
  ]);
  const csv = (await text(world, failedCsv!)).split("\r\n");
  assert.equal(csv[0], "line,end_line,key,response_code,code,message,batch,batch_id,raw");
  assert.equal(
    csv[2],
    '302,302,LOC-1:SKU-00300,400,fluent-400,qty is out of range,1,,"SKU-00300,LOC-1,300"',
  );
});

Deno.test("without failed rows there is no report of them", async () => {
  const world = new World();
  const { summary } = await world.ingest("stock.csv", csvOf(10));
  assert.equal(summary.reports.failedCsv, undefined);
  assert.equal(summary.confirmation, "row");
});

Deno.test("the payload of any batch is built again byte for byte, parts and archived files included", async () => {
  const world = new World();
  Object.assign(world.variables, {
    batchSize: 100,
    fluentSource: "ERP",
    fluentCatalogueRef: "DEFAULT:1",
    fluentConditions: '{"hasRelatedInventoryQuantities":[{"type":"IN_TRANSIT","status":"ACTIVE"}]}',
  });
  world.fluent.poisonSkus.add("SKU-00250");
  const { jobId } = await world.ingest("stock.csv", csvOf(400));
  // What is configured later does not change what was sent.
  world.variables["fluentSource"] = "other";
  const sent = new Map(world.fluent.batches.map(({ id, body }) => [id, body]));
  let compared = 0;
  for (let batch = 0; batch < 4; batch++) {
    for (const payload of await batchPayloads(world.ports, world.settings, jobId, batch)) {
      if (payload.fluentBatchId === undefined) continue;
      assert.equal(payload.body, sent.get(payload.fluentBatchId));
      compared++;
    }
  }
  assert.equal(compared, world.fluent.batches.length);
  assert.ok(compared > 4, "one batch went in parts");
  const first = JSON.parse(world.fluent.batches[0]!.body);
  assert.deepEqual(
    [first.source, first.catalogueRef, first.conditions.hasRelatedInventoryQuantities.length],
    [
      "ERP",
      "DEFAULT:1",
      1,
    ],
  );
  await assert.rejects(batchPayloads(world.ports, world.settings, jobId, 4), {
    message: `Job '${jobId}' has no batch 4: expected a number from 0 to 3`,
  });
});

Deno.test("a batch larger than a request may be is sent in parts", async () => {
  const world = new World();
  Object.assign(world.variables, { batchSize: 250, maxRequestBytes: 10_000 });
  const { job } = await world.ingest("stock.csv", csvOf(250));
  assert.equal(job.status, "completed");
  assert.ok(world.fluent.batches.length > 1);
  for (const { body } of world.fluent.batches) assert.ok(body.length <= 10_000, `${body.length} bytes`);
  assert.equal(world.fluent.stock().size, 250);
});

Deno.test("strategy daily: the files of a day share a Fluent job, the next day has another", async () => {
  const world = new World();
  world.variables["fluentJobStrategy"] = "daily";
  await world.ingest("a.csv", csvOf(10));
  const second = await world.ingest("b.csv", csvOf(20));
  assert.equal(second.job.status, "completed");
  assert.equal(world.fluent.jobs.length, 1);
  assert.equal(world.fluent.names[0], "Inventory inventory 2026-01-01");
  world.clock.advance(86_400_000);
  await world.ingest("c.csv", csvOf(30));
  assert.equal(world.fluent.jobs.length, 2);
});

Deno.test("strategy long-running: one Fluent job across days until Fluent closes it, then another one, both recorded", async () => {
  const world = new World();
  world.variables["fluentJobStrategy"] = "long-running";
  await world.ingest("a.csv", csvOf(10));
  world.clock.advance(3 * 86_400_000);
  await world.ingest("b.csv", csvOf(20));
  assert.equal(world.fluent.jobs.length, 1);
  world.fluent.before = (call) => {
    if (call === "sendBatch" && world.fluent.jobs.length === 1) {
      throw refusal(400, "fluent-job-closed", "job is closed");
    }
  };
  const { summary, job } = await world.ingest("c.csv", csvOf(30));
  assert.equal(job.status, "completed");
  assert.deepEqual(summary.fluentJobs, world.fluent.jobs);
  assert.equal((await world.ingest("d.csv", csvOf(40))).summary.fluentJobs.length, 1);
  assert.equal(world.fluent.jobs.length, 2);
});

for (const arrived of [true, false]) {
  Deno.test(`in a shared Fluent job, another file's batches are never taken for a lost one (which ${arrived ? "arrived" : "did not arrive"})`, async () => {
    const world = new World();
    Object.assign(world.variables, { fluentJobStrategy: "daily", sendConcurrency: 1 });
    await world.ingest("a.csv", csvOf(300));
    const before = world.fluent.batches.length;
    let lost = true;
    const lose = (call: string) => {
      if (call !== "sendBatch" || !lost) return;
      lost = false;
      throw refusal(504, "fluent-unavailable", "gateway");
    };
    if (arrived) world.fluent.after = lose;
    else world.fluent.before = lose;
    // The same keys, other quantities: only the known ids tell the files apart.
    const other = csvOf(300).replaceAll(/,(\d+)$/gm, ",1$1");
    const { job, summary } = await world.ingest("b.csv", other);
    assert.equal(job.status, "completed");
    assert.equal(world.fluent.batches.length, before + 3);
    assert.equal(summary.batches.resent, arrived ? 0 : 1);
    for (let i = 0; i < 300; i++) {
      assert.equal(world.fluent.stock().get(`LOC-1|SKU-${String(i).padStart(5, "0")}`), Number(`1${i}`));
    }
  });
}

Deno.test("with pre-processing, rows without an answer of their own are confirmed with their batch, and it is said", async () => {
  const world = new World();
  world.variables["fluentPreprocessing"] = "enabled";
  world.fluent.answersRows = false;
  const { job, summary } = await world.ingest("stock.csv", csvOf(100));
  assert.equal(job.status, "completed");
  assert.equal(summary.rows.confirmed, 100);
  assert.equal(summary.confirmation, "batch");
  assert.match(
    summary.message ?? "",
    /100 of 100 rows confirmed \(all as part of their batch: Fluent's pre-processing/,
  );
  assert.deepEqual(world.fluent.metas[0], { preprocessing: "enabled" });
});

Deno.test("without pre-processing, rows Fluent does not answer for are not confirmed", async () => {
  const world = new World();
  world.fluent.answersRows = false;
  const { job, summary } = await world.ingest("stock.csv", csvOf(100));
  assert.equal(job.status, "completed_with_errors");
  assert.equal(summary.rows.unconfirmed, 100);
  assert.equal(summary.confirmation, undefined);
});

Deno.test("a row answered 500 every time is found and costs itself", async () => {
  const world = new World();
  world.variables["batchSize"] = 50;
  world.fluent.breakingSkus.add("SKU-00033");
  const { job, summary } = await world.ingest("stock.csv", csvOf(200));
  assert.equal(job.status, "completed_with_errors");
  assert.deepEqual(summary.failed.map(({ line, code }) => [line, code]), [[35, "fluent-500"]]);
  assert.equal(world.fluent.stock().size, 199);
});

Deno.test("a job that makes no progress fails by itself after the configured time, and says so", async () => {
  const world = new World();
  world.variables["stallTimeoutMinutes"] = 5;
  world.fluent.before = (call) => {
    if (call === "sendBatch") {
      throw new FluentApiError("Fluent is away", {
        code: "fluent-unreachable",
        retry: "later",
        effect: "none",
        method: "POST",
        path: "/x",
      });
    }
  };
  await world.put("stock.csv", csvOf(100));
  const { jobId } = (await world.discover()).files[0]!;
  const from = world.clock.now();
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.error, "No progress for 5 minutes: Fluent is away");
  const minutes = (world.clock.now() - from) / 60_000;
  assert.ok(minutes >= 5 && minutes < 8, `${minutes} minutes`);
});

Deno.test("a crash between a send and the journal's write costs no duplicate where Fluent lists its batches", async () => {
  for (const lists of [true, false]) {
    const world = new World();
    world.fluent.listsBatches = lists;
    await world.put("stock.csv", csvOf(900));
    await world.discover();
    const [run] = world.started;
    let gone = false;
    world.fluent.after = (call, batches) => {
      if (call === "sendBatch" && batches === 4) gone = true;
    };
    world.memory.before = () => {
      if (gone) throw new Error("the process is gone");
    };
    await assert.rejects(world.slice(run!), /the process is gone/);
    gone = false;
    world.memory.before = () => {};
    world.fluent.after = () => {};
    await world.settle();
    const [job] = await world.jobs();
    assert.equal(job?.status, "completed");
    assert.equal(world.fluent.stock().size, 900);
    if (lists) assert.equal(world.fluent.duplicates(), 0);
    else assert.ok(world.fluent.duplicates() <= 5, `${world.fluent.duplicates()} duplicates`);
    assert.equal(world.fluent.jobs.length, 1);
  }
});

Deno.test("polls that fail until the deadline leave the job unfinished, not failed, and it can be resumed", async () => {
  const world = new World();
  world.variables["pollTimeoutMinutes"] = 2;
  let sent = false;
  world.fluent.after = (call) => {
    if (call === "sendBatch") sent = true;
  };
  world.fluent.before = (call) => {
    if (sent && call !== "sendBatch") throw refusal(503, "fluent-unavailable", "maintenance");
  };
  await world.put("stock.csv", csvOf(100));
  const { jobId } = (await world.discover()).files[0]!;
  assert.deepEqual(await world.settle(), [{ kind: "unfinished" }]);
  assert.equal((await world.job(jobId)).stage, "unfinished");
  world.fluent.before = () => {};
  await world.discover();
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
  assert.equal(world.fluent.batches.length, 1);
});

Deno.test("a crash while a refused batch is being isolated costs no duplicate either", async () => {
  const world = new World();
  world.variables["batchSize"] = 64;
  world.fluent.poisonSkus.add("SKU-00033");
  await world.put("stock.csv", csvOf(64));
  await world.discover();
  const [run] = world.started;
  let gone = false;
  world.fluent.after = (call, batches) => {
    if (call === "sendBatch" && batches === 2) gone = true;
  };
  world.memory.before = () => {
    if (gone) throw new Error("the process is gone");
  };
  await assert.rejects(world.slice(run!), /the process is gone/);
  gone = false;
  world.memory.before = () => {};
  world.fluent.after = () => {};
  await world.settle();
  const [job] = await world.jobs();
  assert.equal(job?.status, "completed_with_errors");
  assert.equal(world.fluent.stock().size, 63);
  assert.equal(world.fluent.duplicates(), 0);
});

Deno.test("a delivery over many slices asks for nothing, because slices that end in good order leave no doubts", async () => {
  const world = new World();
  Object.assign(world.variables, { sliceSeconds: 1, batchSize: 10, sendConcurrency: 3 });
  let asked = 0;
  let slices = 0;
  world.fluent.before = async (call, batches) => {
    if (call === "getJob" && batches < 100) asked++;
    if (call === "sendBatch") await world.clock.sleep(100);
  };
  await world.put("stock.csv", csvOf(1_000));
  await world.discover();
  await world.settle(() => slices++);
  assert.equal((await world.jobs())[0]?.status, "completed");
  assert.ok(slices > 3, `${slices} slices`);
  assert.equal(asked, 0);
  assert.equal(world.fluent.batches.length, 100);
});
