import assert from "node:assert/strict";
import { VirtualClock } from "../../virtual_clock.ts";
import { batchOf, entity, withServer } from "./_client.ts";

Deno.test("creating a job answers its id and nothing else", () =>
  withServer({}, async (_server, caller) => {
    const reply = await caller.api("POST", "/job", {
      name: "n",
      retailerId: "1",
      meta: { preprocessing: "skip" },
    });
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.json, { id: "199" });
  }));

Deno.test("a job without name or retailer is refused with the reason", () =>
  withServer({}, async (_server, caller) => {
    const cases: [unknown, RegExp][] = [
      [{ retailerId: 1 }, /^name: /],
      [{ name: "", retailerId: 1 }, /^name: /],
      [{ name: "n" }, /^retailerId: /],
      [{ name: "n", retailerId: 1.5 }, /^retailerId: /],
      [[], /^body: /],
      ["{", /not JSON/],
      ["", /not JSON/],
    ];
    for (const [body, reason] of cases) {
      const reply = await caller.api("POST", "/job", body);
      assert.equal(reply.status, 400, JSON.stringify(body));
      assert.match(reply.json.message, reason);
    }
  }));

Deno.test("a batch that is not as documented is refused with the reason, and nothing of it is kept", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const good = entity("S", "L", 1);
    const cases: [unknown, RegExp][] = [
      [{ ...batchOf([good]), action: undefined }, /^action: /],
      [{ ...batchOf([good]), action: "CREATE" }, /^action: /],
      [{ ...batchOf([good]), entityType: undefined }, /^entityType: /],
      [{ ...batchOf([good]), entityType: "INVENTORY_QUANTITY" }, /^entityType: /],
      [{ ...batchOf([good]), event: 5 }, /^event: /],
      [{ ...batchOf([]), entities: undefined }, /^entities: /],
      [batchOf([]), /^entities: /],
      [batchOf(Array.from({ length: 5001 }, () => good)), /^entities: /],
      [batchOf([good, { ...good, qty: 1.5 }]), /^entities\[1\]\.qty: /],
      [batchOf([{ ...good, qty: "1" }]), /^entities\[0\]\.qty: /],
      [batchOf([{ ...good, skuRef: undefined }]), /^entities\[0\]\.skuRef: /],
      [batchOf([{ ...good, skuRef: "" }]), /^entities\[0\]\.skuRef: /],
      [batchOf([{ ...good, locationRef: 7 }]), /^entities\[0\]\.locationRef: /],
      [batchOf([{ ...good, retailerId: undefined }]), /^entities\[0\]\.retailerId: /],
      [batchOf([{ ...good, attributes: "expectedOn" }]), /^entities\[0\]\.attributes: /],
      [batchOf([{ ...good, attributes: [] }]), /^entities\[0\]\.attributes: /],
      [batchOf([{ ...good, qty: 2 ** 60 }]), /^entities\[0\]\.qty: /],
      [batchOf([{ ...good, retailerId: "" }]), /^entities\[0\]\.retailerId: /],
      [batchOf([{ ...good, correctedQty: "0" }]), /^entities\[0\]\.correctedQty: /],
      [batchOf([{ ...good, status: null }]), /^entities\[0\]\.status: /],
      [batchOf([good, null]), /^entities\[1\]: /],
      [{ ...batchOf([good]), source: 7 }, /^source: /],
      [{ ...batchOf([good]), conditions: "x" }, /^conditions: /],
      ["not json", /not JSON/],
    ];
    for (const [body, reason] of cases) {
      const reply = await caller.api("POST", `/job/${jobId}/batch`, body);
      assert.equal(reply.status, 400, JSON.stringify(body).slice(0, 200));
      assert.match(reply.json.message, reason);
    }
    assert.deepEqual(server.batches(), []);
    assert.equal(server.stock().size, 0);
  }));

Deno.test("a body that is not UTF-8 is refused rather than repaired", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const text = new TextEncoder().encode(JSON.stringify(batchOf([entity("S?", "L", 1)])));
    text[text.indexOf("?".charCodeAt(0))] = 0xff;
    const answer = await fetch(`${server.url}/api/v4.1/job/${jobId}/batch`, {
      method: "POST",
      headers: { authorization: caller.authorization },
      body: text,
    });
    await answer.body?.cancel();
    assert.equal(answer.status, 400);
  }));

Deno.test("a batch takes 1 to 5,000 entities", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, [entity("S", "L", 1)]);
    await caller.accepted(jobId, Array.from({ length: 5000 }, (_, i) => entity(`S${i}`, "L", i)));
    assert.deepEqual(server.batches().map(({ entityCount }) => entityCount), [1, 5000]);
    assert.equal(server.stock().get("S4999\u0000L"), 4999);
  }));

Deno.test("jobs, batches and endpoints that don't exist answer 404", () =>
  withServer({}, async (_server, caller) => {
    const jobId = await caller.job();
    const other = await caller.job();
    const batchId = await caller.accepted(jobId, [entity("S", "L", 1)]);
    assert.notEqual(batchId, jobId);
    const paths: [string, string][] = [
      ["GET", "/job/7"],
      ["GET", "/job/x"],
      ["GET", `/job/${batchId}`],
      ["GET", `/job/${jobId}/batch/${jobId}`],
      ["GET", `/job/${other}/batch/${batchId}`],
      ["GET", `/job/7/batch/${batchId}`],
      ["GET", `/job/${jobId}/batch`],
      ["GET", `/job/${jobId}/results`],
      ["DELETE", `/job/${jobId}`],
      ["GET", "/job"],
    ];
    for (const [method, path] of paths) {
      assert.equal((await caller.api(method, path)).status, 404, `${method} ${path}`);
    }
    assert.equal((await caller.send("7", [entity("S", "L", 1)])).status, 404);
  }));

Deno.test("a batch goes from PENDING through RUNNING to COMPLETE, and only then has results and stock", async () => {
  const clock = new VirtualClock();
  await withServer({ clock, pendingMs: 100, runningMs: 200 }, async (server, caller) => {
    const jobId = await caller.job();
    const batchId = await caller.accepted(jobId, [entity("S", "L", 5)]);
    const seen: unknown[] = [];
    for (const step of [0, 99, 1, 199, 1]) {
      clock.advance(step);
      const job = await caller.api("GET", `/job/${jobId}`);
      const batch = await caller.api("GET", `/job/${jobId}/batch/${batchId}`);
      assert.deepEqual(job.json, {
        jobId,
        status: "OPEN",
        batches: [{ batchId, status: batch.json.status }],
      });
      seen.push([batch.json.status, batch.json.total, batch.json.results.length, server.stock().size]);
    }
    assert.deepEqual(seen, [
      ["PENDING", 0, 0, 0],
      ["PENDING", 0, 0, 0],
      ["RUNNING", 0, 0, 0],
      ["RUNNING", 0, 0, 0],
      ["COMPLETE", 1, 1, 1],
    ]);
    const { json } = await caller.api("GET", `/job/${jobId}/batch/${batchId}`);
    assert.deepEqual({ ...json, results: undefined }, {
      batchId,
      jobId,
      status: "COMPLETE",
      start: 0,
      count: 100,
      total: 1,
      results: undefined,
    });
    assert.equal(json.results[0].entityRef, "L:S");
    assert.equal(json.results[0].responseCode, 200);
    assert.equal(typeof json.results[0].entityId, "string");
  });
});

Deno.test("a throughput makes batches wait for each other", async () => {
  const clock = new VirtualClock();
  await withServer({ clock, throughputRowsPerSecond: 10 }, async (server, caller) => {
    const jobId = await caller.job();
    const rows = Array.from({ length: 5 }, (_, i) => entity(`S${i}`, "L", i));
    await caller.accepted(jobId, rows);
    await caller.accepted(jobId, rows);
    const statuses = () => server.batches().map(({ status }) => status);
    assert.deepEqual(statuses(), ["RUNNING", "PENDING"]);
    clock.advance(500);
    assert.deepEqual(statuses(), ["COMPLETE", "RUNNING"]);
    clock.advance(500);
    assert.deepEqual(statuses(), ["COMPLETE", "COMPLETE"]);
  });
});

Deno.test("the stock is what was accepted last, by batch and by row", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, [entity("S", "L", 1), entity("S", "L2", 2)]);
    await caller.accepted(jobId, [entity("S", "L", 3), entity("S", "L", 4), entity("ü\u{1F600}", "L", -1)]);
    assert.deepEqual([...server.stockRows()].map(({ sku, location, qty }) => [sku, location, qty]), [
      ["S", "L", 4],
      ["S", "L2", 2],
      ["ü\u{1F600}", "L", -1],
    ]);
    assert.equal(server.stock().get("S\u0000L2"), 2);
  }));

Deno.test("quantities of another type or status are confirmed and leave on-hand stock alone", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const batchId = await caller.accepted(jobId, [
      { ...entity("S", "L", 1), type: "LAST_ON_HAND", status: "ACTIVE" },
      { ...entity("S", "L", 9), type: "IN_TRANSIT" },
      { ...entity("S", "L", 8), status: "INACTIVE" },
    ]);
    const { json } = await caller.api("GET", `/job/${jobId}/batch/${batchId}`);
    assert.deepEqual(json.results.map((r: { responseCode: number }) => r.responseCode), [200, 200, 200]);
    assert.deepEqual([...server.stock()], [["S\u0000L", 1]]);
  }));

Deno.test("results are paged in the order of the entities, within the largest page", () =>
  withServer({ resultsPerPage: 4, maxResultsPerPage: 6 }, async (_server, caller) => {
    const jobId = await caller.job();
    const batchId = await caller.accepted(
      jobId,
      Array.from({ length: 10 }, (_, i) => entity(`S${i}`, "L", i)),
    );
    const cases: [string, number, number, string[]][] = [
      ["", 0, 4, ["L:S0", "L:S1", "L:S2", "L:S3"]],
      ["?start=8", 8, 4, ["L:S8", "L:S9"]],
      ["?start=3&count=2", 3, 2, ["L:S3", "L:S4"]],
      ["?count=100", 0, 6, ["L:S0", "L:S1", "L:S2", "L:S3", "L:S4", "L:S5"]],
      ["?start=10", 10, 4, []],
    ];
    for (const [query, start, count, refs] of cases) {
      const { json } = await caller.api("GET", `/job/${jobId}/batch/${batchId}${query}`);
      assert.deepEqual(
        [json.start, json.count, json.total, json.results.map((r: { entityRef: string }) => r.entityRef)],
        [start, count, 10, refs],
        query,
      );
    }
    for (const query of ["?start=-1", "?start=x", "?count=0", "?count=1.5", "?start="]) {
      assert.equal((await caller.api("GET", `/job/${jobId}/batch/${batchId}${query}`)).status, 400, query);
    }
  }));

Deno.test("entities of unknown references fail by themselves and change nothing", () =>
  withServer({
    unknownSkus: ["NO-SKU"],
    unknownLocations: ["NO-LOC"],
    failingSkus: { BROKEN: 500, FOREIGN: 301 },
    isUnknown: ({ skuRef }) => skuRef.startsWith("X"),
  }, async (server, caller) => {
    const jobId = await caller.job();
    const skus = ["A", "NO-SKU", "BROKEN", "FOREIGN", "X1", "B"];
    const entities = [...skus.map((sku) => entity(sku, "L", 1)), entity("A", "NO-LOC", 2)];
    const batchId = await caller.accepted(jobId, entities);
    const { json } = await caller.api("GET", `/job/${jobId}/batch/${batchId}`);
    assert.equal(json.status, "COMPLETE");
    const results: { entityId?: string; responseCode: number; message: string }[] = json.results;
    assert.deepEqual(results.map((r) => r.responseCode), [200, 404, 500, 301, 404, 200, 404]);
    for (const result of results) {
      assert.equal(result.entityId !== undefined, result.responseCode === 200);
      assert.equal(result.message !== "", result.responseCode !== 200);
    }
    assert.deepEqual([...server.stock().keys()], ["A\u0000L", "B\u0000L"]);
  }));

Deno.test("a job closes at midnight UTC and takes no more batches, while its batches go on", async () => {
  const clock = new VirtualClock(Date.UTC(2026, 1, 28, 23, 59, 59));
  await withServer({ clock, pendingMs: 5_000 }, async (_server, caller) => {
    const jobId = await caller.job();
    const batchId = await caller.accepted(jobId, [entity("S", "L", 1)]);
    clock.advance(1_000);
    assert.equal((await caller.api("GET", `/job/${jobId}`)).json.status, "CLOSED");
    const refused = await caller.send(jobId, [entity("S", "L", 2)]);
    assert.deepEqual([refused.status, refused.json.code], [400, "JOB_CLOSED"]);
    clock.advance(4_000);
    assert.equal((await caller.api("GET", `/job/${jobId}/batch/${batchId}`)).json.status, "COMPLETE");
  });
});

Deno.test("a job can be closed by hand", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    server.closeJob(jobId);
    assert.equal((await caller.send(jobId, [entity("S", "L", 2)])).status, 400);
    assert.equal(server.jobs()[0]?.status, "CLOSED");
    assert.throws(() => server.closeJob("7"), /there is no such job/);
  }));

Deno.test("a job's answer can come without its batches", () =>
  withServer({ jobListsBatches: false }, async (_server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, [entity("S", "L", 1)]);
    assert.deepEqual((await caller.api("GET", `/job/${jobId}`)).json, { jobId, status: "OPEN" });
  }));

Deno.test("batches that stick in PENDING can be completed by hand", () =>
  withServer({ pendingMs: 1e12 }, async (server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, [entity("S", "L", 1)]);
    assert.equal(server.batches()[0]?.status, "PENDING");
    server.completeBatches();
    assert.equal(server.batches()[0]?.status, "COMPLETE");
    assert.equal(server.stock().size, 1);
  }));

Deno.test("a body of up to 20 MiB is read, a longer one answers 413", () =>
  withServer({}, async (_server, caller) => {
    const jobId = await caller.job();
    const padding = "x".repeat(19 * 1024 * 1024);
    assert.equal((await caller.send(jobId, [{ ...entity("S", "L", 1), padding }])).status, 200);
    assert.equal((await caller.api("POST", "/job", padding + padding)).status, 413);
  }));

Deno.test("a poison SKU has its whole batch refused, and nothing of it is taken", () =>
  withServer({ poisonSkus: ["BAD"] }, async (server, caller) => {
    const jobId = await caller.job();
    const refused = await caller.send(jobId, [entity("S", "L", 1), entity("BAD", "L", 2)]);
    assert.equal(refused.status, 400);
    assert.match(refused.json.message, /^entities\[1\]\.skuRef: BAD /);
    await caller.accepted(jobId, [entity("S", "L", 1)]);
    assert.deepEqual([...server.stock()], [["S\u0000L", 1]]);
  }));

Deno.test("a job can close once it has taken in a number of batches", () =>
  withServer({ closeJobsAfterBatches: 2 }, async (server, caller) => {
    for (const jobId of [await caller.job(), await caller.job()]) {
      await caller.accepted(jobId, [entity("S", "L", 1)]);
      assert.equal((await caller.api("GET", `/job/${jobId}`)).json.status, "OPEN");
      await caller.accepted(jobId, [entity("S", "L", 2)]);
      assert.equal((await caller.api("GET", `/job/${jobId}`)).json.status, "CLOSED");
      assert.equal((await caller.send(jobId, [entity("S", "L", 3)])).json.code, "JOB_CLOSED");
    }
    assert.equal(server.batches().length, 4);
  }));

Deno.test("a stuck batch stays PENDING while later ones complete, and is applied when it is let go", async () => {
  const clock = new VirtualClock();
  await withServer({ clock, stuckBatches: [2] }, async (server, caller) => {
    const jobId = await caller.job();
    for (const qty of [1, 2, 3]) await caller.accepted(jobId, [entity(`S${qty}`, "L", qty)]);
    clock.advance(80_000_000);
    const statuses = () => server.batches(jobId).map(({ status }) => status);
    assert.deepEqual(statuses(), ["COMPLETE", "PENDING", "COMPLETE"]);
    assert.deepEqual([...server.stock().values()], [1, 3]);
    await caller.accepted(jobId, [entity("S4", "L", 4)]);
    assert.deepEqual([...server.stock().values()], [1, 3, 4]);
    server.completeBatches();
    assert.deepEqual([...server.stock().values()], [1, 2, 3, 4]);
    assert.deepEqual([...server.stock().values()], [1, 2, 3, 4]);
  });
});
