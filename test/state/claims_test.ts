import assert from "node:assert/strict";
import { Claims, FeedQueue, VersoriKVAdapter } from "../../lib/state/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { MemoryKeyValue } from "./memory_kv.ts";

function world() {
  const clock = new VirtualClock();
  const kv = new VersoriKVAdapter(new MemoryKeyValue());
  return { clock, kv, claims: new Claims(kv, clock) };
}

Deno.test("of two runs that claim at the same moment, exactly one gets the job", async () => {
  const { claims } = world();
  const got = await Promise.all([
    claims.acquire("job", { run: "a", attempt: 1 }),
    claims.acquire("job", { run: "b", attempt: 1 }),
  ]);
  assert.equal(got.filter(Boolean).length, 1);
});

Deno.test("a live claim keeps other runs away, an expired one doesn't", async () => {
  const { claims, clock } = world();
  assert.equal(await claims.acquire("job", { run: "a", attempt: 1 }), true);
  assert.equal(await claims.acquire("job", { run: "b", attempt: 1 }), false);
  clock.advance(60_001);
  assert.equal(await claims.acquire("job", { run: "b", attempt: 1 }), true);
  assert.equal(await claims.holds("job", { run: "a", attempt: 1 }), false);
  assert.equal(await claims.renew("job", { run: "a", attempt: 1 }), false);
});

Deno.test("a later delivery of the same run takes over at once; the earlier one finds out", async () => {
  const { claims, clock } = world();
  await claims.acquire("job", { run: "a", attempt: 1 });
  const slept = clock.slept.length;
  assert.equal(await claims.acquire("job", { run: "a", attempt: 2 }), true);
  assert.equal(clock.slept.length, slept);
  assert.equal(await claims.holds("job", { run: "a", attempt: 1 }), false);
  assert.equal(await claims.acquire("job", { run: "a", attempt: 1 }), false);
});

Deno.test("only the owner can release a claim", async () => {
  const { claims } = world();
  await claims.acquire("job", { run: "a", attempt: 1 });
  await claims.release("job", { run: "b", attempt: 1 });
  assert.equal(await claims.holds("job", { run: "a", attempt: 1 }), true);
  await claims.release("job", { run: "a", attempt: 1 });
  assert.equal(await claims.acquire("job", { run: "b", attempt: 1 }), true);
});

Deno.test("files of one feed are delivered one at a time, the oldest first", async () => {
  const { kv, clock } = world();
  const feeds = new FeedQueue(kv, clock);
  const older = { lastModified: "2026-01-01T00:00:00.000Z", key: "b.csv" };
  const newer = { lastModified: "2026-01-02T00:00:00.000Z", key: "a.csv" };
  await feeds.enter("f", "newer", newer);
  await feeds.enter("f", "older", older);
  assert.equal(await feeds.mayDeliver("f", "newer", newer), false);
  assert.equal(await feeds.mayDeliver("f", "older", older), true);
  await feeds.leave("f", "older");
  assert.equal(await feeds.mayDeliver("f", "newer", newer), true);
  const late = { lastModified: "2025-12-31T00:00:00.000Z", key: "late.csv" };
  await feeds.enter("f", "late", late);
  assert.equal(await feeds.mayDeliver("f", "late", late), false, "another is at it");
  clock.advance(11 * 60_000);
  assert.equal(
    await feeds.mayDeliver("f", "late", late),
    true,
    "a place that is not renewed holds nobody up",
  );
});
