import assert from "node:assert/strict";
import type { Clock } from "../../../lib/base/mod.ts";
import type { Fault } from "../../../local/fluent/mod.ts";
import { VirtualClock } from "../../virtual_clock.ts";
import { batchOf, entity, grantOf, request, withServer } from "./_client.ts";

const batchPath = /^\/api\/v4\.1\/job\/\d+\/batch$/;

Deno.test("a status fault answers for the server and does none of its work", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    server.setFaults([
      {
        match: { method: "post", path: batchPath },
        kind: "status",
        status: 503,
        headers: { "retry-after": "3" },
        body: { busy: true },
      },
    ]);
    const reply = await caller.send(jobId, [entity("S", "L", 1)]);
    assert.equal(reply.status, 503);
    assert.equal(reply.headers.get("retry-after"), "3");
    assert.deepEqual(reply.json, { busy: true });
    assert.deepEqual(server.batches(), []);
    assert.equal((await caller.api("GET", `/job/${jobId}`)).status, 200);
  }));

Deno.test("status-after-effect accepts the batch and says otherwise", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    server.setFaults([{ match: { path: batchPath }, kind: "status-after-effect", status: 500 }]);
    assert.equal((await caller.send(jobId, [entity("S", "L", 1)])).status, 500);
    assert.equal(server.batches(jobId).length, 1);
  }));

Deno.test("a dropped connection has done its work or not, as asked", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const sendOnce = () =>
      fetch(`${server.url}/api/v4.1/job/${jobId}/batch`, {
        method: "POST",
        headers: { authorization: caller.authorization },
        // A body that can't be sent twice: newer versions of Deno repeat a request on their own when a connection
        // they had used before is dropped.
        body: new Blob([JSON.stringify(batchOf([entity("S", "L", 1)]))]).stream(),
      });
    server.setFaults([{ match: { path: batchPath }, kind: "reset-before" }]);
    await assert.rejects(sendOnce(), TypeError);
    assert.equal(server.batches(jobId).length, 0);
    server.setFaults([{ match: { path: batchPath }, kind: "reset-after-effect" }]);
    await assert.rejects(sendOnce(), TypeError);
    assert.equal(server.batches(jobId).length, 1);
    server.setFaults([]);
    await caller.accepted(jobId, [entity("S", "L", 1)]);
    assert.equal(server.requests.byStatus["dropped"], 2);
    assert.equal(server.requests.byEndpoint.sendBatch, 3);
  }));

Deno.test("a connection dropped during the request has done no work, one dropped in the answer has", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const sendOnce = () => {
      const body = new Blob([JSON.stringify(batchOf([entity("S", "L", 1)]))]).stream();
      const url = `${server.url}/api/v4.1/job/${jobId}/batch`;
      return fetch(url, { method: "POST", headers: { authorization: caller.authorization }, body });
    };
    server.setFaults([{ match: { path: batchPath }, kind: "reset-during-request" }]);
    await assert.rejects(sendOnce(), TypeError);
    assert.equal(server.batches(jobId).length, 0);

    server.setFaults([{ match: { path: batchPath }, kind: "reset-during-answer" }]);
    const answer = await sendOnce();
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    assert.equal(server.batches(jobId).length, 1);
    assert.equal(server.requests.byStatus["dropped"], 2);
  }));

Deno.test("what a proxy answers, and silence, can follow the work too", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    for (const kind of ["html", "empty"] as const) {
      server.setFaults([{ match: { path: batchPath }, kind, afterEffect: true }]);
      assert.equal((await caller.send(jobId, [entity(kind, "L", 1)])).json, undefined);
    }
    server.setFaults([{ match: { path: batchPath }, kind: "hang", afterEffect: true }]);
    const given = new AbortController();
    const left = fetch(`${server.url}/api/v4.1/job/${jobId}/batch`, {
      method: "POST",
      headers: { authorization: caller.authorization },
      body: JSON.stringify(batchOf([entity("hang", "L", 1)])),
      signal: given.signal,
    });
    while ((server.requests.byStatus["hung"] ?? 0) < 1) await new Promise((go) => setTimeout(go));
    given.abort();
    await assert.rejects(left, { name: "AbortError" });
    assert.deepEqual([...server.stock().keys()], ["empty\u0000L", "hang\u0000L", "html\u0000L"]);
  }));

Deno.test("an outage lasts from one moment to another after the faults were set", async () => {
  const clock = new VirtualClock();
  await withServer({ clock }, async (server, caller) => {
    clock.advance(5_000);
    server.setFaults([{ match: { fromMs: 1_000, untilMs: 3_000 }, kind: "status", status: 503 }]);
    const seen = [];
    for (let second = 0; second <= 4; second++) {
      seen.push((await caller.api("GET", "/job/7")).status);
      clock.advance(1_000);
    }
    assert.deepEqual(seen, [404, 503, 503, 404, 404]);
  });
});

Deno.test("revoked tokens are refused, the refresh token gives a new one", () =>
  withServer({}, async (server, caller) => {
    const { json } = await caller.token(grantOf("client_credentials"));
    server.revokeTokens();
    assert.equal((await caller.api("GET", "/job/7", undefined, json.access_token)).status, 401);
    const { client_id, client_secret } = grantOf("client_credentials");
    const renewed = await caller.token({
      grant_type: "refresh_token",
      refresh_token: json.refresh_token,
      client_id: client_id!,
      client_secret: client_secret!,
    });
    assert.equal((await caller.api("GET", "/job/7", undefined, renewed.json.access_token)).status, 404);
  }));

Deno.test("an echo repeats what a request was authorised with, and its form", () =>
  withServer({ tokenPrefix: "marked-" }, async (server, caller) => {
    server.setFaults([{ kind: "echo" }, { match: { nth: 2 }, kind: "echo", status: 401 }]);
    const refused = await caller.api("GET", "/job/7");
    assert.equal(refused.status, 400);
    assert.match(
      refused.json.message,
      /^cannot take GET \/api\/v4\.1\/job\/7\n[^]*authorization: Bearer marked-/,
    );
    const { client_secret } = grantOf("client_credentials");
    assert.match(
      (await caller.token(grantOf("client_credentials"))).json.message,
      new RegExp(client_secret!),
    );
  }));

Deno.test("html and empty answers are what a proxy would send", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    server.setFaults([
      { match: { path: batchPath, nth: 1 }, kind: "html" },
      { match: { path: batchPath, nth: 2 }, kind: "html", status: 502 },
      { match: { path: batchPath, nth: 3 }, kind: "empty" },
      { match: { path: "/oauth/token" }, kind: "empty", status: 502 },
    ]);
    const replies = [1, 2, 3].map(() => () => caller.send(jobId, [entity("S", "L", 1)]));
    const seen = [];
    for (const send of replies) {
      const { status, headers, text } = await send();
      seen.push([status, headers.get("content-type"), text === ""]);
    }
    assert.deepEqual(seen, [
      [200, "text/html", false],
      [502, "text/html", false],
      [200, "application/json", true],
    ]);
    assert.equal((await caller.token({})).status, 502);
    assert.equal(server.batches().length, 0);
  }));

Deno.test("a hung request ends when the caller gives up, or when the server stops", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    server.setFaults([{ match: { path: "/api/v4.1/job/" }, kind: "hang" }]);
    const given = new AbortController();
    const left = fetch(`${server.url}/api/v4.1/job/${jobId}`, { signal: given.signal });
    const stuck = fetch(`${server.url}/api/v4.1/job/${jobId}`);
    const stuckEnds = assert.rejects(stuck);
    while ((server.requests.byStatus["hung"] ?? 0) < 2) await new Promise((go) => setTimeout(go));
    given.abort();
    await assert.rejects(left, { name: "AbortError" });
    await server.stop();
    await stuckEnds;
  }));

Deno.test("nth and times choose the requests that fail, counted from when the faults were set", () =>
  withServer({}, async (server, caller) => {
    const jobId = await caller.job();
    const statuses = async (count: number) => {
      const seen = [];
      for (let i = 0; i < count; i++) seen.push((await caller.api("GET", `/job/${jobId}`)).status);
      return seen;
    };
    const fault = (match: Fault["match"], status: number): Fault => ({
      ...(match === undefined ? {} : { match }),
      kind: "status",
      status,
    });
    const cases: [Fault[], number[]][] = [
      [[fault({ nth: 2 }, 500)], [200, 500, 200, 200]],
      [[fault({ nth: 2, times: 2 }, 500)], [200, 500, 500, 200]],
      [[fault({ times: 2 }, 500)], [500, 500, 200, 200]],
      [[fault(undefined, 500)], [500, 500, 500, 500]],
      [[fault({ times: 1 }, 500), fault({ times: 3 }, 502)], [500, 502, 502, 200]],
      [[fault({ method: "POST" }, 500)], [200, 200, 200, 200]],
      [[fault({ path: /job/g }, 500)], [500, 500, 500, 500]],
    ];
    for (const [faults, wanted] of cases) {
      server.setFaults(faults);
      assert.deepEqual(await statuses(4), wanted, JSON.stringify(faults));
    }
  }));

Deno.test("more requests in a second than allowed answer 429 and when to come back", async () => {
  const clock = new VirtualClock();
  await withServer({ clock, requestsPerSecond: 2 }, async (server, caller) => {
    const statuses = async () => {
      const seen = [];
      for (let i = 0; i < 3; i++) {
        const reply = await caller.api("GET", "/job/7");
        seen.push([reply.status, reply.headers.get("retry-after")]);
      }
      return seen;
    };
    const limited = [[404, null], [404, null], [429, "1"]];
    assert.deepEqual(await statuses(), limited);
    clock.advance(1000);
    assert.deepEqual(await statuses(), limited);
    assert.equal(server.requests.byStatus["429"], 2);
    assert.equal((await caller.token({})).status, 400);
    assert.equal((await request(`${server.url}/_local/stats`)).status, 200);
  });
});

Deno.test("concurrent calls wait out their latency together", async () => {
  // A clock on which nobody wakes before all eight sleep: a server that took one call after the other would never answer.
  const sleepers: { readonly ms: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    sleep: (ms) =>
      new Promise((wake) => {
        sleepers.push({ ms, wake });
        if (sleepers.length === 8) { for (const sleeper of sleepers) sleeper.wake(); }
      }),
  };
  await withServer({ clock, latencyMs: { batch: 50 } }, async (server, caller) => {
    const jobId = await caller.job();
    await Promise.all(Array.from({ length: 8 }, (_, i) => caller.accepted(jobId, [entity(`S${i}`, "L", i)])));
    assert.deepEqual(sleepers.map(({ ms }) => ms), Array(8).fill(50));
    assert.equal(server.batches().length, 8);
  });
});

Deno.test("the latency runs from a request's arrival: the server's own work counts inside it", async () => {
  const clock = new VirtualClock();
  // The check of an entity takes the server 30 ms here.
  const isUnknown = () => (clock.advance(30), false);
  await withServer({ clock, latencyMs: { batch: 50 }, isUnknown }, async (server, caller) => {
    const jobId = await caller.job();
    await caller.accepted(jobId, [entity("S1", "L", 1)]);
    assert.deepEqual(clock.slept, [20]);
    await caller.accepted(jobId, [entity("S1", "L", 1), entity("S2", "L", 1)]);
    assert.deepEqual(clock.slept, [20]); // 60 ms of work leave nothing to wait for
    assert.equal(server.batches().length, 2);
  });
});

Deno.test("by the machine's clock an answer is never early", () =>
  withServer({ latencyMs: { read: 5 } }, async (_server, caller) => {
    for (let i = 0; i < 20; i++) {
      const from = performance.now();
      await caller.api("GET", "/job/7");
      const took = performance.now() - from;
      assert(took >= 5, `${took} ms`);
    }
  }));

Deno.test("jitter spreads the latency, and the same seed spreads it the same", async () => {
  const slept = async (seed: number) => {
    const clock = new VirtualClock();
    await withServer({ clock, latencyMs: 100, latencyJitter: 0.5, seed }, async (_server, caller) => {
      for (let i = 0; i < 10; i++) await caller.api("GET", "/job/7");
    });
    return clock.slept;
  };
  const [first, again, other] = [await slept(5), await slept(5), await slept(6)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.ok(first.every((ms) => ms >= 50 && ms <= 150));
  assert.ok(new Set(first).size > 5);
});
