import assert from "node:assert/strict";
import { FluentApiError } from "../../lib/fluent/mod.ts";
import { failure, FakeFluent, html, inTurn, json, text } from "./_fake_fluent.ts";

const JOB = () => json({ jobId: "199", status: "OPEN" });
const form = (body: string | undefined) => Object.fromEntries(new URLSearchParams(body));

Deno.test("with a user the password grant is asked for, without one client credentials", async () => {
  const user = new FakeFluent(JOB);
  await user.client().verifyAccess();
  assert.equal(user.calls[0]?.headers.get("content-type"), "application/x-www-form-urlencoded");
  assert.deepEqual(form(user.calls[0]?.body), {
    grant_type: "password",
    username: "ada",
    password: "canary-password",
    scope: "api",
    client_id: "ACME",
    client_secret: "canary-client-secret",
  });
  const machine = new FakeFluent(JOB);
  await machine.client({ username: undefined, password: undefined }).verifyAccess();
  assert.deepEqual(form(machine.calls[0]?.body), {
    grant_type: "client_credentials",
    scope: "api",
    client_id: "ACME",
    client_secret: "canary-client-secret",
  });
  assert.equal(machine.apiCalls.length, 0);
});

Deno.test("twenty calls at once need one token", async () => {
  const fluent = new FakeFluent(JOB);
  const client = fluent.client();
  await Promise.all(Array.from({ length: 20 }, () => client.getJob("199")));
  assert.equal(fluent.tokenCalls.length, 1);
  assert.equal(fluent.apiCalls.length, 20);
});

Deno.test("a token is replaced a minute before it expires, a short-lived one at half its life", async () => {
  for (const [expiresIn, replacedAfterMs] of [[3_600, 3_540_000], [60, 30_000]] as const) {
    const fluent = new FakeFluent(
      JOB,
      (_call, nth) => json({ access_token: `t${nth}`, expires_in: expiresIn }),
    );
    const client = fluent.client();
    await client.getJob("199");
    fluent.clock.advance(replacedAfterMs - 1);
    await client.getJob("199");
    assert.equal(fluent.tokenCalls.length, 1);
    fluent.clock.advance(1);
    await client.getJob("199");
    assert.equal(fluent.tokenCalls.length, 2);
    assert.equal(fluent.apiCalls.at(-1)?.headers.get("authorization"), "Bearer t2");
  }
});

Deno.test("a token without a life is used until it is refused", async () => {
  const fluent = new FakeFluent(JOB, () => json({ access_token: "t" }));
  const client = fluent.client();
  await client.getJob("199");
  fluent.clock.advance(10 ** 12);
  await client.getJob("199");
  assert.equal(fluent.tokenCalls.length, 1);
});

Deno.test("a refresh token is used once; when it is refused, a full login follows", async () => {
  const used: string[] = [];
  const fluent = new FakeFluent(JOB, (call, nth) => {
    const { grant_type, refresh_token } = form(call.body);
    if (grant_type !== "refresh_token") {
      return json({ access_token: `t${nth}`, expires_in: 600, refresh_token: `r${nth}` });
    }
    used.push(refresh_token!);
    return nth === 2 ? json({ access_token: "t2", expires_in: 600, refresh_token: "r2" }) : text("", 503);
  });
  const client = fluent.client();
  for (let i = 0; i < 4; i++) {
    await client.getJob("199");
    fluent.clock.advance(600_000);
  }
  assert.deepEqual(used, ["r1", "r2", "r4"]);
  assert.deepEqual(fluent.tokenCalls.map((call) => form(call.body).grant_type), [
    "password",
    "refresh_token",
    "refresh_token",
    "password",
    "refresh_token",
    "password",
  ]);
});

Deno.test("a 401 is tried once more with a fresh token", async () => {
  const fluent = new FakeFluent((call) =>
    call.headers.get("authorization") === "Bearer canary-token-1" ? text("", 401) : JOB()
  );
  const client = fluent.client();
  assert.equal((await client.getJob("199")).status, "OPEN");
  assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [2, 2]);
  await client.getJob("199");
  assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [2, 3]);
});

Deno.test("twenty 401s at once need one fresh token", async () => {
  const fluent = new FakeFluent((call) =>
    call.headers.get("authorization") === "Bearer canary-token-1" ? text("", 401) : JOB()
  );
  const client = fluent.client();
  await Promise.all(Array.from({ length: 20 }, () => client.getJob("199")));
  assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [2, 40]);
});

Deno.test("a 401 that arrives after another request has got a fresh token needs none of its own", async () => {
  let answerLate = (_: Response) => {};
  const fluent = new FakeFluent((call, nth) => {
    if (nth === 1) return new Promise((resolve) => answerLate = resolve);
    return call.headers.get("authorization") === "Bearer canary-token-1" ? text("", 401) : JOB();
  });
  const client = fluent.client();
  const late = client.getJob("199");
  await client.getJob("199");
  assert.equal(fluent.tokenCalls.length, 2);
  answerLate(text("", 401));
  await late;
  assert.equal(fluent.tokenCalls.length, 2);
});

Deno.test("after a 401 the sign-in is a full one, because a refused token says nothing good of its refresh token", async () => {
  const fluent = new FakeFluent(
    inTurn(text("", 401), JOB()),
    (_call, nth) => json({ access_token: `t${nth}`, expires_in: 600, refresh_token: `r${nth}` }),
  );
  await fluent.client().getJob("199");
  assert.deepEqual(fluent.tokenCalls.map((call) => form(call.body).grant_type), ["password", "password"]);
});

Deno.test("a request gets one fresh token, however often it is repeated", async () => {
  const fluent = new FakeFluent(inTurn(text("", 401), text("", 503), text("", 401)));
  const error = await failure(fluent.client().getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-unauthorised");
  assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [2, 3]);
});

Deno.test("a 401 for ever ends after two requests and two tokens", async () => {
  const fluent = new FakeFluent(() => text("", 401));
  const error = await failure(fluent.client().getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.code, "fluent-unauthorised");
  assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [2, 2]);
  assert.deepEqual(fluent.clock.slept, []);
});

Deno.test("a refused sign-in says so at once, and nothing is sent", async () => {
  for (const status of [400, 401]) {
    const fluent = new FakeFluent(
      JOB,
      () => json({ error: "invalid_grant", error_description: "Bad credentials" }, status),
    );
    const error = await failure(fluent.client().createJob({ name: "n" }));
    assert(error instanceof FluentApiError);
    assert.equal(
      error.message,
      `Cannot sign in to Fluent: POST /oauth/token answered ${status}: invalid_grant; Bad credentials; ` +
        "check the client id, secret, user name and password",
    );
    assert.deepEqual([error.code, error.effect], ["fluent-unauthorised", "none"]);
    assert.deepEqual([fluent.tokenCalls.length, fluent.apiCalls.length], [1, 0]);
  }
});

Deno.test("a sign-in is repeated on 5xx, and not again by the request that waited for it", async () => {
  const once = new FakeFluent(JOB, inTurn(text("", 503), json({ access_token: "t", expires_in: 60 })));
  await once.client().getJob("199");
  assert.equal(once.tokenCalls.length, 2);

  const down = new FakeFluent(JOB, inTurn(text("", 503)));
  const error = await failure(down.client().getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(error.message, "Cannot sign in to Fluent: POST /oauth/token answered 503; try again later");
  assert.deepEqual([down.tokenCalls.length, down.apiCalls.length], [4, 0]);
});

Deno.test("a sign-in answered by a web page or without a token is refused without repeating its words", async () => {
  const page = await failure(new FakeFluent(JOB, () => html()).client().verifyAccess());
  assert(page instanceof FluentApiError);
  assert.match(
    page.message,
    /^Cannot sign in to Fluent: .* expected JSON, found text\/html beginning '<!doctype/,
  );
  const odd = await failure(new FakeFluent(JOB, () => json({ token: "canary-odd" })).client().verifyAccess());
  assert(odd instanceof FluentApiError);
  assert.equal(
    odd.message,
    "Cannot sign in to Fluent: POST /oauth/token answered 200: expected an access token, found an answer without a usable one",
  );
});

Deno.test("a caller who gives up leaves the sign-in to the others; the last one to leave ends it", async () => {
  const reason = new Error("stop");
  let answer = (_: Response) => {};
  const shared = new FakeFluent(JOB, () => new Promise((resolve) => answer = resolve));
  const client = shared.client();
  const impatient = new AbortController();
  const gone = client.getJob("199", { signal: impatient.signal });
  const stays = client.getJob("199");
  await Promise.resolve();
  impatient.abort(reason);
  assert.equal(await failure(gone), reason);
  answer(json({ access_token: "t", expires_in: 60 }));
  assert.equal((await stays).status, "OPEN");
  assert.equal(shared.tokenCalls.length, 1);

  const alone = new FakeFluent(JOB, () => "hang");
  const last = new AbortController();
  const call = alone.client().getJob("199", { signal: last.signal });
  await Promise.resolve();
  last.abort(reason);
  assert.equal(await failure(call), reason);
  assert.equal(alone.tokenCalls[0]?.signal?.aborted, true);
  assert.equal(alone.timers[0]?.stopped, true);
});
