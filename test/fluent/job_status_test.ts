import assert from "node:assert/strict";
import {
  type BatchState,
  deriveJobStatus,
  FluentApiError,
  type FluentJobState,
  progressOf,
} from "../../lib/fluent/mod.ts";
import { batch, failure, FakeFluent, json, type Responder, text } from "./_fake_fluent.ts";

const pending = (id: string): BatchState => ({ id, progress: "pending", records: 10 });
const running = (id: string): BatchState => ({ id, progress: "running", records: 10 });
const failed = (id: string): BatchState => ({ id, progress: "failed", records: 10 });
const complete = (id: string, refused = 0): BatchState => ({
  id,
  progress: "complete",
  records: 10,
  outcome: {
    records: 10,
    errors: refused === 0 ? {} : { "404": refused },
    sample: refused === 0 ? undefined : "No SKU",
  },
});

const STATES: [string, readonly BatchState[], FluentJobState, number][] = [
  ["no batch is known", [], "PENDING", 0],
  ["no batch has begun", [pending("1"), pending("2")], "PENDING", 0],
  ["a batch is running", [pending("1"), running("2")], "PROCESSING", 0],
  ["one batch is complete, one is not", [complete("1"), pending("2")], "PROCESSING", 1],
  ["every batch is complete", [complete("1"), complete("2")], "COMPLETED", 2],
  [
    "every batch is complete and some rows were refused",
    [complete("1", 10), complete("2", 3)],
    "COMPLETED",
    2,
  ],
  ["not a single row was taken", [complete("1", 10), complete("2", 10)], "FAILED", 2],
  ["a batch failed as a whole", [complete("1"), failed("2")], "FAILED", 1],
  ["a batch failed and another is not finished", [running("1"), failed("2")], "PROCESSING", 0],
];

for (const [name, batches, status, completedBatches] of STATES) {
  Deno.test(`a job is ${status} when ${name}`, () => {
    const found = deriveJobStatus("199", batches);
    assert.equal(found.id, "199");
    assert.equal(found.status, status);
    assert.equal(found.completedBatches, completedBatches);
    assert.equal(found.totalBatches, batches.length);
    assert.equal(found.totalRecords, 10 * batches.length);
  });
}

Deno.test("the error summary counts the refused rows by Fluent's code", () => {
  const batches: BatchState[] = [
    complete("1", 3),
    {
      id: "2",
      progress: "complete",
      records: 5,
      outcome: { records: 5, errors: { "404": 1, "500": 2 }, sample: "x" },
    },
    failed("3"),
  ];
  assert.deepEqual(deriveJobStatus("199", batches).errorSummary, {
    totalErrors: 6,
    errorTypes: { "404": 4, "500": 2 },
    message: "6 of 25 rows refused: 4 with 404, 2 with 500 ('No SKU'); 1 batches failed: 3",
  });
  assert.equal(deriveJobStatus("199", [complete("1")]).errorSummary, undefined);
});

Deno.test("batch statuses are read in any case, and an unknown one means under way", () => {
  const cases = [["PENDING", "pending"], ["RUNNING", "running"], ["COMPLETE", "complete"], [
    "complete",
    "complete",
  ]];
  cases.push(["COMPLETED", "complete"], ["FAILED", "failed"], ["WHATEVER", "running"]);
  for (const [status, progress] of cases) assert.equal(progressOf(status!), progress);
});

/** A job with batches in given states; `listed`: whether the job's answer lists them. */
class FakeJob {
  readonly statuses = new Map<string, string>();
  readonly refused = new Map<string, number>();
  reads = 0;
  constructor(readonly listed: "with status" | "ids only" | "not") {}

  readonly api: Responder = (call) => {
    if (call.method === "POST") {
      const id = String(this.statuses.size + 1);
      this.statuses.set(id, "PENDING");
      return json({ id });
    }
    const batchId = /\/batch\/(\w+)/.exec(call.path)?.[1];
    if (batchId === undefined) {
      const list = [...this.statuses].map(([id, status]) =>
        this.listed === "ids only" ? Number(id) : { batchId: id, status }
      );
      return json({ jobId: 199, status: "OPEN", ...(this.listed === "not" ? {} : { batches: list }) });
    }
    this.reads++;
    const status = this.statuses.get(batchId);
    if (status === undefined) return json({ message: "no such batch" }, 404);
    const bad = this.refused.get(batchId) ?? 0;
    const results = Array.from({ length: 3 }, (_, i) => ({
      entityRef: `r${i}`,
      responseCode: i < bad ? 404 : 200,
      message: i < bad ? "SKU not found" : "ok",
    }));
    return json({
      batchId,
      jobId: 199,
      status,
      ...(status === "COMPLETE" ? { start: 0, count: 3, total: 3, results } : {}),
    });
  };
}

for (const listed of ["with status", "ids only", "not"] as const) {
  Deno.test(`a job's status follows its batches when the job's answer lists them: ${listed}`, async () => {
    const job = new FakeJob(listed);
    const client = new FakeFluent(job.api).client();
    for (let i = 0; i < 3; i++) await client.sendBatch("199", batch(3));
    const status = async () => {
      const { status, completedBatches, totalBatches, totalRecords } = await client.getJobStatus("199");
      return [status, completedBatches, totalBatches, totalRecords];
    };
    assert.deepEqual(await status(), ["PENDING", 0, 3, 9]);
    job.statuses.set("1", "RUNNING");
    assert.deepEqual(await status(), ["PROCESSING", 0, 3, 9]);
    job.statuses.set("1", "COMPLETE").set("2", "COMPLETE");
    job.refused.set("2", 1);
    assert.deepEqual(await status(), ["PROCESSING", 2, 3, 9]);
    job.statuses.set("3", "COMPLETE");
    assert.deepEqual(await status(), ["COMPLETED", 3, 3, 9]);
    assert.deepEqual((await client.getJobStatus("199")).errorSummary, {
      totalErrors: 1,
      errorTypes: { "404": 1 },
      message: "1 of 9 rows refused: 1 with 404 ('SKU not found')",
    });
  });
}

Deno.test("the results of a complete batch are read once, those of a listed unfinished batch not at all", async () => {
  const job = new FakeJob("with status");
  const client = new FakeFluent(job.api).client();
  for (let i = 0; i < 3; i++) await client.sendBatch("199", batch(3));
  job.statuses.set("1", "COMPLETE").set("2", "RUNNING");
  for (let i = 0; i < 5; i++) await client.getJobStatus("199");
  assert.equal(job.reads, 1);
});

Deno.test("another client is told the batches it has not sent", async () => {
  const job = new FakeJob("not");
  job.statuses.set("1", "COMPLETE").set("2", "PENDING");
  const client = new FakeFluent(job.api).client();
  assert.deepEqual(await client.getJobStatus("199"), {
    id: "199",
    status: "PENDING",
    totalBatches: 0,
    completedBatches: 0,
    totalRecords: 0,
  });
  const { status, totalBatches, totalRecords } = await client.getJobStatus("199", ["1", {
    id: "2",
    entities: 40,
  }]);
  assert.deepEqual([status, totalBatches, totalRecords], ["PROCESSING", 2, 43]);
  await assert.rejects(client.getJobStatus("199", ["../x"]), /batchId must be letters/);
});

Deno.test("a complete batch without any results, as with pre-processing, is complete with the rows sent", async () => {
  const client = new FakeFluent((call) => {
    if (call.method === "POST") return json({ id: "7" });
    return call.path.includes("/batch/")
      ? json({ batchId: "7", jobId: "199", status: "COMPLETE" })
      : json({ jobId: "199", status: "OPEN" });
  }).client();
  await client.sendBatch("199", batch(30));
  assert.deepEqual(await client.getJobStatus("199"), {
    id: "199",
    status: "COMPLETED",
    totalBatches: 1,
    completedBatches: 1,
    totalRecords: 30,
  });
});

Deno.test("a batch that cannot be read makes the status an error, not a smaller job; what was read is kept", async () => {
  const job = new FakeJob("not");
  let down = true;
  const fluent = new FakeFluent((call, nth) =>
    down && call.path.includes("/batch/2") ? text("", 503) : job.api(call, nth)
  );
  job.statuses.set("1", "COMPLETE").set("2", "COMPLETE").set("3", "COMPLETE");
  const client = fluent.client();
  const error = await failure(client.getJobStatus("199", ["1", "2", "3"]));
  assert(error instanceof FluentApiError);
  assert.match(error.message, /^Cannot read batch 2 of Fluent job 199: /);
  down = false;
  job.reads = 0;
  assert.equal((await client.getJobStatus("199", ["1", "2", "3"])).status, "COMPLETED");
  assert.equal(job.reads, 1);
});

const JOB_ANSWERS: [string, unknown, unknown][] = [
  ["ids as numbers", { jobId: 199, status: "OPEN", batches: [{ batchId: 1, status: "PENDING" }] }, [{
    batchId: "1",
    status: "PENDING",
  }]],
  ["id instead of jobId and batchId", {
    id: "199",
    status: "OPEN",
    batches: [{ id: "b-1", status: "X", size: 3 }],
  }, [{ batchId: "b-1", status: "X" }]],
  ["bare batch ids", { jobId: "199", status: "OPEN", batches: [1, "b_2"] }, [{ batchId: "1" }, {
    batchId: "b_2",
  }]],
  ["no batches", { jobId: "199", status: "CLOSED", createdOn: 1 }, undefined],
  ["a batch named twice", {
    jobId: "199",
    status: "OPEN",
    batches: [{ batchId: 1, status: "PENDING" }, { batchId: "2" }, { batchId: "1", status: "COMPLETE" }],
  }, [{ batchId: "1", status: "COMPLETE" }, { batchId: "2" }]],
  ["an empty list", { jobId: "199", status: "OPEN", batches: [] }, []],
  ["batches null", { jobId: "199", status: "CLOSED", batches: null }, undefined],
];

for (const [name, answer, batches] of JOB_ANSWERS) {
  Deno.test(`a job's answer is understood with ${name}`, async () => {
    const { status } = answer as { status: string };
    const found = await new FakeFluent(() => json(answer)).client().getJob("199");
    assert.deepEqual(found, { jobId: "199", status, ...(batches === undefined ? {} : { batches }) });
  });
}

for (const batches of [{ 1: "PENDING" }, 3, "1,2", [{ batchId: "1" }, { status: "PENDING" }], [null]]) {
  Deno.test(`a job whose batches are ${JSON.stringify(batches)} is read without them, and the log says so`, async () => {
    const fluent = new FakeFluent(() => json({ jobId: "199", status: "OPEN", batches }));
    assert.deepEqual(await fluent.client().getJob("199"), { jobId: "199", status: "OPEN" });
    const said = fluent.log.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
    assert.deepEqual(said, ["Fluent's list of a job's batches has a shape nobody documents"]);
  });
}

const ODD_ANSWERS: [unknown, string][] = [
  [{ status: "OPEN" }, "JSON whose 'jobId' is not an id"],
  [{ jobId: "199" }, "JSON whose 'status' is not a text"],
  [{ jobId: 2 ** 60, status: "OPEN" }, "JSON whose 'jobId' is not an id"],
  [[], "JSON of another shape"],
  ["OPEN", "JSON of another shape"],
  [null, "JSON of another shape"],
];

for (const [answer, found] of ODD_ANSWERS) {
  Deno.test(`a job's answer is refused when it is ${JSON.stringify(answer)}`, async () => {
    const error = await failure(new FakeFluent(() => json(answer)).client().getJob("199"));
    assert(error instanceof FluentApiError);
    assert.equal(
      error.message,
      `Cannot read Fluent job 199: GET /api/v4.1/job/199 answered 200: expected a job, found ${found}`,
    );
  });
}
