import assert from "node:assert/strict";
import { createClient, type FluentClient, PartialBatchRecovery, silentLogger } from "../../lib/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { batchInventorySync } from "./basic_batch_workflow.ts";
import { reportErrors } from "./batch_error_reporting.ts";
import * as parallel from "./parallel_batch_sending.ts";
import * as recovery from "./partial_batch_recovery.ts";
import * as polling from "./status_polling.ts";
import { files, type Stage, waits, withStage } from "./_stage.ts";

/** `count` entities of the given SKUs, or of SKU_0, SKU_1, … */
function entities(count: number, sku = (i: number) => `SKU_${i}`) {
  return Array.from({ length: count }, (_, i) => ({
    skuRef: sku(i),
    locationRef: "LOC_1",
    qty: i,
    retailerId: "2",
  }));
}

function csv(rows: readonly string[]): string {
  return ["sku,location,qty", ...rows, ""].join("\n");
}

/** A job with these entities in batches of ten. */
async function jobOf(client: FluentClient, rows: readonly Record<string, unknown>[]) {
  const job = await client.createJob({ name: "a job" });
  for (let i = 0; i < rows.length; i += 10) {
    const batch = rows.slice(i, i + 10);
    await client.sendBatch(job.id, { action: "UPSERT", entityType: "INVENTORY", entities: batch });
  }
  return job;
}

Deno.test("Basic Batch Workflow: a file's rows become stock, the file is archived, and refused rows are counted", async () => {
  const rows = Array.from({ length: 250 }, (_, i) => `SKU_${i},LOC_1,${i}`);
  rows[7] = "SKU_7,LOC_1,N/A";
  const options = { pendingMs: 40_000, unknownSkus: ["SKU_3"] };
  await withStage(options, { "inventory/daily-update.csv": csv(rows) }, async ({ fluent, s3, said }) => {
    await batchInventorySync();
    const stock = fluent.stock();
    assert.equal(stock.size, 248);
    assert.equal(stock.get("SKU_249\u0000LOC_1"), 249);
    assert.equal(stock.has("SKU_7\u0000LOC_1"), false);
    assert.deepEqual(fluent.batches().map(({ entityCount }) => entityCount), [100, 100, 49]);
    assert.deepEqual(waits, [30_000, 30_000]);
    assert(said.includes("Parsed 250 records"));
    assert(said.some((line) => line.startsWith("Mapping error:") && line.includes("N/A")));
    assert(said.includes("Mapped 249 records"));
    assert(said.includes("Job status: PENDING (0/3 batches)"));
    assert.deepEqual(said.slice(-3), ["✓ Job completed successfully", "Total records: 249", "Errors: 1"]);
    const keys = (await s3.listFiles("inventory/")).map(({ key }) => key);
    assert.deepEqual(keys, ["inventory/archive/daily-update.csv"]);
  });
});

Deno.test("Basic Batch Workflow: when nothing is taken the job has failed, and the file goes to the errors", async () => {
  const options = { unknownLocations: ["LOC_1"] };
  await withStage(
    options,
    { "inventory/daily-update.csv": csv(["A,LOC_1,1"]) },
    async ({ fluent, s3, said }) => {
      await batchInventorySync();
      assert.equal(fluent.stock().size, 0);
      assert.equal(said.at(-1), "✗ Job failed: FAILED");
      const keys = (await s3.listFiles("inventory/")).map(({ key }) => key);
      assert.deepEqual(keys, ["inventory/errors/daily-update.csv"]);
    },
  );
});

const POLLS: [
  string,
  (client: FluentClient, job: { id: string }, stage: Stage) => Promise<{ status: string }>,
][] = [
  ["its own loop", (client, job) => polling.usage(client, job)],
  ["the export", (client, job, { clock }) => polling.usageOfTheExport(client, job, { clock })],
];

for (const [name, poll] of POLLS) {
  Deno.test(`Status Polling by ${name}: progress is told until the job is COMPLETED`, async () => {
    await withStage({ pendingMs: 20_000, runningMs: 50_000 }, {}, async (stage) => {
      const client = createClient({ config: stage.config });
      const job = await jobOf(client, entities(20));
      assert.equal((await poll(client, job, stage)).status, "COMPLETED");
      const progress = stage.said.filter((line) => line.startsWith("Progress"));
      assert.deepEqual(progress.slice(0, 3), ["Progress: 0/2", "Progress: 0/2", "Progress: 0/2"]);
    });
  });

  Deno.test(`Status Polling by ${name}: a job of which nothing was taken is an error with Fluent's reason`, async () => {
    await withStage({ failingSkus: { SKU_0: 500 } }, {}, async (stage) => {
      const client = createClient({ config: stage.config });
      const job = await jobOf(client, entities(1));
      await assert.rejects(
        poll(client, job, stage),
        /1 of 1 rows refused: 1 with 500 \('Internal server error'\)/,
      );
    });
  });
}

Deno.test("Status Polling, adaptive: the interval follows the number of batches", async () => {
  await withStage({ pendingMs: 25_000 }, {}, async ({ config, clock }) => {
    const client = createClient({ config });
    const job = await jobOf(client, entities(20));
    await polling.adaptivePolling(client, job, [1, 2], { clock });
    assert.deepEqual(clock.slept, [10_000, 10_000, 10_000]);
    await polling.adaptivePolling(client, job, Array(50).fill(0), { clock });
    assert.deepEqual(clock.slept.length, 3); // completed: no wait
  });
});

Deno.test("Parallel Batch Sending: every batch arrives once, five at a time", async () => {
  await withStage({}, {}, async ({ fluent, config, said }) => {
    const client = createClient({ config });
    const job = await client.createJob({ name: "parallel" });
    const sent = await parallel.usage(client, job, parallel.chunkArray(entities(230), 20));
    assert.equal(new Set(sent.map(({ id }) => id)).size, 12);
    assert.equal(fluent.stock().size, 230);
    assert.deepEqual(fluent.duplicateBatches(), []);
    assert.deepEqual(said, ["Sent batches 1 to 5", "Sent batches 6 to 10", "Sent batches 11 to 12"]);
  });
});

Deno.test("Partial Batch Recovery: a poison record of 250 costs itself; what is left is kept under its key", async () => {
  await withStage({ poisonSkus: ["SKU_123"] }, {}, async ({ fluent, config, said }) => {
    await recovery.resilientBatchSync({ config, records: entities(250) });
    assert.equal(fluent.stock().size, 249);
    assert.deepEqual(fluent.duplicateBatches(), []);
    assert(said.includes("✓ Success: 249/250"));
    assert(said.includes("✗ Failed: 1 records"));
    assert(said.some((line) => line.startsWith("Checkpoint saved: inventory-sync-2025-01-24")));
    assert((fluent.requests.byEndpoint.sendBatch ?? 0) <= 3 + 2 * Math.ceil(Math.log2(100)));
  });
});

Deno.test("Partial Batch Recovery, with the Batch API: the job's state and the records' in one answer", async () => {
  await withStage({ poisonSkus: ["SKU_5"] }, {}, async ({ config, fluent }) => {
    const found = await recovery.batchIngestionWithRecovery(entities(20), { config, records: [] });
    assert.equal(found.jobStatus, "COMPLETED");
    assert.deepEqual([found.totalRecords, found.successCount, found.failedCount], [20, 19, 1]);
    assert.equal(found.failedRecords[0]?.index, 5);
    assert.equal(fluent.jobs()[0]?.retailerId, "my-retailer");
  });
});

Deno.test("Partial Batch Recovery, checkpoint and resume: what failed is sent again, what was delivered is not", async () => {
  await withStage({}, {}, async ({ said, clock }) => {
    let broken = true;
    const delivered: number[] = [];
    const processBatch = (batch: { qty: number }[]) => {
      if (broken && batch.some(({ qty }) => qty >= 100)) return Promise.reject(new Error("network down"));
      delivered.push(...batch.map(({ qty }) => qty));
      return Promise.resolve({});
    };
    const parts = { clock };
    const one = new PartialBatchRecovery({ ...silentLogger, info: () => broken = false }, parts); // works from the first summary on
    await recovery.checkpointAndResume(one, entities(150), processBatch);
    assert.deepEqual(delivered.sort((a, b) => a - b), Array.from({ length: 150 }, (_, i) => i));
    assert(said.some((line) => line.startsWith("Checkpoint created: daily-inventory-sync")));
    assert(said.includes("Resume: 50 recovered"));
  });
});

Deno.test("Partial Batch Recovery, custom retry logic: the caller decides what is worth another attempt", async () => {
  const attempts = async (message: string) => {
    let calls = 0;
    const one = new PartialBatchRecovery(undefined, { clock: new VirtualClock() });
    const processBatch = () => Promise.reject(new Error(message, { cause: calls++ }));
    const result = await recovery.customRetryLogic(one, entities(1), processBatch);
    return [calls, result.failedCount];
  };
  assert.deepEqual(await attempts("validation failed"), [1, 1]);
  assert.deepEqual(await attempts("rate limit"), [4, 1]);
  assert.deepEqual(await attempts("something else"), [6, 1]);
});

Deno.test("Partial Batch Recovery, failure details: record, reason, attempts and time of each, in a file", async () => {
  await withStage({ poisonSkus: ["SKU_1"] }, {}, async ({ config, said, clock }) => {
    const client = createClient({ config });
    const job = await client.createJob({ name: "details" });
    const result = await new PartialBatchRecovery(undefined, { clock }).processBatchWithRecovery(
      entities(3),
      (batch) => client.sendBatch(job.id, { action: "UPSERT", entityType: "INVENTORY", entities: batch }),
    );
    await recovery.recordFailureDetails(result);
    assert.match(said.at(-1)!, /^Record 1 failed: .*SKU_1 cannot be processed/s);
    const [failure] = JSON.parse(files.get("failed-records.json")!);
    assert.deepEqual([failure.index, failure.record.skuRef], [1, "SKU_1"]);
    assert.match(failure.error.message, /answered 400/);
    assert.match(failure.timestamp, /^2026-01-01T/);
    assert(failure.attemptCount >= 1);
  });
});

Deno.test("Batch API Error Reporting: every refused row of the job with its reference, code and reason, in the bucket", async () => {
  const options = { unknownSkus: ["SKU_3", "SKU_17"], failingSkus: { SKU_18: 500 as const } };
  await withStage(options, {}, async ({ config, s3, said }) => {
    const client = createClient({ config });
    const good = await jobOf(client, entities(3));
    await reportErrors(client, s3, good);
    assert.deepEqual(await s3.listFiles("inventory/errors/"), []);

    const job = await jobOf(client, entities(30));
    await reportErrors(client, s3, job);
    assert.equal(said.at(-1), "Job completed with 3 errors");
    const report = JSON.parse(await s3.downloadFile("inventory/errors/batch-errors.json") as string);
    const error = (sku: string, errorType: string, errorMessage: string) => ({
      recordRef: `LOC_1:${sku}`,
      errorType,
      errorMessage,
    });
    assert.deepEqual(report.map(({ errors }: { errors: unknown }) => errors), [
      [error("SKU_3", "404", "Sku SKU_3 not found")],
      [error("SKU_17", "404", "Sku SKU_17 not found"), error("SKU_18", "500", "Internal server error")],
    ]);
  });
});
