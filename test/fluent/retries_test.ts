import assert from "node:assert/strict";
import { FluentApiError } from "../../lib/fluent/mod.ts";
import { batch, failure, FakeFluent, html, inTurn, json, type Reply, text } from "./_fake_fluent.ts";

const LOST = new TypeError("connection reset by peer");
const REFUSED = new TypeError("client error (Connect): Connection refused");
const JOB = json({ jobId: "199", status: "OPEN" });

const READS: [string, Reply, boolean][] = [
  ["408", text("", 408), true],
  ["425", text("", 425), true],
  ["429", text("", 429), true],
  ["500", text("", 500), true],
  ["503", html(503), true],
  ["a lost connection", LOST, true],
  ["a refused connection", REFUSED, true],
  ["400", text("", 400), false],
  ["403", text("", 403), false],
  ["404", text("", 404), false],
  ["HTML with 200", html(), false],
];

for (const [name, reply, repeated] of READS) {
  Deno.test(`a read is ${repeated ? "" : "not "}repeated after ${name}`, async () => {
    const fluent = new FakeFluent(inTurn(reply, JOB));
    const outcome = await fluent.client().getJob("199").catch((error) => error);
    assert.equal(fluent.apiCalls.length, repeated ? 2 : 1);
    assert.equal(outcome instanceof FluentApiError, !repeated);
    assert.deepEqual(fluent.clock.slept, repeated ? [250] : []);
  });
}

Deno.test("a read gives up after its attempts, with growing pauses", async () => {
  const fluent = new FakeFluent(inTurn(text("", 503)));
  const error = await failure(fluent.client().getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.status, 503);
  assert.equal(fluent.apiCalls.length, 4);
  assert.deepEqual(fluent.clock.slept, [250, 500, 1_000]); // half of 500, 1000, 2000
  assert.equal(fluent.log.lines.filter((line) => line.level === "warn").length, 3);
});

Deno.test("Retry-After is the least pause; one beyond the limit is left to the caller", async () => {
  const short = new FakeFluent(inTurn(text("", 429, { "retry-after": "7" }), JOB));
  await short.client().getJob("199");
  assert.deepEqual(short.clock.slept, [7_000]);

  const long = new FakeFluent(inTurn(text("", 429, { "retry-after": "31" }), JOB));
  const error = await failure(long.client().getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.retryAfterMs, 31_000);
  assert.deepEqual(long.clock.slept, []);
});

const WRITES: [string, Reply, boolean][] = [
  ["429", text("", 429), true],
  ["a refused connection", REFUSED, true],
  ["500", text("", 500), false],
  ["502", text("", 502), false],
  ["503", text("", 503, { "retry-after": "1" }), false],
  ["504", text("", 504), false],
  ["408", text("", 408), false],
  ["425", text("", 425), false],
  ["a lost connection", LOST, false],
  ["HTML with 200", html(), false],
  ["an empty 200", text(""), false],
];

for (const [name, reply, repeated] of WRITES) {
  Deno.test(`creating a job and sending a batch are ${repeated ? "" : "never "}repeated after ${name}`, async () => {
    const creating = new FakeFluent(inTurn(reply, json({ id: "199" })));
    const sending = new FakeFluent(inTurn(reply, json({ id: "7" })));
    const created = await creating.client().createJob({ name: "n" }).catch((error) => error);
    const sent = await sending.client().sendBatch("199", batch()).catch((error) => error);
    assert.equal(created instanceof FluentApiError, !repeated);
    assert.equal(sent instanceof FluentApiError, !repeated);
    assert.equal(creating.apiCalls.length, repeated ? 2 : 1);
    assert.equal(sending.apiCalls.length, repeated ? 2 : 1);
    if (repeated) assert.equal(sending.apiCalls[0]?.body, sending.apiCalls[1]?.body);
  });
}

Deno.test("a batch that times out is not repeated", async () => {
  const fluent = new FakeFluent(() => (queueMicrotask(() => fluent.timers.at(-1)?.fire()), "hang"));
  const error = await failure(fluent.client().sendBatch("199", batch()));
  assert(error instanceof FluentApiError);
  assert.equal(error.effect, "unknown");
  assert.equal(fluent.apiCalls.length, 1);
});

Deno.test("a GraphQL query is repeated like a read, a mutation is not", async () => {
  const query = new FakeFluent(inTurn(text("", 503), json({ data: { me: { ref: "ada" } } })));
  assert.deepEqual(await query.client().graphql({ query: "{ me { ref } }" }), {
    data: { me: { ref: "ada" } },
  });
  assert.equal(query.apiCalls.length, 2);
  assert.equal(query.apiCalls[0]?.body, '{"query":"{ me { ref } }"}');

  const mutation = new FakeFluent(inTurn(text("", 503)));
  const error = await failure(mutation.client().graphql({ query: "mutation M { x }", variables: { a: 1 } }));
  assert(error instanceof FluentApiError);
  assert.equal(error.effect, "unknown");
  assert.equal(mutation.apiCalls.length, 1);
});

Deno.test("a GraphQL answer with errors and no data is an error, a partial one shows both", async () => {
  const none = new FakeFluent(() => json({ data: null, errors: [{ message: "No such field" }] }));
  const error = await failure(none.client().graphql({ query: "{ x }" }));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-graphql-error");
  assert.equal(
    error.message,
    "Cannot send a GraphQL request: POST /graphql answered errors and no data: No such field",
  );
  const part = new FakeFluent(() => json({ data: { a: 1 }, errors: [{ message: "b failed" }] }));
  assert.deepEqual(await part.client().graphql({ query: "{ a b }" }), {
    data: { a: 1 },
    errors: [{ message: "b failed" }],
  });
});

Deno.test("an aborted signal ends a call: before it, in a request and in a pause", async () => {
  const reason = new Error("stop");

  const before = new FakeFluent();
  assert.equal(await failure(before.client().getJob("199", { signal: AbortSignal.abort(reason) })), reason);
  assert.equal(before.calls.length, 0);

  const inRequest = new AbortController();
  const hanging = new FakeFluent(() => (queueMicrotask(() => inRequest.abort(reason)), "hang"));
  assert.equal(
    await failure(hanging.client().sendBatch("199", batch(), { signal: inRequest.signal })),
    reason,
  );
  assert.equal(hanging.timers.every((timer) => timer.stopped), true);

  const inPause = new AbortController();
  const failing = new FakeFluent(inTurn(text("", 503)));
  const call = failing.client().getJob("199", { signal: inPause.signal });
  failing.log.warn = () => inPause.abort(reason);
  assert.equal(await failure(call), reason);
  assert.equal(failing.apiCalls.length, 1);
  await failing.clock.sleep(0); // lets the clock finish its turn
});

Deno.test("a fetch that heeds no signal cannot hold a call beyond its timeout or its signal", async () => {
  const fluent = new FakeFluent(() => {
    queueMicrotask(() => fluent.timers.at(-1)?.fire());
    return new Promise(() => {});
  });
  const error = await failure(fluent.client({}, { attempts: 1 }).getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-timeout");
});
