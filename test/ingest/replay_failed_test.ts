import assert from "node:assert/strict";
import { actOnJob, type JobAction, type JobRow, listJobRows, possibleActions } from "../../lib/ingest/mod.ts";
import { nextStepOf } from "../../lib/jobs/mod.ts";
import { csvOf, World } from "./world.ts";

function act(world: World, action: JobAction, jobId: string) {
  const { settings, ports, state } = world;
  const take = (
    { feed: _feed, ...options }: Parameters<World["discover"]>[0] & { feed?: string | undefined },
  ) => world.discover(options);
  return world.job(jobId).then((job) =>
    actOnJob(action, job, { by: "a test" }, { settings, ports, state, take })
  );
}

async function rowsOf(world: World, jobId: string, outcome: JobRow["outcome"]): Promise<string[]> {
  const { rows } = await listJobRows(world.store, await world.job(jobId), { outcome });
  return rows.map(({ raw }) => raw);
}

/** SKUs of the last batch Fluent got, in order. */
const lastSent = (world: World) => world.fluent.batches.at(-1)!.entities.map(({ skuRef }) => skuRef);

Deno.test("rows Fluent gave no answer for are named, and sent again beside those it refused, and no others", async () => {
  const world = new World();
  world.fluent.unknownSkus.add("SKU-00007");
  world.fluent.silentSkus.add("SKU-00003").add("SKU-00009");
  const { job, jobId, summary } = await world.ingest("stock.csv", csvOf(20));
  assert.equal(job.status, "completed_with_errors");
  assert.deepEqual([summary.rows.confirmed, summary.rows.failed, summary.rows.unconfirmed], [17, 1, 2]);
  assert.deepEqual(summary.failed.map(({ line }) => line), [9], "one without an answer has not failed");
  assert.deepEqual(await rowsOf(world, jobId, "failed"), ["SKU-00007,LOC-1,7"]);
  assert.deepEqual(await rowsOf(world, jobId, "unconfirmed"), ["SKU-00003,LOC-1,3", "SKU-00009,LOC-1,9"]);
  const rejects = await world.text(String((job.details["reports"] as { rejectsCsv: string }).rejectsCsv));
  assert.match(
    rejects,
    /SKU-00003,LOC-1,3,5,unconfirmed,fluent-no-answer,Fluent gave no answer for this row/,
  );
  const failed = await world.text(String((job.details["reports"] as { failedCsv: string }).failedCsv));
  assert.equal(failed.trim().split("\r\n").length, 2, "what Fluent refused, and nothing else");

  world.fluent.unknownSkus.clear();
  world.fluent.silentSkus.clear();
  const asked = await act(world, "replay-failed", jobId);
  assert.deepEqual(asked.rows, { failed: 1, unconfirmed: 2, leftOut: 0 });
  await world.settle();
  assert.equal((await world.job(asked.jobId)).status, "completed");
  assert.deepEqual(lastSent(world), ["SKU-00007", "SKU-00003", "SKU-00009"]);
  assert.equal(world.fluent.stock().size, 20);
});

Deno.test("where answers don't say for which rows, every row of the batch that was not refused is sent again", async () => {
  const world = new World();
  world.fluent.namesRows = false;
  world.fluent.silentSkus.add("SKU-00003");
  const { job, jobId, summary } = await world.ingest("stock.csv", csvOf(5));
  assert.deepEqual([summary.rows.confirmed, summary.rows.unconfirmed], [4, 1]);
  assert.deepEqual(possibleActions(job), ["replay-failed", "replay"]);
  assert.match(nextStepOf(job)!, /gave no answer for/);
  const { rows } = await listJobRows(world.store, job, { outcome: "unconfirmed" });
  assert.equal(
    rows[0]?.message,
    "Fluent answered for 4 of the 5 rows of its batch, and this may be one of the others",
  );
  world.fluent.silentSkus.clear();
  assert.deepEqual((await act(world, "replay-failed", jobId)).rows, {
    failed: 0,
    unconfirmed: 5,
    leftOut: 0,
  });
  await world.settle();
  assert.equal(lastSent(world).length, 5);
});

Deno.test("an earlier version's report doesn't name rows without an answer: the answer says so", async () => {
  for (const failed of [true, false]) {
    const world = new World();
    if (failed) world.fluent.unknownSkus.add("SKU-00007");
    world.fluent.silentSkus.add("SKU-00003");
    const { job, jobId } = await world.ingest("stock.csv", csvOf(10));
    const { rejectsJsonl } = job.details["reports"] as { rejectsJsonl: string };
    const lines = (await world.text(rejectsJsonl)).split("\n").filter((line) =>
      !line.includes("unconfirmed")
    );
    await world.store.uploadFile(rejectsJsonl, lines.join("\n"));
    if (failed) {
      assert.deepEqual((await act(world, "replay-failed", jobId)).rows, {
        failed: 1,
        unconfirmed: 0,
        leftOut: 1,
      });
    } else {
      await assert.rejects(act(world, "replay-failed", jobId), {
        code: "nothing-to-replay",
        message:
          `Cannot replay the failed rows of job '${jobId}': its report, of an earlier version, doesn't name the ` +
          "rows Fluent gave no answer for (1). Replay the whole file",
      });
    }
  }
});

Deno.test("a job whose rows were all confirmed, and one that only looked, have nothing to replay", async () => {
  const world = new World();
  const { jobId } = await world.ingest("stock.csv", csvOf(10));
  const dry = await world.ingest("other.csv", csvOf(10), { dryRun: true });
  for (const id of [jobId, dry.jobId]) {
    await assert.rejects(act(world, "replay-failed", id), {
      code: "nothing-to-replay",
      message:
        `Cannot replay the failed rows of job '${id}': Fluent refused none, and answered for all that were sent`,
    });
  }
});
