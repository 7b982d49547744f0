import assert from "node:assert/strict";
import { type ConnectorProcess, Site, withSite } from "./connector.ts";
import { sampleFiles } from "../../local/samples/sample_files.ts";

/** What Fluent must hold once the files are delivered in this order: sku + NUL + location → quantity. */
function expectedStock(files: ReturnType<typeof sampleFiles>): Map<string, number> {
  const stock = new Map<string, number>();
  for (const file of files) {
    for (const [location, sku, qty] of file.stock) stock.set(`${sku}\u0000${location}`, qty);
  }
  return stock;
}

function assertSameStock(site: Site, expected: ReadonlyMap<string, number>): void {
  const found = site.fluent.stock();
  assert.equal(found.size, expected.size);
  for (const [key, qty] of expected) assert.equal(found.get(key), qty, key.replace("\u0000", " in "));
}

/** Asks for what waits, and gives the job of each file: those that are over by now are no longer in the bucket. */
async function startedJobs(site: Site, process: ConnectorProcess): Promise<Record<string, string>> {
  const { status } = await site.call(process, "inventory-adhoc", {});
  assert.equal(status, 202);
  const response = await fetch(`${process.url}/job-history`, {
    headers: { "x-api-key": site.secrets.apiKey },
  });
  const { jobs } = await response.json() as { jobs: { jobId: string; file: { key: string } }[] };
  return Object.fromEntries(jobs.map(({ file, jobId }) => [file.key.split("/").at(-1)!, jobId]));
}

Deno.test("the main job: the sample files end exactly as promised, key by key", async () => {
  await withSite({ pendingMs: 20, runningMs: 50 }, async (site) => {
    const files = sampleFiles();
    for (const file of files) await site.put(file.name, file.text);
    const process = await site.connect();
    assert.equal((await site.fireSchedule(process)).status, 200);
    const jobs = await startedJobs(site, process);
    const full = await site.untilJob(process, jobs["stock-full.csv"]!, ["completed"]);
    const corrections = await site.untilJob(process, jobs["stock-corrections.csv"]!, [
      "completed_with_errors",
    ]);
    const empty = await site.untilJob(process, jobs["stock-empty.csv"]!, ["held"]);

    assertSameStock(site, expectedStock(files));
    const details = full["details"] as {
      rows: Record<string, number>;
      batches: unknown;
      archivedAs: string;
      fluentJobs: string[];
    };
    assert.deepEqual(details.batches, { total: 200, sent: 200, resent: 0 });
    assert.equal(details.rows["confirmed"], 50_000);
    const batches = site.fluent.batches(details.fluentJobs[0]!);
    assert.equal(batches.length, 200);
    assert.ok(batches.every(({ status, entityCount }) => status === "COMPLETE" && entityCount === 250));
    assert.equal(await site.store.downloadFile(details.archivedAs, { encoding: "utf8" }), files[0]!.text);
    assert.deepEqual((corrections["details"] as { rows: unknown }).rows, {
      read: 205,
      sendable: 200,
      rejected: 5,
      superseded: 0,
      unchanged: 0,
      confirmed: 200,
      failed: 0,
      unconfirmed: 0,
    });
    assert.equal((empty["details"] as { heldBecause: { code: string } }).heldBecause.code, "file-empty");
    assert.deepEqual(await site.keys("inventory/incoming/"), []);
    assert.deepEqual(await site.keys("inventory/held/"), ["inventory/held/stock-empty.csv"]);
    assert.deepEqual(site.fluent.duplicateBatches(), []);
  });
});

for (const killAt of [1, 60, 190]) {
  Deno.test(`effectively once: kill -9 after ${killAt} of 200 batches, start again`, async () => {
    // Slow enough that the last batches are not through before the test has looked and killed.
    await withSite({ latencyMs: 25 }, async (site) => {
      const [full] = sampleFiles();
      await site.put(full!.name, full!.text);
      const first = await site.connect();
      await site.fireSchedule(first);
      await site.until(`${killAt} batches`, () => site.fluent.batches().length >= killAt || undefined);
      await first.kill();
      const acceptedAtDeath = site.fluent.batches().length;
      assert.ok(acceptedAtDeath < 200, "it was killed half-way");
      assert.deepEqual(await site.keys("inventory/archive/"), [], "nothing is archived early");
      assert.equal((await site.keys("inventory/incoming/")).length, 1);

      const second = await site.connect();
      const jobs = await startedJobs(site, second);
      await site.untilJob(second, jobs["stock-full.csv"]!, ["completed"]);
      assertSameStock(site, expectedStock([full!]));
      assert.deepEqual(await site.keys("inventory/incoming/"), []);
      const sentTwice = site.fluent.duplicateBatches();
      assert.ok(sentTwice.every((same) => same.length === 2));
      assert.ok(sentTwice.length <= 5, `${sentTwice.length} batches sent twice: at most the 5 in flight`);
      assert.equal(site.fluent.batches().length, 200 + sentTwice.length);
      const withBatches = site.fluent.jobs().filter(({ jobId }) => site.fluent.batches(jobId).length > 0);
      assert.equal(withBatches.length, 1, "one Fluent job has all the batches");
    });
  });
}

Deno.test("two schedules and an ad-hoc webhook at once, on two processes, deliver a file once", async () => {
  await withSite({ latencyMs: 2 }, async (site) => {
    const [full] = sampleFiles();
    await site.put(full!.name, full!.text);
    const [a, b] = await Promise.all([site.connect(), site.connect()]);
    await Promise.all([site.fireSchedule(a!), site.fireSchedule(b!), site.call(a!, "inventory-adhoc", {})]);
    const jobs = await startedJobs(site, a!);
    await site.untilJob(a!, jobs["stock-full.csv"] ?? "", ["completed"]);
    assertSameStock(site, expectedStock([full!]));
    assert.equal(site.fluent.batches().length, 200);
    assert.deepEqual(site.fluent.duplicateBatches(), []);
  });
});

Deno.test("webhooks want their key before any code of ours runs", async () => {
  await withSite({}, async (site) => {
    const process = await site.connect();
    assert.equal((await site.call(process, "inventory-adhoc", {}, "wrong")).status, 403);
    const none = await fetch(`${process.url}/job-status?jobId=x`);
    assert.equal(none.status, 401);
    await none.body?.cancel();
    assert.equal((await site.call(process, "job-status", { jobId: "a:b" })).status, 400);
    const unknown = await site.call(process, "job-status", { jobId: "nobody" });
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body["code"], "job-unknown");
    const wrong = await site.call(process, "inventory-adhoc", { maxFiles: "many" });
    assert.equal(wrong.status, 400);
    assert.match(String(wrong.body["detail"]), /maxFiles/);
  });
});
