import assert from "node:assert/strict";
import {
  type Claim,
  Claims,
  FeedQueue,
  ObjectFence,
  type Owner,
  VersoriKVAdapter,
} from "../../lib/state/mod.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { MemoryKeyValue } from "./memory_kv.ts";

function world(options: { fenced?: boolean } = {}) {
  const clock = new VirtualClock();
  const kv = new VersoriKVAdapter(new MemoryKeyValue());
  const store = new MemoryObjectStore({ clock, conditionalPut: true });
  const fence = options.fenced ? new ObjectFence(store, "claims/") : undefined;
  const claims = new Claims(kv, clock, { fence });
  const take = async (owner: Owner): Promise<Claim | undefined> => {
    const acquired = await claims.acquire("job", owner);
    return acquired.kind === "ours" ? acquired.claim : undefined;
  };
  return { clock, kv, claims, take };
}

const A = { run: "a", attempt: 1 };
const A2 = { run: "a", attempt: 2 };
const B = { run: "b", attempt: 1 };

for (const fenced of [false, true]) {
  const how = fenced ? "with a fence" : "with plain reads and writes";

  Deno.test(`${how}, of two runs that claim at the same moment exactly one gets the job`, async () => {
    const { take } = world({ fenced });
    const got = await Promise.all([take(A), take(B)]);
    assert.equal(got.filter(Boolean).length, 1);
  });

  Deno.test(`${how}, of two deliveries of the same attempt exactly one gets the job`, async () => {
    const { take } = world({ fenced });
    const got = await Promise.all([take(A), take(A)]);
    assert.equal(got.filter(Boolean).length, 1);
    assert.equal(await take(A), undefined, "also later");
  });

  Deno.test(`${how}, a live claim keeps other runs away, an expired one doesn't`, async () => {
    const { take, claims, clock } = world({ fenced });
    const first = await take(A);
    assert.ok(first);
    const refused = await claims.acquire("job", B);
    assert.equal(refused.kind, "theirs");
    assert.ok(refused.kind === "theirs" && refused.until > clock.now(), "it says until when");
    clock.advance(60_001);
    const second = await take(B);
    assert.ok(second && second.disturbed, "the first never said that it had ended");
    assert.equal(await first.holds(), false);
    assert.equal(await first.renew(), false);
    assert.ok(second.fence > first.fence, "the fencing token grew");
  });

  Deno.test(`${how}, a later delivery of the same run takes over; the earlier one finds out`, async () => {
    const { take } = world({ fenced });
    const first = await take(A);
    const second = await take(A2);
    assert.ok(first && second?.disturbed);
    assert.equal(await first.holds(), false);
    assert.equal(await take(A), undefined);
  });

  Deno.test(`${how}, a claim that was handed over is taken at once by the next delivery, and by nobody else`, async () => {
    const { take, clock } = world({ fenced });
    const first = await take(A);
    await first!.handOver();
    assert.equal(await take(B), undefined);
    const before = clock.now();
    const second = await take(A2);
    assert.ok(second && !second.disturbed);
    assert.ok(clock.now() - before <= 250, "no longer than what the store may be behind");
  });

  Deno.test(`${how}, only the owner can release a claim`, async () => {
    const { take } = world({ fenced });
    const first = await take(A);
    const second = await take(A2);
    await first!.release();
    assert.equal(await second!.holds(), true);
    await second!.release();
    assert.ok(await take(B));
  });
}

Deno.test("a run that was slow between its read and its write waits until the owner has had to look again", async () => {
  const clock = new VirtualClock();
  const memory = new MemoryKeyValue();
  const claims = new Claims(new VersoriKVAdapter(memory), clock);
  const fast = await claims.acquire("other", A);
  assert.ok(fast.kind === "ours");
  clock.slept.length = 0;
  memory.before = (operation) => {
    if (operation === "set") clock.advance(600);
  };
  assert.equal((await claims.acquire("job", B)).kind, "ours");
  assert.deepEqual(clock.slept, [4_000], "a settle and the time a claim is believed without looking");
});

function feed() {
  const clock = new VirtualClock();
  return { clock, feeds: new FeedQueue(new VersoriKVAdapter(new MemoryKeyValue()), clock) };
}

const OLDER = { lastModified: "2026-01-01T00:00:00.000Z", key: "b.csv" };
const NEWER = { lastModified: "2026-01-02T00:00:00.000Z", key: "a.csv" };

Deno.test("files of one feed go the oldest first, and wait for the one that is being delivered", async () => {
  const { feeds } = feed();
  await feeds.enter("f", "newer", NEWER);
  await feeds.enter("f", "older", OLDER);
  const ahead = async (job: string, file: typeof OLDER) =>
    (await feeds.ahead("f", job, file)).map(({ jobId }) => jobId);
  assert.deepEqual(await ahead("newer", NEWER), ["older"]);
  assert.deepEqual(await ahead("older", OLDER), []);
  await feeds.leave("f", "older");
  assert.deepEqual(await ahead("newer", NEWER), []);
  await feeds.begin("f", "newer", NEWER);
  const late = { lastModified: "2025-12-31T00:00:00.000Z", key: "late.csv" };
  assert.deepEqual(await ahead("late", late), ["newer"]);
});

Deno.test("a place does not lapse by itself, but one that was left keeps the next only for a while", async () => {
  const { feeds, clock } = feed();
  await feeds.enter("f", "older", OLDER);
  clock.advance(24 * 3_600_000);
  assert.equal((await feeds.ahead("f", "newer", NEWER)).length, 1);
  await feeds.begin("f", "older", OLDER);
  await feeds.leave("f", "older", 35_000);
  assert.equal((await feeds.ahead("f", "newer", NEWER)).length, 1, "requests may still be on their way");
  clock.advance(35_001);
  assert.equal((await feeds.ahead("f", "newer", NEWER)).length, 0);
});
