import assert from "node:assert/strict";
import { csvOf, World } from "./world.ts";

const TTL_MS = 300_000;

/** A world with a file that no slice gets anything of: each hangs until its time is over. */
async function hangingWorld() {
  const world = new World();
  const key = await world.put("stock.csv", csvOf(300));
  const { jobId } = (await world.discover()).files[0]!;
  const open = world.store.openFile.bind(world.store);
  let reached = Promise.withResolvers<void>();
  const hang = () => {
    world.store.openFile = (name, options) => {
      if (name !== key) return open(name, options);
      reached.resolve();
      return new Promise(() => {});
    };
  };
  const recover = () => void (world.store.openFile = open);
  /** A delivery that hangs, until the platform makes the next one. */
  const hangingDelivery = async () => {
    reached = Promise.withResolvers<void>();
    const outcome = await Promise.race([world.slice(world.started[0]!), reached.promise]);
    if (!outcome) world.clock.advance(TTL_MS);
    return outcome;
  };
  return { world, key, jobId, hang, recover, hangingDelivery };
}

Deno.test("a job whose slices die without an error fails by itself, says so, and is taken up by the next trigger", async () => {
  const { world, key, jobId, hang, recover, hangingDelivery } = await hangingWorld();
  hang();
  let deliveries = 0;
  let outcome = await hangingDelivery();
  for (; !outcome && deliveries < 50; deliveries++) outcome = await hangingDelivery();
  assert.deepEqual(outcome, { kind: "finished", status: "failed" });
  assert.ok(deliveries >= 5 && deliveries <= 7, `${deliveries} deliveries`);
  const job = await world.job(jobId);
  assert.equal(job.errorCode, "no-progress");
  assert.match(
    job.error ?? "",
    /^No progress for 30 minutes: \d+ slices in a row got no further than 'inspect', and no error says why$/,
  );
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  world.started.length = 0;
  recover();
  assert.equal((await world.discover()).files[0]?.decision, "resumed");
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
});

Deno.test("an outage of the platform ends no job, however long", async () => {
  const { world, jobId, hang, recover, hangingDelivery } = await hangingWorld();
  hang();
  await hangingDelivery();
  world.clock.advance(5 * 3_600_000);
  await hangingDelivery();
  recover();
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
});

Deno.test("a file that waits for its turn is not at a standstill, however long", async () => {
  const world = new World();
  await world.put("a.csv", csvOf(1));
  await world.put("b.csv", csvOf(2));
  const { files } = await world.discover();
  const [first, second] = [world.started[0]!, world.started[1]!];
  for (let n = 0; n < 300; n++) {
    const outcome = await world.slice(second);
    assert.equal(outcome.kind, "again");
    world.clock.advance("afterMs" in outcome ? outcome.afterMs : 0);
  }
  assert.equal((await world.job(files[1]!.jobId)).stage, "turn");
  void first;
  await world.settle();
  assert.deepEqual((await world.jobs()).map(({ status }) => status), ["completed", "completed"]);
});

Deno.test("a file of many slices is not at a standstill", async () => {
  const world = new World();
  Object.assign(world.variables, {
    stallTimeoutMinutes: 0.01,
    sliceSeconds: 0.1,
    sendConcurrency: 1,
    batchSize: 10,
  });
  world.fluent.after = (call) => {
    if (call === "sendBatch") world.clock.advance(60);
    return Promise.resolve();
  };
  const { job } = await world.ingest("stock.csv", csvOf(600));
  assert.equal(job.status, "completed");
});
