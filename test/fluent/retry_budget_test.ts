import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { CircuitBreaker, FluentApiError, RetryBudget, retryBudgetStateSchema } from "../../lib/fluent/mod.ts";
import { batch, failure, FakeFluent, inTurn, json, text } from "./_fake_fluent.ts";

Deno.test("a budget is a minimum and a share of the requests that worked", () => {
  const budget = new RetryBudget({ minimum: 2, ratio: 0.5 });
  assert.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false]);
  budget.earn();
  assert.equal(budget.take(), false); // half a repetition is none
  budget.earn();
  assert.deepEqual([budget.take(), budget.take()], [true, false]);
  assert.deepEqual(budget.state, { worked: 2, taken: 3 });
});

Deno.test("a budget goes on where an earlier one of the job stood, from JSON", () => {
  const first = new RetryBudget({ minimum: 1 });
  first.take();
  const state = retryBudgetStateSchema.parse(JSON.parse(JSON.stringify(first.state)));
  assert.equal(new RetryBudget({ minimum: 1, state }).take(), false);
  assert.equal(new RetryBudget({ minimum: 2, state }).take(), true);
});

Deno.test("a budget that is no budget is refused", () => {
  for (const options of [{ minimum: -1 }, { minimum: NaN }, { ratio: 1.5 }, { ratio: NaN }]) {
    assert.throws(() => new RetryBudget(options), ConfigError);
  }
});

/** Never open: what is seen is the budget's work alone. */
function withoutBreaker(fluent: FakeFluent) {
  return new CircuitBreaker({ clock: fluent.clock, failures: 1e9 });
}

Deno.test("the calls of a client repeat no more than its budget together, and say so once it is used up", async () => {
  const fluent = new FakeFluent(() => text("", 503));
  const client = fluent.client({}, {
    breaker: withoutBreaker(fluent),
    retryBudget: new RetryBudget({ minimum: 7, ratio: 0 }),
  });
  const errors = await Promise.all(Array.from({ length: 50 }, () => failure(client.getJob("199"))));
  for (const error of errors) {
    assert(error instanceof FluentApiError);
    assert.deepEqual([error.status, error.retry], [503, "later"]);
  }
  assert.equal(fluent.apiCalls.length, 50 + 7);
  const said = fluent.log.lines.filter(({ message }) => /budget is used up/.test(message));
  assert.deepEqual(said[0]?.fields, {
    method: "GET",
    path: "/api/v4.1/job/199",
    code: "fluent-unavailable",
    worked: 1, // the sign-in
    taken: 7,
  });
});

Deno.test("requests that work earn repetitions", async () => {
  const fluent = new FakeFluent((_call, nth) => nth % 2 === 0 ? json({ id: "7" }) : text("", 429));
  const client = fluent.client({}, { retryBudget: new RetryBudget({ minimum: 1, ratio: 1 }) });
  for (let i = 0; i < 50; i++) await client.sendBatch("199", batch());
  assert.equal(fluent.apiCalls.length, 100);
});

Deno.test("a call can bring its own attempts and budget, and hears of what is repeated in it", async () => {
  const fluent = new FakeFluent(inTurn(text("", 429, { "retry-after": "3" }), json({ id: "7" })));
  const heard: [string, number | undefined, number][] = [];
  const onRetry = (error: FluentApiError, delayMs: number) =>
    void heard.push([error.code, error.retryAfterMs, delayMs]);
  const client = fluent.client();
  await client.sendBatch("199", batch(), { onRetry });
  assert.deepEqual(heard, [["fluent-rate-limited", 3_000, 3_000]]);

  const once = new FakeFluent(inTurn(text("", 429), json({ id: "7" })));
  await failure(once.client().sendBatch("199", batch(), { attempts: 1, onRetry }));
  await failure(
    new FakeFluent(() => text("", 429)).client().sendBatch("199", batch(), {
      retryBudget: new RetryBudget({ minimum: 0, ratio: 0 }),
      onRetry,
    }),
  );
  assert.equal(once.apiCalls.length, 1);
  assert.equal(heard.length, 1);
});
