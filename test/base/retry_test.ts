import assert from "node:assert/strict";
import { backoffDelay, retry, type RetryOptions } from "../../lib/base/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";

const policy = { attempts: 4, baseDelayMs: 100, maxDelayMs: 300 };

function options(clock: VirtualClock, more: Partial<RetryOptions> = {}): RetryOptions {
  return { policy, clock, random: () => 0.5, isRetryable: () => true, ...more };
}

Deno.test("backoff doubles, is jittered and stays below the ceiling", () => {
  assert.deepEqual([1, 2, 3, 4].map((n) => backoffDelay(policy, n, () => 0.5)), [50, 100, 150, 150]);
  assert.equal(backoffDelay(policy, 1, () => 0), 0);
});

Deno.test("a retried operation waits, then gives its result", async () => {
  const clock = new VirtualClock();
  const result = await retry(
    (n) => n < 3 ? Promise.reject(new Error(`no ${n}`)) : Promise.resolve(n),
    options(clock),
  );
  assert.equal(result, 3);
  assert.deepEqual(clock.slept, [50, 100]);
});

Deno.test("the last failure is thrown unchanged when the attempts are used up", async () => {
  const clock = new VirtualClock();
  await assert.rejects(retry((n) => Promise.reject(new Error(`no ${n}`)), options(clock)), {
    message: "no 4",
  });
  assert.equal(clock.slept.length, 3);
});

Deno.test("a failure that is not retryable is thrown at once", async () => {
  const clock = new VirtualClock();
  await assert.rejects(
    retry(() => Promise.reject(new Error("for good")), options(clock, { isRetryable: () => false })),
    { message: "for good" },
  );
  assert.deepEqual(clock.slept, []);
});

Deno.test("the other side's wish to wait longer is respected", async () => {
  const clock = new VirtualClock();
  await retry(
    (n) => n === 1 ? Promise.reject(new Error("busy")) : Promise.resolve(),
    options(clock, { isRetryable: () => ({ afterMs: 2000 }) }),
  );
  assert.deepEqual(clock.slept, [2000]);
});

Deno.test("an aborted signal ends the waiting with its reason", async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const running = retry(() => {
    abort.abort(new Error("stop"));
    return Promise.reject(new Error("no"));
  }, options(clock, { signal: abort.signal }));
  await assert.rejects(running, { message: "no" });
});
