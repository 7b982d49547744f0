import assert from "node:assert/strict";
import { actOnJob } from "../../lib/ingest/mod.ts";
import { S3Error } from "../../lib/s3/mod.ts";
import { csvOf, World } from "./world.ts";

const noAnswer = (operation: "copy" | "delete", key: string) =>
  new S3Error("no answer", { operation, key, bucket: "stock", code: "s3-unreachable", retry: "later" });

const act = (world: World, action: "release" | "replay", jobId: string) =>
  world.state.tracker.findJob(jobId).then((job) =>
    actOnJob(action, job, { by: "ops", reason: "looked at it" }, {
      settings: world.settings,
      ports: world.ports,
      state: world.state,
      take: (options) => world.discover(options),
    })
  );

/** A world in which the manifest is found damaged by a job's second slice: it fails for good, some of its rows sent. */
async function worldWithFailedJob() {
  const world = new World();
  Object.assign(world.variables, { batchSize: 10, sendConcurrency: 1 });
  world.fluent.before = (call) => {
    if (call === "sendBatch") world.clock.advance(7_000);
  };
  const key = await world.put("shop/stock.csv", csvOf(300));
  const { jobId } = (await world.discover()).files[0]!;
  const upload = world.store.uploadFile.bind(world.store);
  world.store.uploadFile = async (name, body, options) => {
    const damaged = name.endsWith("manifest.json")
      ? String(body).replace('"columns":[', '"columns":[7,')
      : body;
    return await upload(name, damaged, options);
  };
  assert.equal((await world.slice(world.started[0]!)).kind, "again");
  assert.ok(world.fluent.stock().size > 0 && world.fluent.stock().size < 300);
  const mend = async () => {
    world.store.uploadFile = upload;
    const manifest = `inventory/work/${jobId}/manifest.json`;
    await upload(manifest, (await world.text(manifest)).replace("[7,", "["));
  };
  return { world, key, jobId, mend };
}

Deno.test("a held file is moved below held/, its folder mirrored, and its job says where", async () => {
  const world = new World();
  const { job, key } = await world.ingest("shop/empty.csv", "sku,location,qty\n");
  assert.equal(job.status, "held");
  assert.equal(job.details["movedTo"], "inventory/held/shop/empty.csv");
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.equal(await world.text("inventory/held/shop/empty.csv"), "sku,location,qty\n");
  assert.equal((await world.summary(job.jobId)).file.key, key, "the file is known by where it arrived");
});

Deno.test("a held file is released from where it lies now, delivered, and archived from there", async () => {
  const world = new World();
  const { jobId } = await world.ingest("stock.csv", csvOf(10, ["BAD,LOC-1,x"]));
  assert.deepEqual(await world.keys("inventory/held/"), ["inventory/held/stock.csv"]);
  assert.equal((await act(world, "release", jobId)).decision, "accepted");
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "completed_with_errors");
  assert.equal(job.details["archivedAs"], "inventory/archive/stock.csv");
  assert.equal(job.details["movedTo"], null);
  assert.equal(world.fluent.stock().size, 10);
  assert.deepEqual(await world.keys("inventory/held/"), []);
  assert.deepEqual(await world.keys("inventory/archive/"), ["inventory/archive/stock.csv"]);
});

for (const key of ["inventory/incoming/stock.csv", "inventory/held/stock.csv"]) {
  Deno.test(`a held file is forced by '${key}'`, async () => {
    const world = new World();
    const { jobId } = await world.ingest("stock.csv", csvOf(10, ["BAD,LOC-1,x"]));
    assert.deepEqual((await world.discover({ key })).files.map(({ decision }) => decision), ["held"]);
    await world.discover({ key, force: { by: "ops", reason: "I know" } });
    await world.settle();
    assert.equal((await world.job(jobId)).status, "completed_with_errors");
    assert.deepEqual(await world.keys("inventory/held/"), []);
    await assert.rejects(world.discover({ key }), /there is no such object/, "nothing is remembered of it");
  });
}

Deno.test("a compressed held file is released from where it lies now", async () => {
  const world = new World();
  const plain = new Blob([csvOf(10, ["BAD,LOC-1,x"])]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(plain).arrayBuffer());
  const { jobId } = await world.ingest("stock.csv.gz", bytes);
  await act(world, "release", jobId);
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed_with_errors");
  assert.deepEqual(await world.keys("inventory/archive/"), ["inventory/archive/stock.csv.gz"]);
});

Deno.test("held files of one name keep each its own place, and each is released for itself", async () => {
  const world = new World();
  const first = await world.ingest("stock.csv", csvOf(10, ["BAD,LOC-1,x"]));
  const second = await world.ingest("stock.csv", csvOf(11, ["BAD,LOC-1,x"]));
  assert.deepEqual(await world.keys("inventory/held/"), [
    "inventory/held/stock.csv",
    "inventory/held/stock~2.csv",
  ]);
  await act(world, "release", first.jobId);
  await world.settle();
  assert.equal((await world.job(first.jobId)).details["archivedAs"], "inventory/archive/stock.csv");
  assert.equal(world.fluent.stock().size, 10);
  assert.deepEqual(await world.keys("inventory/held/"), ["inventory/held/stock~2.csv"]);
  await act(world, "release", second.jobId);
  await world.settle();
  assert.equal(world.fluent.stock().size, 11);
});

Deno.test("a copy or delete that fails on the way to held/ is made by a later slice", async () => {
  const world = new World();
  const copy = world.store.copyFile.bind(world.store);
  const remove = world.store.deleteFile.bind(world.store);
  let failures = 4;
  world.store.copyFile = async (from, to, options) => {
    if (failures-- > 2) throw noAnswer("copy", from);
    return await copy(from, to, options);
  };
  world.store.deleteFile = async (key, options) => {
    if (key.includes("incoming") && failures-- > 0) throw noAnswer("delete", key);
    return await remove(key, options);
  };
  const { job } = await world.ingest("empty.csv", "sku,location,qty\n");
  assert.equal(job.status, "held");
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.deepEqual(await world.keys("inventory/held/"), ["inventory/held/empty.csv"]);
});

Deno.test("a held file that can't be moved stays held where it is, and can be released there", async () => {
  const world = new World();
  const copy = world.store.copyFile.bind(world.store);
  world.store.copyFile = (from, to, options) =>
    to.includes("/held/")
      ? Promise.reject(
        new S3Error("denied", { operation: "copy", key: to, bucket: "stock", code: "s3-access-denied" }),
      )
      : copy(from, to, options);
  const { job, key, jobId } = await world.ingest("stock.csv", csvOf(10, ["BAD,LOC-1,x"]));
  assert.equal(job.status, "held");
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  await act(world, "release", jobId);
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed_with_errors");
});

Deno.test("a held file stays where it arrived when its feed says so", async () => {
  const world = new World();
  world.variables["heldFiles"] = "leave";
  const { job, key } = await world.ingest("empty.csv", "sku,location,qty\n");
  assert.equal(job.status, "held");
  assert.equal(job.details["movedTo"], null);
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  assert.equal((await world.discover()).files[0]?.decision, "held");
});

Deno.test("a dry run moves nothing, also when it would be held", async () => {
  const world = new World();
  const { key } = await world.ingest("empty.csv", "sku,location,qty\n", { dryRun: true });
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
});

Deno.test("the file of a failed job is moved below errors/, with what went wrong beside it", async () => {
  const { world, jobId, key } = await worldWithFailedJob();
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.errorCode, "manifest-unreadable");
  assert.equal(job.details["movedTo"], "inventory/errors/shop/stock.csv");
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.deepEqual(await world.keys("inventory/errors/"), [
    "inventory/errors/shop/stock.csv",
    "inventory/errors/shop/stock.csv.error.json",
  ]);
  const log = JSON.parse(await world.text("inventory/errors/shop/stock.csv.error.json"));
  assert.equal(log.jobId, jobId);
  assert.equal(log.arrivedAs, key);
  assert.equal(log.file, "inventory/errors/shop/stock.csv");
  assert.equal(log.error, job.error);
  assert.equal(log.code, "manifest-unreadable");
  assert.deepEqual((await world.discover()).files, [], "no trigger takes it again");
});

Deno.test("a failed job is replayed from errors/, goes on where it stopped, and leaves nothing there", async () => {
  const { world, jobId, mend } = await worldWithFailedJob();
  await world.settle();
  await mend();
  await act(world, "replay", jobId);
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "completed");
  assert.equal(job.error, undefined);
  assert.equal(world.fluent.stock().size, 300);
  assert.deepEqual(await world.keys("inventory/errors/"), []);
  assert.deepEqual(await world.keys("inventory/archive/"), ["inventory/archive/shop/stock.csv"]);
});

Deno.test("a process that dies while the file of a failed job is moved loses neither the file nor the reason", async () => {
  const { world, jobId, mend } = await worldWithFailedJob();
  const run = world.started[0]!;
  const died = Promise.withResolvers<void>();
  const remove = world.store.deleteFile.bind(world.store);
  world.store.deleteFile = (key, options) => {
    if (!key.includes("incoming")) return remove(key, options);
    world.store.deleteFile = remove;
    died.resolve();
    // As a process that dies right here: nothing after it happens in this delivery.
    return new Promise(() => {});
  };
  void world.slice(run);
  await died.promise;
  assert.equal((await world.job(jobId)).status, "processing");
  world.clock.advance(300_000);
  // What made it fail is gone by now: the reason that was noted stands all the same.
  await mend();
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.errorCode, "manifest-unreadable");
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.equal((await world.keys("inventory/errors/")).length, 2);
});

Deno.test("a failure the file has no part in leaves it where the next trigger finds it", async () => {
  const world = new World();
  const open = world.openFluent;
  world.openFluent = () => {
    throw Object.assign(
      new S3Error("denied", { operation: "read", key: "", bucket: "", code: "s3-access-denied" }),
    );
  };
  const key = await world.put("stock.csv", csvOf(10));
  const { jobId } = (await world.discover()).files[0]!;
  await world.settle();
  assert.equal((await world.job(jobId)).status, "failed");
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  world.openFluent = open;
  assert.equal((await world.discover()).files[0]?.decision, "resumed");
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
});

Deno.test("the file of a failed job stays where it arrived when its feed says so", async () => {
  const { world, jobId, key } = await worldWithFailedJob();
  world.variables["failedFiles"] = "leave";
  await world.settle();
  assert.equal((await world.job(jobId)).status, "failed");
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  assert.deepEqual(await world.keys("inventory/errors/"), []);
});

Deno.test("a delivered file is never filed under errors/, however its archive fails", async () => {
  const world = new World();
  world.store.copyFile = (_from, to) =>
    Promise.reject(
      new S3Error("denied", { operation: "copy", key: to, bucket: "stock", code: "s3-invalid-argument" }),
    );
  const { job, key } = await world.ingest("stock.csv", csvOf(10));
  assert.equal(job.status, "failed");
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  assert.deepEqual(await world.keys("inventory/errors/"), []);
});
