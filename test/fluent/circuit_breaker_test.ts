import assert from "node:assert/strict";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  circuitStateSchema,
  FluentApiError,
} from "../../lib/fluent/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { batch, failure, FakeFluent, html, inTurn, json, type Reply, TARGET, text } from "./_fake_fluent.ts";

/** One request through a breaker that takes `ms` and works or not; what the breaker said when it was refused. */
function tryOne(breaker: CircuitBreaker, clock: VirtualClock, works: boolean, ms = 0) {
  const asked = breaker.ask();
  clock.advance(ms);
  if (asked.kind === "refused") return asked;
  if (works) asked.worked();
  else asked.failed("GET /x answered 503");
  return asked.kind;
}

function breakerWith(options: Omit<CircuitBreakerOptions, "clock"> = {}) {
  const clock = new VirtualClock(0);
  return { clock, breaker: new CircuitBreaker({ clock, ...options }) };
}

/** Fails until it is open; how many requests that took. */
function openIt(breaker: CircuitBreaker, clock: VirtualClock): number {
  for (let sent = 1; sent <= 100; sent++) {
    tryOne(breaker, clock, false, 1_000);
    if (breaker.state.kind === "open") return sent;
  }
  throw new Error("the breaker never opened");
}

Deno.test("a breaker opens after five failures in a row, and then refuses at once", () => {
  const { breaker, clock } = breakerWith();
  assert.equal(openIt(breaker, clock), 5);
  assert.deepEqual(tryOne(breaker, clock, true), {
    kind: "refused",
    retryAfterMs: 10_000,
    failures: 5,
    forMs: 5_000,
    because: "GET /x answered 503",
  });
});

Deno.test("one request that works starts the count anew", () => {
  const { breaker, clock } = breakerWith();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 4; i++) tryOne(breaker, clock, false, 1_000);
    tryOne(breaker, clock, true);
  }
  assert.equal(breaker.state.kind, "closed");
});

Deno.test("twenty connections lost at the same moment are no dead API", () => {
  const { breaker, clock } = breakerWith();
  const permits = Array.from({ length: 20 }, () => breaker.ask());
  clock.advance(1_999);
  for (const permit of permits) if (permit.kind === "permit") permit.failed("lost");
  assert.equal(breaker.state.kind, "closed");
  assert.equal(tryOne(breaker, clock, false, 1), "permit"); // two seconds after the first began
  assert.equal(breaker.state.kind, "open");
});

Deno.test("after its time one request probes while the others wait; it closes the breaker, or opens it twice as long", () => {
  const { breaker, clock } = breakerWith();
  openIt(breaker, clock);
  const pauses = [10_000, 20_000, 40_000, 60_000, 60_000];
  for (const [i, pause] of pauses.entries()) {
    clock.advance(pause - 1);
    assert.equal(breaker.ask().kind, "refused");
    clock.advance(1);
    const probe = breaker.ask();
    assert(probe.kind === "permit");
    const other = breaker.ask();
    assert(other.kind === "refused");
    assert.equal(other.retryAfterMs, 1_000);
    if (i < pauses.length - 1) probe.failed("GET /x answered 503");
    else probe.worked();
  }
  assert.deepEqual(breaker.state, { kind: "closed", failures: 0 });
});

Deno.test("a probe that nobody waited for leaves the next one to probe", () => {
  const { breaker, clock } = breakerWith();
  openIt(breaker, clock);
  clock.advance(10_000);
  const probe = breaker.ask();
  assert(probe.kind === "permit");
  probe.abandoned();
  assert.equal(breaker.ask().kind, "permit");
});

Deno.test("an answer to a request from before it opened closes it; another failure does not keep it open longer", () => {
  const { breaker, clock } = breakerWith();
  const early = breaker.ask();
  const late = breaker.ask();
  openIt(breaker, clock);
  assert(early.kind === "permit" && late.kind === "permit" && breaker.state.kind === "open");
  const { until } = breaker.state;
  early.failed("lost");
  assert(breaker.state.kind === "open" && breaker.state.until === until);
  late.worked();
  late.failed("told twice");
  assert.deepEqual(breaker.state, { kind: "closed", failures: 0 });
});

Deno.test("a breaker goes on where an earlier one stood, from JSON", () => {
  const { breaker, clock } = breakerWith();
  openIt(breaker, clock);
  const state = circuitStateSchema.parse(JSON.parse(JSON.stringify(breaker.state)));
  const next = new CircuitBreaker({ clock, state });
  assert.deepEqual(next.ask(), breaker.ask());
  clock.advance(10_000);
  tryOne(next, clock, false);
  assert.equal(next.state.kind === "open" && next.state.openings, 2);
});

const DEAD: [string, () => Reply, string][] = [
  ["503", () => text("", 503), "POST /api/v4.1/job/199/batch answered 503"],
  ["a web page with 200", () => html(), "POST /api/v4.1/job/199/batch answered 200 with a web page"],
  ["an empty 200", () => text(""), "POST /api/v4.1/job/199/batch answered 200"],
  [
    "a refused connection",
    () => new TypeError("client error (Connect): Connection refused"),
    "POST /api/v4.1/job/199/batch lost its connection",
  ],
];

for (const [name, reply, because] of DEAD) {
  Deno.test(`an API that is dead with ${name} costs a few requests, then one clear error`, async () => {
    const fluent = new FakeFluent(reply);
    const client = fluent.client();
    let last: unknown;
    for (let i = 0; i < 200; i++) {
      last = await failure(client.sendBatch("199", batch()));
      fluent.clock.advance(50);
    }
    assert(last instanceof FluentApiError);
    assert.deepEqual([last.code, last.retry, last.effect], ["fluent-circuit-open", "later", "none"]);
    const { retryAfterMs = 0 } = last;
    assert(retryAfterMs > 0 && retryAfterMs <= 20_000, String(retryAfterMs));
    assert.equal(last.reason, because);
    assert.match(
      last.message,
      /^Cannot send a batch to Fluent job 199: nothing was sent, because \d+ requests in a row to acme.+ have failed over [\d.]+ s \(the last: POST .+\); try again in [\d.]+ s$/,
    );
    assert(fluent.apiCalls.length < 60, `${fluent.apiCalls.length} requests`);
  });
}

Deno.test("the error of an open breaker, word by word; nothing leaves meanwhile", async () => {
  const fluent = new FakeFluent(() => text("", 503));
  const client = fluent.client();
  await failure(client.getJob("199")); // four attempts over 1.75 s
  fluent.clock.advance(1_000);
  await failure(client.getJob("199"));
  const sent = fluent.calls.length;
  fluent.clock.advance(1_500);
  const error = await failure(client.createJob({ name: "n" }));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    `Cannot create a Fluent job: nothing was sent, because 5 requests in a row to ${TARGET} have failed over 4.5 s ` +
      "(the last: GET /api/v4.1/job/199 answered 503); try again in 8.3 s",
  );
  assert.equal(error.retryAfterMs, 8_250);
  assert.equal(fluent.calls.length, sent);
});

Deno.test("answers that refuse are answers: 400, 401, 403, 404 and 429 never open a breaker", async () => {
  for (const status of [400, 401, 403, 404, 429]) {
    const fluent = new FakeFluent(() => text("", status));
    const client = fluent.client({}, { attempts: 1 });
    for (let i = 0; i < 20; i++) {
      const error = await failure(client.getJob("199"));
      assert(error instanceof FluentApiError);
      assert.equal(error.status, status);
      fluent.clock.advance(1_000);
    }
  }
});

Deno.test("a breaker closes with the first answer after its time, and calls go on", async () => {
  let dead = true;
  const fluent = new FakeFluent(() => dead ? text("", 503) : json({ jobId: "199", status: "OPEN" }));
  const client = fluent.client();
  for (let i = 0; i < 3; i++) {
    await failure(client.getJob("199"));
    fluent.clock.advance(1_000);
  }
  dead = false;
  const open = await failure(client.getJob("199"));
  assert(open instanceof FluentApiError && open.code === "fluent-circuit-open");
  fluent.clock.advance(open.retryAfterMs ?? 0);
  assert.equal((await client.getJob("199")).status, "OPEN");
  assert.equal((await client.getJob("199")).status, "OPEN");
});

Deno.test("two clients can share a breaker", async () => {
  const fluent = new FakeFluent(inTurn(text("", 503)));
  const breaker = new CircuitBreaker({ clock: fluent.clock, failures: 1, spanMs: 0 });
  await failure(fluent.client({}, { breaker, attempts: 1 }).getJob("199"));
  const error = await failure(fluent.client({}, { breaker }).getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-circuit-open");
  assert.equal(fluent.apiCalls.length, 1);
});
