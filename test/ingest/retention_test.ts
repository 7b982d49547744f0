import assert from "node:assert/strict";
import { actOnJob, type RemainsPorts, retain } from "../../lib/ingest/mod.ts";
import { S3Error } from "../../lib/s3/mod.ts";
import { csvOf, World } from "./world.ts";

const DAY_MS = 86_400_000;

function tools(world: World): [RemainsPorts] {
  const { settings, ports, state } = world;
  return [{ settings, ports, state }];
}

/** Lets the connector remove what is over until it finds nothing more. */
async function retainAll(world: World): Promise<void> {
  for (let call = 0; call < 50; call++) {
    const done = await retain(tools(world), { most: 100, endsAt: Infinity });
    if (done.jobs + done.files + done.payloads === 0) return;
    world.clock.advance(DAY_MS);
  }
  assert.fail("there is always something more to remove");
}

/** Keys of the store below the connector's own corner, without what belongs to no job. */
function keysOf(world: World, ...not: string[]): string[] {
  const own = ["sent", "retention", "history/pending/.state", ...not].map((name) =>
    `fluent-inventory/${name}`
  );
  return [...world.memory.entries.keys()].filter((key) => !own.some((prefix) => key.startsWith(prefix)));
}

Deno.test("when a job's time is over, all it kept goes with it; when its file's is, nothing of either is left", async () => {
  const world = new World({ conditionalPut: true });
  world.fluent.unknownSkus.add("SKU-00007");
  // Written back as plain UTF-8, so that there is a copy of the file as well.
  const utf16 = new Uint8Array(
    new Uint16Array([...("\uFEFF" + csvOf(300, ["A,L,x"]))].map((c) => c.charCodeAt(0))).buffer,
  );
  const { jobId } = await world.ingest("stock.csv", utf16);
  assert.ok((await world.keys("inventory/work/")).length > 2);
  world.clock.advance(8 * DAY_MS);
  await retainAll(world);
  assert.equal(await world.state.tracker.getJob(jobId), undefined);
  assert.deepEqual(keysOf(world, "claims/feed-", "files/"), [], "only the ledger and the feed remember");
  assert.deepEqual(await world.keys("inventory/work/claims/job-"), []);
  assert.deepEqual(await world.keys(`inventory/work/${jobId}/`), []);
  assert.equal((await world.keys("inventory/reports/")).length, 5, "reports are the user's");
  assert.equal((await world.keys("inventory/archive/")).length, 1);

  world.clock.advance(90 * DAY_MS);
  await retainAll(world);
  assert.deepEqual(keysOf(world, "claims/feed-"), []);
});

Deno.test("a file that still lies where it arrived is never forgotten, nor ingested again", async () => {
  const world = new World();
  // The delete is lost: the file was delivered, and stays.
  const key = await world.put("stock.csv", csvOf(20));
  const deleteFile = world.store.deleteFile.bind(world.store);
  world.store.deleteFile = (name, options) => name === key ? Promise.resolve() : deleteFile(name, options);
  await world.discover();
  await world.settle();
  const sent = world.fluent.batches.length;
  const cancelled = await world.put("other.csv", csvOf(5));
  const { files: [found] } = await world.discover({ key: cancelled });
  await actOnJob("cancel", await world.job(found!.jobId), { by: "a test" }, {
    ...tools(world)[0],
    take: () => Promise.reject(new Error("not asked for")),
  });
  await world.settle();
  for (let year = 0; year < 3; year++) {
    world.clock.advance(365 * DAY_MS);
    await retainAll(world);
    const { files } = await world.discover();
    assert.deepEqual(files.map(({ decision }) => decision), ["ingested", "ingested"]);
  }
  assert.equal(world.fluent.batches.length, sent);
  // Once it is gone, so is its entry.
  await deleteFile(key);
  await deleteFile(cancelled);
  world.clock.advance(2 * DAY_MS);
  await retainAll(world);
  assert.deepEqual(keysOf(world, "claims/feed-"), []);
});

Deno.test("the guard against old files remembers whatever is forgotten", async () => {
  const world = new World();
  const newer = await world.ingest("newer.csv", csvOf(20));
  assert.equal(newer.job.status, "completed");
  world.clock.advance(400 * DAY_MS);
  await retainAll(world);
  assert.equal(await world.state.tracker.getJob(newer.jobId), undefined);
  const history = await world.state.history.get("inventory");
  assert.equal(history.newest?.key, newer.key);
  assert.equal(history.snapshot?.rows, 20);
  // A file far smaller than the last snapshot, long forgotten as a job, is held all the same.
  const shrunk = await world.ingest("small.csv", csvOf(2));
  assert.match(shrunk.job.message ?? "", /less than the 20 of 'inventory\/incoming\/newer\.csv' before it/);
});

Deno.test("a forgotten file that comes again is ingested from its first row, as a job that knows nothing of an earlier one", async () => {
  const world = new World();
  const first = await world.ingest("stock.csv", csvOf(20));
  world.clock.advance(100 * DAY_MS);
  assert.equal((await world.state.ledger.getFile(await fileOf(world, first.jobId)))?.status, undefined);
  await retainAll(world);
  const sent = world.fluent.batches.length;
  const again = await world.ingest("stock.csv", csvOf(20));
  assert.equal(again.jobId, first.jobId, "the same content has the same name");
  assert.equal(again.job.status, "completed");
  assert.equal(again.summary.rows.confirmed, 20);
  assert.equal(world.fluent.batches.length, sent + 1);
});

for (const swept of [true, false]) {
  Deno.test(`as long as a job may go on, it keeps its place, its record ${swept ? "swept" : "only expired"}: what was delivered is not sent again`, async () => {
    const world = new World();
    world.variables["batchSize"] = 100;
    world.variables["sendConcurrency"] = 1;
    world.variables["stallTimeoutMinutes"] = 1;
    let refuse = true;
    world.fluent.before = (call, batch) => {
      if (refuse && call === "sendBatch" && batch >= 2) throw new TypeError("a bug, say");
    };
    const { job, jobId } = await world.ingest("stock.csv", csvOf(500)).catch(async () => {
      const [job] = await world.jobs();
      return { job: job!, jobId: job!.jobId };
    });
    assert.equal(job.status, "failed");
    const before = world.fluent.batches.length;
    assert.equal(before, 2);
    world.clock.advance(200 * DAY_MS);
    if (swept) await retainAll(world);
    assert.equal(await world.state.tracker.getJob(jobId), undefined);
    refuse = false;
    const [key] = await world.keys("inventory/errors/");
    const { files } = await world.discover({ key: key! });
    assert.deepEqual(files.map((file) => [file.jobId, file.decision]), [[jobId, "resumed"]]);
    await world.settle();
    assert.equal((await world.job(jobId)).status, "completed");
    assert.equal(world.fluent.batches.length, 5, "the two that were accepted are not sent again");
  });
}

Deno.test("a crash at any operation of the removal leaves what the next one finishes", async () => {
  for (let at = 0;; at++) {
    const world = new World();
    await world.ingest("stock.csv", csvOf(20));
    await world.ingest("dry.csv", csvOf(30), { dryRun: true });
    await world.store.deleteFile("inventory/incoming/dry.csv");
    world.clock.advance(100 * DAY_MS);
    let left = at;
    world.memory.before = () => {
      if (left-- === 0) throw new Error("the process died");
    };
    const ended = await retain(tools(world), { most: 100, endsAt: Infinity }).then(() => true, () => false);
    world.memory.before = () => {};
    world.clock.advance(2 * DAY_MS);
    const { jobs } = await world.state.tracker.history.list();
    assert.deepEqual(jobs, [], "what is over is never told");
    await retainAll(world);
    await world.state.tracker.history.list();
    assert.deepEqual(keysOf(world, "claims/feed-"), [], `after a crash at operation ${at}`);
    assert.deepEqual(await world.keys("inventory/work/"), []);
    if (ended) return assert.ok(at > 20);
  }
});

Deno.test("a job somebody is at work on stays, and one whose objects can't be removed keeps none of the others", async () => {
  const world = new World();
  const one = await world.ingest("one.csv", csvOf(5));
  const two = await world.ingest("two.csv", csvOf(6));
  const deny = world.store.listObjects.bind(world.store);
  world.store.listObjects = (options = {}) => {
    const prefix = options.prefix ?? "";
    if (!prefix.includes(two.jobId)) return deny(options);
    throw new S3Error("the bucket's policy", {
      code: "s3-access-denied",
      operation: "list",
      bucket: "stock",
      key: prefix,
    });
  };
  const three = await world.ingest("three.csv", csvOf(7));
  world.clock.advance(8 * DAY_MS);
  const claimed = await world.state.claims.acquire(one.jobId, { run: "r", attempt: 1 });
  assert.equal(claimed.kind, "ours");
  assert.equal((await retain(tools(world), { most: 100, endsAt: Infinity })).jobs, 1);
  const known = (jobId: string) => world.memory.entries.has(`fluent-inventory/jobs/${jobId}`);
  assert.deepEqual([one, two, three].map(({ jobId }) => known(jobId)), [true, true, false]);
  if (claimed.kind === "ours") await claimed.claim.release();
  await retainAll(world);
  assert.deepEqual([one, two].map(({ jobId }) => known(jobId)), [false, true]);
  world.store.listObjects = deny;
  await retainAll(world);
  assert.equal(known(two.jobId), false);
});

Deno.test("a file the connector made goes with the job that only looked at it, and stays for one that is held", async () => {
  const world = new World();
  const as = { name: "payloads/p.csv", encoding: "utf-8" };
  const looked = "inventory/work/staged/payloads/looked.csv";
  const held = "inventory/work/staged/payloads/held.csv";
  await world.store.uploadFile(looked, csvOf(5));
  await world.store.uploadFile(held, csvOf(2, ["A,L,x", "B,L,x"]));
  await world.discover({ key: looked, as, dryRun: true });
  await world.discover({ key: held, as });
  await world.settle();
  world.clock.advance(200 * DAY_MS);
  await retainAll(world);
  assert.deepEqual(await world.keys("inventory/work/staged/"), []);
  const [aside] = await world.keys("inventory/held/");
  assert.ok(aside);
  assert.equal(
    (await world.discover({ key: aside, as })).files[0]?.decision,
    "held",
    "somebody has to force it",
  );
  await world.store.deleteFile(aside);
  world.clock.advance(2 * DAY_MS);
  await retainAll(world);
  assert.deepEqual(keysOf(world, "claims/feed-"), [], "once it is gone, nothing is left of it");
});

Deno.test("an idempotency key is remembered as long as a file, and longer while the payload waits", async () => {
  const world = new World();
  const at = new Date(world.clock.now()).toISOString();
  await world.ports.kv.set(["seen", "x"], {
    v: 1,
    etag: "e",
    size: 1,
    lastModified: at,
    since: world.clock.now(),
  });
  for (const name of ["payload-a.csv", "payload-b.csv"]) {
    await world.ports.kv.set(["payloads", name], { v: 1, digest: "d", at });
  }
  await world.store.uploadFile("inventory/work/staged/payloads/payload-b.csv", csvOf(1));
  world.clock.advance(89 * DAY_MS);
  await retainAll(world);
  assert.equal(keysOf(world).length, 3);
  world.clock.advance(10 * DAY_MS);
  await retainAll(world);
  assert.deepEqual(keysOf(world), ["fluent-inventory/payloads/payload-b.csv"]);
});

Deno.test("fencing tokens of a feed don't grow in number for ever, and their claim stays safe", async () => {
  const world = new World({ conditionalPut: true });
  for (let n = 0; n < 40; n++) {
    const acquired = await world.state.claims.acquire("feed-inventory", { run: `r${n}`, attempt: 1 });
    assert.equal(acquired.kind, "ours");
    if (acquired.kind === "ours") await acquired.claim.release();
  }
  await retain(tools(world), { most: 100, endsAt: Infinity });
  assert.equal((await world.keys("inventory/work/claims/")).length, 33);
  const next = await world.state.claims.acquire("feed-inventory", { run: "next", attempt: 1 });
  assert.equal(next.kind === "ours" && next.claim.fence, 41);
});

Deno.test("a retention of 0 days forgets no file", async () => {
  const world = new World();
  world.variables["ledgerRetentionDays"] = 0;
  const { jobId } = await world.ingest("stock.csv", csvOf(5));
  const file = await fileOf(world, jobId);
  world.clock.advance(4_000 * DAY_MS);
  await retainAll(world);
  assert.equal((await world.state.ledger.getFile(file))?.status, "completed");
});

async function fileOf(world: World, jobId: string) {
  const job = await world.state.tracker.getJob(jobId);
  return (job?.details["file"] ?? { bucket: "stock", key: "", etag: "x", size: 0, lastModified: "" }) as {
    bucket: string;
    key: string;
    etag: string;
    size: number;
    lastModified: string;
  };
}

Deno.test("what a file's partitions left goes with its job, and not while one of them is at work; an unreadable run keeps its own job only", async () => {
  const world = new World({ conditionalPut: true });
  const { jobId } = await world.ingest("stock.csv", csvOf(20));
  const run = `fluent-inventory/runs/${jobId}`;
  const record = JSON.parse(world.memory.entries.get(run)!);
  world.memory.entries.set(run, JSON.stringify({ ...record, partitions: { size: 10, count: 2, window: 1 } }));
  // One that cannot be read keeps its job's record, and no other's.
  const broken = await world.ingest("other.csv", csvOf(21));
  const other = `fluent-inventory/runs/${broken.jobId}`;
  const readable = world.memory.entries.get(other)!;
  world.memory.entries.set(other, JSON.stringify({ v: 99 }));
  // A partition's run that was only just told to stop has written its place once more.
  await world.ports.kv.set(["partitions", jobId, "1"], { v: 1 });
  world.clock.advance(8 * DAY_MS);
  const claimed = await world.state.claims.acquire(`${jobId}-partition-1`, { run: "r", attempt: 1 });
  assert.equal((await retain(tools(world), { most: 100, endsAt: Infinity })).jobs, 0);
  if (claimed.kind === "ours") await claimed.claim.release();
  assert.equal((await retain(tools(world), { most: 100, endsAt: Infinity })).jobs, 1);
  world.memory.entries.set(other, readable);
  await retainAll(world);
  assert.deepEqual(keysOf(world, "claims/feed-", "files/"), []);
  assert.deepEqual(await world.keys(`inventory/work/claims/${jobId}`), []);
});
