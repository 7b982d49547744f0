import assert from "node:assert/strict";
import { JobTracker } from "../../lib/jobs/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";

function world(ttlSeconds?: number) {
  const clock = new VirtualClock();
  const memory = new MemoryKeyValue();
  return {
    clock,
    memory,
    tracker: new JobTracker(new VersoriKVAdapter(memory), undefined, ttlSeconds, clock),
  };
}

Deno.test("a job is created as queued, with what it starts with", async () => {
  const { tracker } = world();
  await tracker.createJob("scheduled_1", { triggeredBy: "schedule", stage: "start", details: { a: 1 } });
  const job = await tracker.getJob("scheduled_1");
  assert.equal(job?.status, "queued");
  assert.equal(job?.triggeredBy, "schedule");
  assert.equal(job?.stage, "start");
  assert.deepEqual(job?.details, { a: 1 });
});

Deno.test("creating a job that exists doesn't reset it", async () => {
  const { tracker } = world();
  await tracker.createJob("j", { details: { a: 1 } });
  await tracker.updateJob("j", { status: "processing" });
  const again = await tracker.createJob("j", { details: { b: 2 } });
  assert.equal(again.status, "processing");
  assert.deepEqual(again.details, { a: 1 });
});

Deno.test("details are merged, not replaced", async () => {
  const { tracker } = world();
  await tracker.createJob("j", { details: { fileName: "a.csv" } });
  await tracker.updateJob("j", { details: { batchesSent: 3 } });
  assert.deepEqual((await tracker.getJob("j"))?.details, { fileName: "a.csv", batchesSent: 3 });
});

Deno.test("no concurrent update of one run is lost", async () => {
  const { tracker } = world();
  await tracker.createJob("j");
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => tracker.updateJob("j", { details: { [`k${i}`]: i } })),
  );
  assert.equal(Object.keys((await tracker.getJob("j"))?.details ?? {}).length, 50);
});

Deno.test("a job that has ended stays ended", async () => {
  const { tracker } = world();
  await tracker.createJob("j");
  await tracker.markCompleted("j", { successCount: 1 });
  await assert.rejects(tracker.updateJob("j", { status: "processing" }), { code: "job-over" });
  await assert.rejects(tracker.markFailed("j", new Error("late")), { code: "job-over" });
  assert.equal((await tracker.reopenJob("j", { triggeredBy: "manual", message: "" })).status, "completed");
});

Deno.test("a failed job keeps its reason, and can be opened again on purpose", async () => {
  const { tracker } = world();
  await tracker.createJob("j");
  const failed = await tracker.markFailed("j", new Error("boom"));
  assert.equal(failed.status, "failed");
  assert.equal(failed.error, "boom");
  assert.equal(failed.errorCode, "unexpected");
  assert.ok(failed.errorStack?.includes("boom"));
  const opened = await tracker.reopenJob("j", { triggeredBy: "schedule", message: "again" });
  assert.equal(opened.status, "queued");
  assert.equal(opened.reopened, 1);
  assert.equal(opened.error, undefined);
});

Deno.test("an unknown job is an error, never created by the way", async () => {
  const { tracker, memory } = world();
  await assert.rejects(tracker.markFailed("nobody", new Error("x")), { code: "job-unknown" });
  await assert.rejects(tracker.updateJob("nobody", {}), { code: "job-unknown" });
  assert.equal(await tracker.getJob("nobody"), undefined);
  assert.equal(memory.entries.size, 0);
});

Deno.test("a job is forgotten seven days after its last change", async () => {
  const { tracker, clock } = world();
  await tracker.createJob("j");
  clock.advance(6 * 86_400_000);
  await tracker.updateJob("j", { stage: "x" });
  clock.advance(6 * 86_400_000);
  assert.ok(await tracker.getJob("j"));
  clock.advance(86_400_000);
  assert.equal(await tracker.getJob("j"), undefined);
});

Deno.test("a time to live of 0 keeps jobs for ever", async () => {
  const { tracker, clock } = world(0);
  await tracker.createJob("j");
  clock.advance(100 * 365 * 86_400_000);
  assert.ok(await tracker.getJob("j"));
});

Deno.test("jobs are listed newest first", async () => {
  const { tracker } = world();
  for (const id of ["a", "b", "c"]) await tracker.createJob(id);
  const ids = [];
  for await (const job of tracker.listJobs()) ids.push(job.jobId);
  assert.deepEqual(ids, ["c", "b", "a"]);
});

for (const id of ["", "a:b", "a/b", "../x", "a".repeat(129), 7, undefined]) {
  Deno.test(`a job id such as ${JSON.stringify(id)?.slice(0, 20)} is refused`, async () => {
    const { tracker } = world();
    await assert.rejects(async () => await tracker.getJob(id as string), { code: "job-id-invalid" });
  });
}

Deno.test("a store that fails is told to the caller", async () => {
  const { tracker, memory } = world();
  await tracker.createJob("j");
  memory.before = () => {
    throw new Error("down");
  };
  await assert.rejects(tracker.updateJob("j", { stage: "x" }), { code: "kv-unavailable" });
  memory.before = () => {};
  assert.equal((await tracker.getJob("j"))?.status, "queued");
});
