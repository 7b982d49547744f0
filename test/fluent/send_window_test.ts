import assert from "node:assert/strict";
import { SendWindow, type SendWindowState } from "../../lib/fluent/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { EventClock } from "./_event_clock.ts";

interface Model {
  readonly ceiling: number;
  readonly latencyMs: number | ((now: number, inFlight: number) => number);
  /** Requests taken per second of the clock; more are refused. */
  readonly limit?: number | ((now: number) => number);
  readonly retryAfterMs?: number;
  readonly forMs: number;
  readonly state?: SendWindowState;
}

/** Senders that never run out, a server in virtual time, and what each second came to. */
async function run(model: Model) {
  const clock = new EventClock(Date.UTC(2026, 0, 1) + 137);
  const window = new SendWindow({
    clock,
    ceiling: model.ceiling,
    ...(model.state ? { state: model.state } : {}),
  });
  const start = clock.now();
  const taken: number[] = [];
  const refused: number[] = [];
  let atOnce = 0;
  let most = 0;
  let second = { number: 0, calls: 0 };
  const sender = async () => {
    while (clock.now() - start < model.forMs) {
      const permit = await window.acquire();
      most = Math.max(most, ++atOnce);
      const ms = typeof model.latencyMs === "number" ? model.latencyMs : model.latencyMs(clock.now(), atOnce);
      const arrival = clock.now();
      const number = Math.floor(arrival / 1_000);
      if (number !== second.number) second = { number, calls: 0 };
      second.calls++;
      const limit = typeof model.limit === "function"
        ? model.limit(arrival - start)
        : model.limit ?? Infinity;
      const ok = second.calls <= limit;
      await clock.sleep(ms);
      atOnce--;
      (ok ? taken : refused).push(arrival - start);
      if (ok) permit.worked();
      else permit.slowDown(model.retryAfterMs);
    }
  };
  await Promise.all(Array.from({ length: model.ceiling }, sender));
  const between = (times: number[], from: number, to: number) =>
    times.filter((at) => at >= from && at < to).length;
  return { window, taken, refused, most, between };
}

for (
  const [limit, latencyMs, ceiling] of [
    [20, 1, 5],
    [20, 50, 5],
    [5, 1, 5],
    [50, 200, 20],
    [2, 10, 5],
  ] as const
) {
  Deno.test(`below a limit of ${limit}/s with calls of ${latencyMs} ms and ${ceiling} at once, delivery settles just below it`, async () => {
    const forMs = 240_000;
    const { taken, refused, between } = await run({ ceiling, latencyMs, limit, retryAfterMs: 1_000, forMs });
    const rate = between(taken, 60_000, forMs) / (forMs - 60_000) * 1_000;
    const share = between(refused, 60_000, forMs) /
      (between(refused, 60_000, forMs) + between(taken, 60_000, forMs));
    assert.ok(rate >= 0.9 * limit && rate <= limit, `${rate}/s of ${limit}/s`);
    assert.ok(share < 0.02, `${(share * 100).toFixed(2)} % refused`);
  });
}

Deno.test("a limit that is raised is found, and one that is lowered is respected", async () => {
  const { taken, between } = await run({
    ceiling: 10,
    latencyMs: 5,
    limit: (ms) => ms < 100_000 ? 10 : ms < 300_000 ? 40 : 10,
    retryAfterMs: 1_000,
    forMs: 400_000,
  });
  const rate = (from: number, to: number) => between(taken, from, to) / (to - from) * 1_000;
  assert.ok(rate(60_000, 100_000) <= 10);
  assert.ok(rate(250_000, 300_000) > 25, `${rate(250_000, 300_000)}/s after the limit went up`);
  assert.ok(rate(340_000, 400_000) >= 8.5, `${rate(340_000, 400_000)}/s after it went down`);
});

Deno.test("without a limit everything the ceiling allows is under way from the first request on", async () => {
  const { taken, most, window } = await run({ ceiling: 8, latencyMs: 50, forMs: 10_000 });
  assert.equal(most, 8);
  assert.equal(taken.length, 1_600);
  assert.equal(window.rate, undefined);
});

Deno.test("failures halve the window once per round, and it grows back by one per round up to the ceiling", async () => {
  const clock = new VirtualClock();
  const window = new SendWindow({ clock, ceiling: 8 });
  const permits = await Promise.all(Array.from({ length: 8 }, () => window.acquire()));
  for (const permit of permits) permit.failed();
  assert.equal(window.size, 4);
  for (let round = 0; round < 10; round++) {
    const size: number = window.size;
    const next = await Promise.all(Array.from({ length: size }, () => window.acquire()));
    for (const permit of next) permit.worked();
    assert.ok(window.size <= size + 1);
  }
  assert.equal(window.size, 8);
});

Deno.test("an API that slows down when much is under way is given less", async () => {
  const { window } = await run({
    ceiling: 20,
    latencyMs: (now, inFlight) => now % 100_000 < 30_000 ? 50 : inFlight > 6 ? 50 * inFlight : 50,
    forMs: 20_000,
  });
  assert.equal(window.size, 20, "as long as it bears it");
  const slow = await run({
    ceiling: 20,
    latencyMs: (now, inFlight) => now - Date.UTC(2026, 0, 1) < 5_000 ? 50 : inFlight > 6 ? 50 * inFlight : 50,
    forMs: 12_000,
  });
  assert.ok(slow.window.size < 15, `${slow.window.size} at once`);
});

Deno.test("nothing is sent while the API asked for a pause, whoever waits", async () => {
  const clock = new VirtualClock();
  const window = new SendWindow({ clock, ceiling: 2 });
  (await window.acquire()).slowDown(7_000);
  const from = clock.now();
  await window.acquire();
  assert.equal(clock.now() - from, 7_000);
});

Deno.test("who cannot wait so long is told at once", async () => {
  const clock = new VirtualClock();
  const window = new SendWindow({ clock, ceiling: 2 });
  (await window.acquire()).slowDown(60_000);
  assert.equal(await window.acquire(undefined, clock.now() + 20_000), undefined);
  assert.deepEqual(clock.slept, []);
});

Deno.test("what was learned is kept for the next slice", async () => {
  const { window } = await run({ ceiling: 5, latencyMs: 1, limit: 20, retryAfterMs: 1_000, forMs: 90_000 });
  const state = JSON.parse(JSON.stringify(window.state)) as SendWindowState;
  const next = await run({ ceiling: 5, latencyMs: 1, limit: 20, retryAfterMs: 1_000, forMs: 20_000, state });
  assert.equal(next.between(next.refused, 0, 5_000), 0, "no burst that finds the limit out again");
});

Deno.test("who stops waiting leaves no place and no timer behind", async () => {
  const clock = new VirtualClock();
  const window = new SendWindow({ clock, ceiling: 1 });
  const permit = await window.acquire();
  const abort = new AbortController();
  const waiting = window.acquire(abort.signal);
  abort.abort(new Error("slice over"));
  await assert.rejects(waiting, { message: "slice over" });
  permit.worked();
  (await window.acquire()).unused();
  await assert.rejects(window.acquire(abort.signal), { message: "slice over" });
});

Deno.test("a ceiling that is none is refused", () => {
  assert.throws(() => new SendWindow({ clock: new VirtualClock(), ceiling: 0 }), {
    message: "Cannot send 0 requests at once: expected a whole number from 1",
  });
});
