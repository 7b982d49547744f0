import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { csvOf, World } from "./world.ts";
import { refusal } from "./fake_fluent.ts";

Deno.test("a file goes from the bucket into Fluent, is archived, and its books balance", async () => {
  const world = new World();
  const { key, job, summary } = await world.ingest("stock.csv", csvOf(1_000));
  assert.equal(job.status, "completed");
  assert.deepEqual(summary.rows, {
    read: 1000,
    sendable: 1000,
    rejected: 0,
    superseded: 0,
    unchanged: 0,
    confirmed: 1000,
    failed: 0,
    unconfirmed: 0,
  });
  assert.equal(summary.batches.total, 7, "1,000 rows in batches of 150");
  assert.equal(world.fluent.stock().size, 1000);
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00999"), 999);
  assert.deepEqual(await world.keys(key), []);
  assert.equal(await world.text("inventory/archive/stock.csv"), csvOf(1_000));
  assert.equal(world.fluent.duplicates(), 0);
});

Deno.test("bad rows cost themselves only, and are reported with line, column, code, raw text and reason", async () => {
  const world = new World();
  const bad = ["BAD-1,LOC-1,N/A", 'BAD-2,LOC-1,"1,234"', "BAD-3,LOC-1", "BAD-4,LOC-1,12abc", "GOOD,LOC-1,7"];
  const { job, summary } = await world.ingest("stock.csv", csvOf(100, bad));
  assert.equal(job.status, "completed_with_errors");
  assert.equal(summary.rows.rejected, 4);
  assert.equal(summary.rows.confirmed, 101);
  assert.equal(world.fluent.stock().get("LOC-1|GOOD"), 7);
  assert.deepEqual(summary.rejects.map(({ line, raw }) => [line, raw]), [
    [102, "BAD-1,LOC-1,N/A"],
    [103, 'BAD-2,LOC-1,"1,234"'],
    [104, "BAD-3,LOC-1"],
    [105, "BAD-4,LOC-1,12abc"],
  ]);
  assert.equal(summary.rejects[0]?.column, 3);
  for (const { code, message } of summary.rejects) assert.ok(code && message);
  const csv = await world.text(summary.reports.rejectsCsv!);
  assert.equal(csv.split("\r\n")[0], "\uFEFFsku,location,qty,_line,_outcome,_code,_reason");
  assert.ok(csv.includes('BAD-2,LOC-1,"1,234",103,rejected,'));
  const jsonl = (await world.text(summary.reports.rejectsJsonl!)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(jsonl.map((row) => row.line), [102, 103, 104, 105]);
});

Deno.test("a corrected rejects.csv can be ingested as it is", async () => {
  const world = new World();
  const { summary } = await world.ingest("stock.csv", csvOf(100, ["FIX,LOC-1,N/A"]));
  const corrected = (await world.text(summary.reports.rejectsCsv!)).replace("N/A", "12");
  const again = await world.ingest("corrected.csv", corrected);
  assert.equal(again.job.status, "completed");
  assert.equal(world.fluent.stock().get("LOC-1|FIX"), 12);
});

Deno.test("of rows with the same key only the last is sent, and the others are counted and named", async () => {
  const world = new World();
  const { job, summary } = await world.ingest(
    "stock.csv",
    csvOf(100, ["SKU-00005,LOC-1,777", "SKU-00005,LOC-1,778"]),
  );
  assert.equal(job.status, "completed");
  assert.equal(summary.rows.superseded, 2);
  assert.deepEqual(summary.superseded, [{ line: 7, endLine: 7 }, { line: 102, endLine: 102 }]);
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00005"), 778);
  const sent = world.fluent.batches.flatMap((batch) => batch.entities).filter(({ skuRef }) =>
    skuRef === "SKU-00005"
  );
  assert.deepEqual(sent.map(({ qty }) => qty), [778]);
});

for (
  const [what, content, code] of [
    ["an empty file", "", "file-empty"],
    ["a file with a header alone", "sku,location,qty\n", "file-empty"],
    ["a file of blank lines below its header", "sku,location,qty\n\n\n", "file-empty"],
  ] as const
) {
  Deno.test(`no quiet wipe: ${what} is held, and nothing is sent`, async () => {
    const world = new World();
    const { key, job, summary } = await world.ingest("stock.csv", content);
    assert.equal(job.status, "held");
    assert.equal(summary.heldBecause?.code, code);
    assert.deepEqual(world.fluent.jobs, []);
    assert.deepEqual(await world.keys(key.replace("incoming", "held")), ["inventory/held/stock.csv"]);
  });
}

Deno.test("a file without a required column is held, saying which", async () => {
  const world = new World();
  const { job, summary } = await world.ingest("stock.csv", "sku,location,amount_of_things\nA,L,1\n");
  assert.equal(job.status, "held");
  assert.match(summary.heldBecause?.message ?? "", /qty/);
  assert.deepEqual(world.fluent.jobs, []);
});

Deno.test("a file with more than 5 % rejected rows is held, and force lets it pass", async () => {
  const world = new World();
  const { job, jobId, key } = await world.ingest("stock.csv", csvOf(10, ["BAD,LOC-1,x"]));
  assert.equal(job.status, "held");
  assert.deepEqual(world.fluent.jobs, []);
  assert.deepEqual((await world.discover()).files, [], "the next schedule leaves it alone");
  await world.discover({ key, force: { by: "test", reason: "I know" } });
  await world.settle();
  const released = await world.job(jobId);
  assert.equal(released.status, "completed_with_errors");
  assert.deepEqual(released.details["forced"], { by: "test", reason: "I know" });
  assert.equal(world.fluent.stock().size, 10);
});

Deno.test("a dry run sends nothing, archives nothing, and leaves the file to the next schedule", async () => {
  const world = new World();
  const { job, summary, key } = await world.ingest("stock.csv", csvOf(10), { dryRun: true });
  assert.equal(job.status, "cancelled");
  assert.equal(summary.dryRun, true);
  assert.equal(summary.rows.sendable, 10);
  assert.equal(summary.rows.unconfirmed, 10);
  assert.deepEqual(world.fluent.jobs, []);
  assert.deepEqual(await world.keys(key), [key]);
  await world.discover();
  await world.settle();
  assert.equal(world.fluent.stock().size, 10);
});

Deno.test("rows Fluent doesn't take are failed rows, traced to their lines", async () => {
  const world = new World();
  world.fluent.unknownSkus.add("SKU-00007");
  const { job, summary } = await world.ingest("stock.csv", csvOf(300));
  assert.equal(job.status, "completed_with_errors");
  assert.equal(summary.rows.failed, 1);
  assert.equal(summary.rows.confirmed, 299);
  assert.deepEqual(summary.failed, [{ line: 9, code: "fluent-404", message: "SKU SKU-00007 not found" }]);
  assert.ok(
    (await world.text(summary.reports.rejectsCsv!)).includes("SKU-00007,LOC-1,7,9,failed,fluent-404,"),
  );
});

for (const lists of [true, false]) {
  Deno.test(`results are polled until complete, whether or not a job lists its batches (${lists})`, async () => {
    const world = new World();
    world.fluent.listsBatches = lists;
    world.fluent.looksToComplete = 3;
    const { job } = await world.ingest("stock.csv", csvOf(1_000));
    assert.equal(job.status, "completed");
  });
}

Deno.test("a poll deadline is not a failure: the next schedule goes on with the same job, and sends nothing again", async () => {
  const world = new World();
  world.variables["pollTimeoutMinutes"] = 1;
  world.fluent.looksToComplete = 80;
  const key = await world.put("stock.csv", csvOf(100));
  const { jobId } = (await world.discover()).files[0]!;
  assert.deepEqual(await world.settle(), [{ kind: "unfinished" }]);
  const waiting = await world.job(jobId);
  assert.equal(waiting.status, "processing");
  assert.equal(waiting.stage, "unfinished");
  assert.deepEqual(await world.keys(key), [key], "not archived");
  const again = await world.discover();
  assert.deepEqual(again.files[0], { key, jobId, decision: "resumed" });
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed");
  assert.equal(world.fluent.jobs.length, 1);
  assert.equal(world.fluent.duplicates(), 0);
});

Deno.test("the same content under the same name is not delivered twice, and a new version is", async () => {
  const world = new World();
  const first = await world.ingest("stock.csv", csvOf(100));
  await world.put("stock.csv", csvOf(100));
  assert.deepEqual((await world.discover()).files, [
    { key: first.key, jobId: first.jobId, decision: "ingested" },
  ]);
  assert.equal(world.started.length, 0);
  const second = await world.ingest("stock.csv", csvOf(101));
  assert.equal(second.job.status, "completed");
  assert.notEqual(second.jobId, first.jobId);
  assert.deepEqual((await world.keys("inventory/archive/")).sort(), [
    "inventory/archive/stock.csv",
    "inventory/archive/stock~2.csv",
  ], "nothing in the archive is overwritten");
});

Deno.test("effectively once: two triggers at the same moment deliver a file once", async () => {
  const world = new World();
  await world.put("stock.csv", csvOf(1_000));
  await Promise.all([world.discover(), world.discover({ triggeredBy: "webhook" })]);
  const runs = world.started.splice(0);
  const finished = await Promise.all(runs.map(async (run) => {
    for (let n = 0; n < 100; n++) {
      const outcome = await world.slice(run);
      if (outcome.kind !== "again") return outcome.kind;
    }
    return "endless";
  }));
  assert.ok(finished.includes("finished"), finished.join());
  assert.equal(world.fluent.jobs.length, 1);
  assert.equal(world.fluent.duplicates(), 0);
  assert.equal(world.fluent.batches.length, 7);
  assert.equal((await world.jobs()).length, 1);
});

Deno.test("files of one feed are delivered one after the other, the oldest first", async () => {
  const world = new World();
  world.variables["deltaFiles"] = "a.csv";
  await world.put("b.csv", csvOf(300));
  await world.put("a.csv", "sku,location,qty\nSKU-00001,LOC-1,5000\n");
  await world.discover();
  world.started.reverse();
  await world.settle();
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00001"), 5000);
  const order = world.fluent.batches.map((batch) => batch.jobId);
  const changes = order.filter((jobId, i) => i > 0 && jobId !== order[i - 1]).length;
  assert.equal(changes, 1, "no batch of the second file before the last of the first");
});

Deno.test("a row because of which a batch is refused costs itself, in O(log n) requests", async () => {
  const world = new World();
  world.variables["batchSize"] = 250;
  world.fluent.poisonSkus.add("SKU-00123");
  let requests = 0;
  world.fluent.before = (call) => {
    if (call === "sendBatch") requests++;
  };
  const { job, summary } = await world.ingest("stock.csv", csvOf(500));
  assert.equal(job.status, "completed_with_errors");
  assert.equal(summary.rows.failed, 1);
  assert.equal(summary.rows.confirmed, 499);
  assert.deepEqual(summary.failed, [{ line: 125, code: "fluent-400", message: "qty is out of range" }]);
  assert.ok(requests <= 2 + 16, `${requests} requests`);
  assert.equal(world.fluent.stock().size, 499);
  assert.equal(world.fluent.duplicates(), 0);
});

Deno.test("a Fluent that refuses everything fails the job with the reason; the file is not archived", async () => {
  const world = new World();
  world.fluent.before = (call) => {
    if (call === "sendBatch") throw refusal(400, "fluent-bad-request", "no such event");
  };
  const key = await world.put("stock.csv", csvOf(2_000));
  const { jobId } = (await world.discover()).files[0]!;
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.errorCode, "fluent-refuses-everything");
  assert.equal(
    job.error,
    "Fluent refuses everything this file was sent as, 31 requests so far: Fluent answered 400: no such event; nothing " +
      "was taken, so it is not a row: check fluentEvent, fluentRetailerId and the mapping",
  );
  assert.deepEqual(await world.keys(key), [key]);
});

Deno.test("a Fluent job that closes half-way is continued in a new one", async () => {
  const world = new World();
  world.fluent.before = (call, batches) => {
    if (call === "sendBatch" && batches === 2 && world.fluent.jobs.length === 1) {
      throw refusal(400, "fluent-job-closed", "job is closed");
    }
  };
  const { job, summary } = await world.ingest("stock.csv", csvOf(600));
  assert.equal(job.status, "completed");
  assert.equal(summary.fluentJobs.length, 2);
  assert.equal(world.fluent.stock().size, 600);
});

Deno.test("an API that is away for a while is waited for", async () => {
  const world = new World();
  let failures = 2;
  world.fluent.before = (call) => {
    if (call === "sendBatch" && failures-- > 0) throw refusal(503, "fluent-unavailable", "maintenance");
  };
  const { job, summary } = await world.ingest("stock.csv", csvOf(600));
  assert.equal(job.status, "completed");
  assert.equal(summary.rows.confirmed, 600);
});

Deno.test("an API that stays away fails the job, the file stays, and the next schedule goes on", async () => {
  const world = new World();
  world.fluent.before = (call) => {
    if (call === "sendBatch") throw refusal(503, "fluent-unavailable", "maintenance");
  };
  const key = await world.put("stock.csv", csvOf(600));
  const { jobId } = (await world.discover()).files[0]!;
  await world.settle();
  const failed = await world.job(jobId);
  assert.equal(failed.status, "failed");
  assert.equal(failed.error, "No progress for 30 minutes: Fluent answered 503: maintenance");
  assert.deepEqual(await world.keys(key), [key]);
  world.fluent.before = () => {};
  await world.discover();
  await world.settle();
  const done = await world.job(jobId);
  assert.equal(done.status, "completed");
  assert.equal(done.reopened, 1);
  assert.equal((await world.jobs()).length, 1);
});

Deno.test("a wrong mapping fails the job at once with its reason, and the file stays", async () => {
  const world = new World();
  world.variables["mapping"] = "no-such-mapping";
  const key = await world.put("stock.csv", csvOf(10));
  const { jobId } = (await world.discover()).files[0]!;
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.match(job.error ?? "", /no-such-mapping/);
  assert.deepEqual(await world.keys(key), [key]);
});

Deno.test("credentials that are refused fail the job with the reason", async () => {
  const world = new World();
  world.openFluent = () => {
    throw new ConfigError("Cannot sign in to Fluent: check the client id");
  };
  const key = await world.put("stock.csv", csvOf(10));
  const { jobId } = (await world.discover()).files[0]!;
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "failed");
  assert.equal(job.error, "Cannot sign in to Fluent: check the client id");
  assert.deepEqual(await world.keys(key), [key]);
});

Deno.test("archive is the last effect: a copy that cannot be verified leaves the source in place", async () => {
  const world = new World();
  const copy = world.store.copyFile.bind(world.store);
  world.store.copyFile = async (_from, to) => {
    const { etag } = await world.store.uploadFile(to, "something else");
    return { etag };
  };
  const { key, job } = await world.ingest("stock.csv", csvOf(10));
  assert.equal(job.status, "failed");
  assert.equal(job.errorCode, "archive-not-verified");
  assert.deepEqual(await world.keys("inventory/incoming/"), [key]);
  world.store.copyFile = copy;
  await world.discover();
  await world.settle();
  assert.deepEqual((await world.jobs()).map(({ status }) => status), ["completed"]);
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
  assert.equal(world.fluent.duplicates(), 0, "nothing was sent again");
});

Deno.test("a file that changes while it is delivered is left in place as a new file", async () => {
  const world = new World();
  const key = await world.put("stock.csv", csvOf(10));
  await world.discover();
  let replaced = false;
  world.fluent.after = async (call) => {
    if (call !== "sendBatch" || replaced) return;
    replaced = true;
    await world.store.uploadFile(key, csvOf(20));
  };
  await world.settle();
  assert.deepEqual(await world.keys(key), [key]);
  await world.discover();
  await world.settle();
  assert.equal(world.fluent.stock().size, 20);
  assert.deepEqual(await world.keys(key), []);
});

Deno.test("a UTF-16 file and a declared legacy encoding are read as they are meant", async () => {
  const world = new World();
  const text = csvOf(10, ["GRÖSSE,LOC-1,5"]);
  const utf16 = new Uint8Array(2 + text.length * 2);
  utf16.set([0xff, 0xfe]);
  for (let i = 0; i < text.length; i++) {
    utf16[2 + i * 2] = text.charCodeAt(i) & 0xff;
    utf16[3 + i * 2] = text.charCodeAt(i) >> 8;
  }
  assert.equal((await world.ingest("utf16.csv", utf16)).job.status, "completed");
  assert.equal(world.fluent.stock().get("LOC-1|GRÖSSE"), 5);
  world.variables["csvEncoding"] = "windows-1252";
  const latin = Uint8Array.from(csvOf(10, ["MÜLL,LOC-1,6"]), (char) => char.charCodeAt(0));
  assert.equal((await world.ingest("latin.csv", latin)).job.status, "completed");
  assert.equal(world.fluent.stock().get("LOC-1|MÜLL"), 6);
});

Deno.test("bytes that are not the encoding never reach Fluent", async () => {
  const world = new World();
  const latin = Uint8Array.from(csvOf(100, ["MÜLL,LOC-1,6"]), (char) => char.charCodeAt(0));
  const { summary } = await world.ingest("latin.csv", latin);
  assert.equal(summary.rows.rejected, 1);
  assert.ok(world.fluent.batches.every(({ body }) => !body.includes("\uFFFD")));
});

Deno.test("a Fluent that refuses at once, while the manifest is still being read, fails the job and nothing else", async () => {
  const world = new World();
  const { openFile } = world.store;
  world.store.openFile = async (key, options) => {
    // Long enough for a refusal to come first; an unhandled one would end the test run.
    if (key.endsWith("manifest.json")) await new Promise((resolve) => setTimeout(resolve, 20));
    return await openFile.call(world.store, key, options);
  };
  world.fluent.before = (call) => {
    if (call === "createJob") throw refusal(401, "fluent-unauthorised", "no such client");
  };
  const key = await world.put("stock.csv", csvOf(10));
  const { files } = await world.discover();
  await world.settle();
  const job = await world.job(files[0]!.jobId);
  assert.equal(job.status, "failed");
  assert.match(job.error ?? "", /no such client/);
  assert.deepEqual(await world.keys(key), [key]);
});

Deno.test("a trigger that looked before a file was delivered, and speaks after, leaves its job completed", async () => {
  const world = new World();
  const key = await world.put("stock.csv", csvOf(10));
  const { files } = await world.discover();
  const run = { ...world.started[0]!, id: "late", attempt: 0 };
  await world.settle();
  const { jobId } = files[0]!;
  const before = await world.job(jobId);
  // It had read that there is no such job, and writes one.
  await world.ports.kv.delete(["jobs", jobId]);
  world.started.push(run);
  await world.settle();
  const after = await world.job(jobId);
  assert.deepEqual([before.status, after.status], ["completed", "completed"]);
  assert.deepEqual(after.details["rows"], before.details["rows"]);
  assert.deepEqual(await world.keys(key), []);
  assert.equal(world.fluent.duplicates(), 0);
});

Deno.test("a job whose process died at its very end has only that end repeated: its file is not read again", async () => {
  const world = new World();
  await world.put("empty.csv", "sku,location,qty\n");
  const { jobId } = (await world.discover()).files[0]!;
  const set = world.memory.set.bind(world.memory);
  const died = Promise.withResolvers<void>();
  world.memory.set = (key, value) => {
    if (!/"status":"held"/.test(JSON.stringify(value)) || !key.includes("jobs")) return set(key, value);
    world.memory.set = set;
    died.resolve();
    // As a process that dies right here: nothing after it happens in this delivery.
    return new Promise(() => {});
  };
  void world.slice(world.started[0]!);
  await died.promise;
  assert.equal((await world.job(jobId)).status, "processing");
  world.clock.advance(300_000);
  const opened: string[] = [];
  const open = world.store.openFile.bind(world.store);
  world.store.openFile = (key, options) => {
    opened.push(key);
    return open(key, options);
  };
  await world.settle();
  assert.equal((await world.job(jobId)).status, "held");
  assert.deepEqual(opened.filter((key) => key.endsWith(".csv")), []);
});
