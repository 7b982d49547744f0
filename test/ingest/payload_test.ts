import assert from "node:assert/strict";
import { ingestPayload } from "../../lib/ingest/mod.ts";
import { World } from "./world.ts";

/** Sends rows as the webhook does, and gives the job they became. */
async function send(world: World, qty: number, idempotencyKey?: string) {
  const body = new TextEncoder().encode(JSON.stringify([{ sku: "SKU-1", location: "LOC-1", qty }]));
  const payload = { body, contentType: "application/json", idempotencyKey };
  return await ingestPayload(
    payload,
    world.settings,
    world.ports,
    `execution-${qty}`,
    ({ key, as }) => world.discover({ key, as }),
  );
}

Deno.test("payloads that the store dates to the same second are taken in the order they were sent", async () => {
  const world = new World();
  const stat = world.store.statFile.bind(world.store);
  world.store.statFile = async (...asked) => {
    const file = await stat(...asked);
    return file && { ...file, lastModified: new Date("2026-01-01T00:00:00Z") };
  };
  // Their names are hashes, so that by name some would come before the one sent last.
  for (let qty = 1; qty <= 8; qty++) {
    const { jobId } = await send(world, qty);
    await world.settle();
    assert.equal((await world.job(jobId)).status, "completed", `payload ${qty}`);
    world.clock.advance(10);
  }
  assert.deepEqual([...world.fluent.stock().values()], [8]);
});

Deno.test("a payload sent again under its key keeps the time it was first sent at", async () => {
  const world = new World();
  const first = new Date(world.clock.now()).toISOString();
  await send(world, 1, "order-1");
  world.clock.advance(60_000);
  await send(world, 1, "order-1");
  assert.deepEqual(world.started.map(({ request }) => request.file.time), [first]);
  const place = await world.state.feeds.placeOf(world.settings.feed, world.started[0]!.request.jobId);
  assert.equal(place?.time, first);
});
