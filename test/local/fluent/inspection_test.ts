import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { startFluentInWorker } from "../../../local/fluent/mod.ts";
import { batchOf, Caller, entity, request, withFolder, withServer } from "./_client.ts";

Deno.test("a batch's hash is that of the bytes received, and repeated bodies are found by it", () =>
  withServer({}, async (server, caller) => {
    const [jobId, other] = [await caller.job(), await caller.job()];
    const entities = [entity("S", "L", 1)];
    for (const job of [jobId, jobId, other]) await caller.accepted(job, entities);
    await caller.accepted(jobId, [entity("S", "L", 2)]);
    const sha256 = createHash("sha256").update(JSON.stringify(batchOf(entities))).digest("hex");
    assert.deepEqual(server.batches(jobId).map((batch) => batch.sha256 === sha256), [true, true, false]);
    const duplicates = server.duplicateBatches();
    assert.equal(duplicates.length, 1);
    assert.deepEqual(duplicates[0]?.map(({ jobId }) => jobId), [jobId, jobId]);
  }));

Deno.test("another process reads stock, batches and counts over HTTP without a token", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, Array.from({ length: 5 }, (_, i) => entity(`S${i}`, "L", i)));
    await caller.accepted(jobId, [entity("S0", "L", 7)]);
    await caller.send(jobId, []);
    const stock = (query: string) => request(`${server.url}/_local/stock${query}`);
    assert.deepEqual((await stock("?start=0&count=2")).json, {
      start: 0,
      count: 2,
      total: 5,
      rows: [["S0", "L", 7], ["S1", "L", 1]],
    });
    assert.deepEqual((await stock("?start=4")).json.rows, [["S4", "L", 4]]);
    assert.equal((await stock("?start=x")).status, 400);
    const stats = (await request(`${server.url}/_local/stats`)).json;
    assert.deepEqual(stats, {
      requests: {
        total: 5,
        byEndpoint: { token: 1, createJob: 1, sendBatch: 3 },
        byStatus: { "200": 4, "400": 1 },
      },
      jobs: 1,
      batches: { total: 2, pending: 0, running: 0, complete: 2, duplicates: 0 },
      entities: 6,
      stockRows: 5,
    });
    const { jobs, batches } = (await request(`${server.url}/_local/batches`)).json;
    assert.deepEqual([jobs, batches], [server.jobs(), server.batches()]);
    assert.equal((await request(`${server.url}/_local/secrets`)).status, 404);
  }));

Deno.test("many callers at once lose nothing", () =>
  withFolder((stateDir) =>
    withServer({ stateDir }, async (server, caller) => {
      const jobId = await caller.job();
      let next = 0;
      await Promise.all(Array.from({ length: 8 }, async () => {
        while (next < 80) {
          const batch = next++;
          const rows = Array.from({ length: 25 }, (_, i) => entity(`S${batch * 25 + i}`, `L${i}`, batch));
          await caller.accepted(jobId, rows);
        }
      }));
      assert.equal(server.batches(jobId).length, 80);
      assert.equal(server.duplicateBatches().length, 0);
      assert.equal(server.stock().size, 2000);
    })
  ));

Deno.test("in a thread of its own it serves, takes commands, keeps its state and stops", () =>
  withFolder(async (stateDir) => {
    const server = await startFluentInWorker({ stateDir, pendingMs: 1e12, unknownSkus: ["NO"] });
    const caller = await new Caller(server.url).logIn();
    const jobId = await caller.job();
    await server.setFaults([{ match: { path: /batch$/ }, kind: "status", status: 503 }]);
    assert.equal((await caller.send(jobId, [entity("S", "L", 1)])).status, 503);
    await server.setFaults([]);
    await caller.accepted(jobId, [entity("S", "L", 1), entity("NO", "L", 1)]);
    await server.completeBatches();
    assert.equal((await request(`${server.url}/_local/stock`)).json.total, 1);
    await server.closeJob(jobId);
    assert.equal((await caller.send(jobId, [entity("S", "L", 1)])).status, 400);
    await assert.rejects(server.closeJob("7"), /there is no such job/);
    await assert.rejects(
      startFluentInWorker({ port: server.port }),
      /Cannot start the Fluent server on 127\.0\.0\.1/,
    );
    await server.stop();
    await server.stop();
    await assert.rejects(caller.job());
    const again = await startFluentInWorker({ stateDir });
    assert.equal((await request(`${again.url}/_local/stats`)).json.batches.total, 1);
    await again.stop();
  }));
