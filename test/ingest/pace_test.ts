import assert from "node:assert/strict";
import { localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { createClient } from "../../lib/fluent/mod.ts";
import { csvOf, World } from "./world.ts";

Deno.test("under a limit of 20 requests a second, a whole delivery settles just below it, slices and all", async () => {
  const limit = 20;
  const world = new World();
  Object.assign(world.variables, { batchSize: 1, sendConcurrency: 5 });
  const server = await startFluentServer({ clock: world.clock, requestsPerSecond: limit });
  try {
    const { clientId, clientSecret } = localFluentCredentials;
    const answers: { at: number; status: number }[] = [];
    // Virtual time stands still while a request is on its way: on a busy machine it would run ahead of the answers.
    const underWay = new Set<Promise<unknown>>();
    const sleep = world.clock.sleep.bind(world.clock);
    world.clock.sleep = async (ms, signal) => {
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await sleep(ms, signal);
    };
    world.openFluent = (memory) =>
      createClient({ config: { baseUrl: server.url, clientId, clientSecret, retailerId: 1 } }, {
        ...memory,
        clock: world.clock,
        fetch: async (url, init) => {
          const request = fetch(url, init);
          underWay.add(request);
          const response = await request.finally(() => underWay.delete(request));
          // Before the body is read no other call can have moved the time on.
          if (String(url).endsWith("/batch")) {
            answers.push({ at: world.clock.now(), status: response.status });
          }
          return response;
        },
      });
    const batches = 2_600;
    const { job } = await world.ingest("stock.csv", csvOf(batches));
    assert.equal(job.status, "completed");
    assert.equal(server.stock().size, batches);
    assert.equal(server.duplicateBatches().length, 0);
    const start = answers[0]!.at;
    const settled = answers.filter(({ at }) => at >= start + 60_000);
    const taken = settled.filter(({ status }) => status === 200);
    const rate = taken.length / (settled.at(-1)!.at - (start + 60_000)) * 1_000;
    const share = 1 - taken.length / settled.length;
    assert.ok(settled.at(-1)!.at - start > 120_000, "there is something to measure");
    assert.ok(rate >= 0.9 * limit && rate <= limit, `${rate.toFixed(2)}/s`);
    assert.ok(share < 0.02, `${(share * 100).toFixed(2)} % refused`);
  } finally {
    await server.stop();
  }
});
