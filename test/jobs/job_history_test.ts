import assert from "node:assert/strict";
import { JOB_STATUSES, type JobStatus } from "../../lib/jobs/mod.ts";
import { costOf, DAY_MS, historyWorld } from "./_history_world.ts";

/** 10,000 jobs over ten days, a minute and a half apart, each taking about a minute; three files of a name each day. */
async function tenThousandJobs(updateMovesToFront: boolean) {
  const { clock, memory, tracker } = historyWorld(0);
  memory.updateMovesToFront = updateMovesToFront;
  const jobs = tracker();
  const ends: JobStatus[] = ["completed", "completed_with_errors", "held", "completed", "completed"];
  for (let i = 0; i < 10_000; i++) {
    const jobId = `job-${String(i).padStart(5, "0")}`;
    const name = i % 333 === 0 ? "recurring.csv" : `stock-${i}.csv`;
    await jobs.createJob(jobId, {
      triggeredBy: "schedule",
      details: { file: { key: `in/${name}`, size: i }, feed: i % 2 ? "a" : "b" },
    });
    clock.advance(86_000);
    if (i % 100 === 7) await jobs.markFailed(jobId, new Error("no"));
    else await jobs.markCompleted(jobId, {}, { status: ends[i % ends.length]! });
  }
  return { memory, jobs: tracker() };
}

for (const updateMovesToFront of [false, true]) {
  const how = updateMovesToFront
    ? "an update makes an entry the newest"
    : "an update leaves an entry where it is";
  Deno.test(`with 10,000 jobs, questions stay within their calls, where ${how}`, async () => {
    const { memory, jobs } = await tenThousandJobs(updateMovesToFront);
    await jobs.history.list();

    const newest = await costOf(memory, () => jobs.history.list({ limit: 50 }));
    assert.ok(newest.calls <= 3, `newest 50: ${newest.calls} calls`);
    assert.equal(newest.answer.complete, true);
    assert.deepEqual(
      newest.answer.jobs.map(({ jobId }) => jobId),
      Array.from({ length: 50 }, (_, i) => `job-${String(9_999 - i).padStart(5, "0")}`),
    );

    for (const status of JOB_STATUSES) {
      for (const day of [undefined, "2026-01-01", "2026-01-05", "2026-01-10"]) {
        const query = { status: [status], ...(day ? { day } : {}) };
        const { answer, calls } = await costOf(memory, () => jobs.history.list(query));
        assert.ok(calls <= 6, `${status} on ${day}: ${calls} calls`);
        assert.ok(
          answer.jobs.every((job) => job.status === status && (!day || job.createdAt.startsWith(day))),
        );
        if (["completed", "held", "failed"].includes(status) && day) assert.ok(answer.jobs.length >= 5);
      }
    }
    const day = await costOf(memory, () => jobs.history.list({ day: "2026-01-03" }));
    assert.ok(day.calls <= 6, `one day: ${day.calls} calls`);
    assert.equal(day.answer.jobs.length, 50);

    for (const fileName of ["recurring.csv", "in/stock-5000.csv", "nothing.csv"]) {
      const { answer, calls } = await costOf(memory, () => jobs.history.list({ fileName }));
      assert.ok(calls <= 4, `file ${fileName}: ${calls} calls`);
      assert.equal(answer.jobs.length, { "recurring.csv": 31, "in/stock-5000.csv": 1 }[fileName] ?? 0);
    }
  });
}

Deno.test("pages follow one another without a gap or a repetition, whatever is written meanwhile", async () => {
  for (const updateMovesToFront of [false, true]) {
    const { clock, memory, tracker } = historyWorld(0);
    memory.updateMovesToFront = updateMovesToFront;
    const jobs = tracker();
    const expected: string[] = [];
    for (let i = 0; i < 450; i++) {
      const jobId = `job-${i}`;
      await jobs.createJob(jobId, { details: { file: { key: `in/${i}.csv` } } });
      clock.advance(1_000);
      if (i >= 5) await jobs.markCompleted(`job-${i - 5}`);
      expected.unshift(jobId);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 100; page++) {
      const found = await jobs.history.list({ limit: 7, ...(cursor ? { cursor } : {}) });
      seen.push(...found.jobs.map(({ jobId }) => jobId));
      cursor = found.nextCursor;
      if (cursor === undefined) break;
      await jobs.createJob(`later-${page}`);
      clock.advance(1_000);
    }
    assert.deepEqual(seen, expected);
  }
});

Deno.test("every filter has to hold", async () => {
  const { clock, tracker } = historyWorld();
  const jobs = tracker();
  await jobs.createJob("a", {
    triggeredBy: "webhook",
    reference: "TICKET-7",
    details: { file: { key: "in/stock.csv" }, feed: "shops" },
  });
  clock.advance(DAY_MS);
  await jobs.createJob("b", {
    triggeredBy: "schedule",
    details: { file: { key: "in/other.csv" }, feed: "shops" },
  });
  await jobs.markFailed("b", new Error("No such bucket"));
  clock.advance(DAY_MS);
  await jobs.createJob("c", {
    triggeredBy: "schedule",
    details: { file: { key: "out/stock.csv" }, feed: "depots" },
  });
  const ids = async (query: Parameters<typeof jobs.history.list>[0]) =>
    (await jobs.history.list(query)).jobs.map(({ jobId }) => jobId).join("");
  assert.equal(await ids({}), "cba");
  assert.equal(await ids({ feed: "shops" }), "ba");
  assert.equal(await ids({ trigger: "schedule" }), "cb");
  assert.equal(await ids({ status: ["failed"] }), "b");
  assert.equal(await ids({ status: ["failed", "queued"] }), "cba");
  assert.equal(await ids({ fileName: "stock.csv" }), "ca");
  assert.equal(await ids({ fileName: "in/stock.csv" }), "a");
  assert.equal(await ids({ text: "ticket" }), "a");
  assert.equal(await ids({ text: "no such BUCKET" }), "b");
  assert.equal(await ids({ text: "*" }), "");
  assert.equal(await ids({ from: "2026-01-02" }), "cb");
  assert.equal(await ids({ to: "2026-01-02" }), "a");
  assert.equal(await ids({ from: "2026-01-01T12:00:00Z", to: "2026-01-03T00:00:00+02:00" }), "b");
  assert.equal(await ids({ day: "2026-01-03", status: ["queued"] }), "c");
  assert.equal(await ids({ feed: "shops", trigger: "schedule", status: ["failed"] }), "b");
});

Deno.test("jobs are counted by day and status, and their rows summed", async () => {
  const { clock, tracker } = historyWorld();
  const jobs = tracker();
  const rows = { read: 10, sendable: 9, rejected: 1, confirmed: 8, failed: 1 };
  await jobs.createJob("a");
  await jobs.markCompleted("a", { rows });
  await jobs.createJob("b");
  await jobs.markCompleted("b", { rows });
  await jobs.createJob("dry", { details: { dryRun: true, rows } });
  clock.advance(DAY_MS);
  await jobs.createJob("c");
  const [second, first, ...more] = await jobs.history.counts({ from: "2026-01-01", to: "2026-01-02" });
  assert.deepEqual(more, []);
  assert.equal(first?.day, "2026-01-01");
  assert.deepEqual([first?.jobs, first?.byStatus.completed, first?.byStatus.queued], [3, 2, 1]);
  assert.deepEqual([first?.rows.read, first?.rows.confirmed, first?.rows.rejected], [20, 16, 2]);
  assert.deepEqual([second?.jobs, second?.byStatus.queued, second?.rows.read], [1, 1, 0]);
  await assert.rejects(jobs.history.counts({ from: "2026-01-02", to: "2026-01-01" }), {
    code: "query-invalid",
  });
  await assert.rejects(jobs.history.counts({ from: "2020-01-01", to: "2026-01-01" }), {
    code: "query-invalid",
  });
});

Deno.test("jobs that run are told as they are now", async () => {
  const { tracker } = historyWorld();
  const jobs = tracker();
  await jobs.createJob("a");
  await jobs.createJob("b");
  await jobs.markCompleted("b");
  await jobs.updateJob("a", { status: "processing", details: { rows: { read: 1 } } });
  await jobs.updateJob("a", { details: { rows: { read: 500 } } });
  const running = await jobs.history.running();
  assert.deepEqual(running.map(({ jobId, details }) => [jobId, details["rows"]]), [["a", { read: 500 }]]);
});

for (
  const [what, cursor] of [
    ["no base64", "!!!"],
    ["no JSON", "e30x"],
    ["another shape", btoa('{"v":1}')],
    ["very long", "A".repeat(16_000)],
  ] as const
) {
  Deno.test(`a cursor that is ${what} is refused`, async () => {
    const { tracker } = historyWorld();
    await assert.rejects(tracker().history.list({ cursor }), { code: "cursor-invalid" });
  });
}

Deno.test("a cursor of another query is refused, and one the store forgot still serves", async () => {
  const { clock, memory, tracker } = historyWorld();
  const jobs = tracker();
  for (let i = 0; i < 250; i++) {
    await jobs.createJob(`job-${String(i).padStart(3, "0")}`);
    clock.advance(1_000);
  }
  const first = await jobs.history.list({ limit: 100 });
  const cursor = first.nextCursor!;
  await assert.rejects(jobs.history.list({ cursor, feed: "other" }), { code: "cursor-invalid" });
  const forged = JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
  assert.ok(forged.after !== undefined || forged.carried !== undefined);
  memory.before = (operation, key) => {
    if (operation === "list" && key.includes("day") && forging) {
      forging = false;
      throw new Error("no such cursor");
    }
  };
  let forging = true;
  const again = await jobs.history.list({
    limit: 100,
    cursor: btoa(JSON.stringify({ ...forged, after: "gone" })).replaceAll("+", "-").replaceAll("/", "_"),
  });
  assert.equal(again.jobs[0]?.jobId, "job-149");
});

Deno.test("jobs written before there was a history are readable, and get into it", async () => {
  const { clock, memory, tracker } = historyWorld();
  for (let i = 0; i < 350; i++) {
    const at = new Date(clock.now() + i * 1_000).toISOString();
    const expiresAt = new Date(clock.now() + 7 * DAY_MS).toISOString();
    // As the first version wrote it.
    await memory.set(["fluent-inventory", "jobs", `job-${String(i).padStart(3, "0")}`], {
      v: 1,
      jobId: `job-${String(i).padStart(3, "0")}`,
      status: "completed",
      triggeredBy: "schedule",
      stage: "finished",
      details: { file: { key: `in/${i}.csv`, size: 1, etag: "e" }, rows: { read: 3 } },
      createdAt: at,
      updatedAt: at,
      completedAt: at,
      reopened: 0,
      expiresAt,
    });
  }
  clock.advance(400_000);
  const jobs = tracker();
  await jobs.createJob("new");
  assert.equal((await jobs.history.list()).complete, false);
  let page = await jobs.history.list();
  for (let i = 0; i < 10 && !page.complete; i++) page = await jobs.history.list();
  assert.equal(page.complete, true);
  assert.equal(page.jobs[0]?.jobId, "new");
  assert.equal(page.jobs[1]?.jobId, "job-349");
  assert.equal((await jobs.history.list({ fileName: "17.csv" })).jobs[0]?.rows.read, 3);
  const [today] = await jobs.history.counts({ from: "2026-01-01", to: "2026-01-01" });
  assert.equal(today?.jobs, 351);
});

Deno.test("what a crash left in the index is removed by the job's next change", async () => {
  const { memory, tracker } = historyWorld();
  await tracker().createJob("a");
  memory.before = (operation) => {
    if (operation === "delete") throw new Error("the process died");
  };
  await assert.rejects(tracker().updateJob("a", { status: "processing" }));
  memory.before = () => {};
  assert.deepEqual((await tracker().history.list({ status: ["queued"] })).jobs, []);
  await tracker().markCompleted("a");
  assert.deepEqual((await tracker().history.list({ status: ["queued"] })).jobs, []);
  assert.equal((await tracker().history.list({ status: ["completed"] })).jobs.length, 1);
});

Deno.test("what is over is removed a few at a time, record and entries", async () => {
  const { clock, memory, tracker } = historyWorld();
  for (let i = 0; i < 12; i++) {
    await tracker().createJob(`job-${i}`, { details: { file: { key: `${i}.csv` } } });
  }
  clock.advance(8 * DAY_MS);
  assert.deepEqual((await tracker().history.list()).jobs, [], "what is over is not told, removed or not");
  assert.equal(await tracker().sweep(5), 5);
  assert.equal(await tracker().sweep(5), 5);
  assert.equal(await tracker().sweep(5), 2);
  assert.deepEqual([...memory.entries.keys()].filter((key) => !key.endsWith("/.state")), []);
});

Deno.test("a process that goes on with a job another one died with leaves nothing of that behind", async () => {
  const { memory, tracker } = historyWorld();
  const own = tracker();
  await own.createJob("a");
  await own.updateJob("a", { status: "processing" });
  memory.before = (operation) => {
    if (operation === "delete") throw new Error("the process died");
  };
  await assert.rejects(tracker().markFailed("a", new Error("no")));
  memory.before = () => {};
  await own.reopenJob("a", { triggeredBy: "manual", message: "again" });
  for (const status of JOB_STATUSES) {
    const { jobs } = await tracker().history.list({ status: [status] });
    assert.equal(jobs.length, status === "queued" ? 1 : 0, status);
  }
});
