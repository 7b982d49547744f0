import assert from "node:assert/strict";
import { VirtualClock } from "../../virtual_clock.ts";
import { Caller, grantOf, request, withServer } from "./_client.ts";

for (const type of ["password", "client_credentials"]) {
  Deno.test(`the ${type} grant gives a token in the documented shape`, () =>
    withServer({ tokenLifetimeS: 60, retailerId: 7 }, async (_server, caller) => {
      const { status, json } = await caller.token(grantOf(type));
      assert.equal(status, 200);
      assert.equal(json.token_type, "bearer");
      assert.equal(json.expires_in, 60);
      assert.equal(json.scope, "api");
      assert.equal(json.Retailer_id, 7);
      const job = await caller.api("POST", "/job", { name: "n", retailerId: 7 }, json.access_token);
      assert.equal(job.status, 200);
    }));
}

Deno.test("the token parameters may come in the query", () =>
  withServer({}, async (server) => {
    const query = new URLSearchParams(grantOf("password"));
    assert.equal((await request(`${server.url}/oauth/token?${query}`, { method: "POST" })).status, 200);
  }));

Deno.test("wrong credentials and grants are refused", () =>
  withServer({}, async (_server, caller) => {
    const cases: [Record<string, string>, number, string][] = [
      [{ ...grantOf("client_credentials"), client_secret: "wrong" }, 401, "invalid_client"],
      [{ ...grantOf("client_credentials"), client_id: "" }, 401, "invalid_client"],
      [{ ...grantOf("password"), password: "wrong" }, 401, "invalid_grant"],
      [{ ...grantOf("refresh_token"), refresh_token: "made up" }, 401, "invalid_grant"],
      [grantOf("implicit"), 400, "unsupported_grant_type"],
      [{}, 400, "invalid_request"],
    ];
    for (const [params, status, error] of cases) {
      const reply = await caller.token(params);
      assert.deepEqual([reply.status, reply.json.error], [status, error], JSON.stringify(params));
    }
  }));

Deno.test("a refresh token works once", () =>
  withServer({}, async (_server, caller) => {
    const first = await caller.token(grantOf("password"));
    const params = { ...grantOf("refresh_token"), refresh_token: first.json.refresh_token };
    const second = await caller.token(params);
    assert.equal(second.status, 200);
    assert.notEqual(second.json.access_token, first.json.access_token);
    assert.equal((await caller.token(params)).status, 401);
  }));

Deno.test("everything under /api wants a token that is known and has not expired", async () => {
  const clock = new VirtualClock();
  await withServer({ tokenLifetimeS: 60, clock }, async (server, caller) => {
    const jobId = await caller.job();
    for (const path of [`/job/${jobId}`, `/job/${jobId}/batch/1`, "/elsewhere"]) {
      assert.equal((await request(`${server.url}/api/v4.1${path}`)).status, 401, path);
      assert.equal((await caller.api("GET", path, undefined, "made-up")).status, 401, path);
    }
    assert.equal(
      (await new Caller(server.url).api("POST", "/job", { name: "n", retailerId: 1 })).status,
      401,
    );
    clock.advance(59_999);
    assert.equal((await caller.api("GET", `/job/${jobId}`)).status, 200);
    clock.advance(1);
    const expired = await caller.api("GET", `/job/${jobId}`);
    assert.equal(expired.status, 401);
    assert.match(expired.json.message, /expired/);
    await caller.logIn();
    assert.equal((await caller.api("GET", `/job/${jobId}`)).status, 200);
  });
});
