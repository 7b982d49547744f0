import assert from "node:assert/strict";
import { createClient, FluentApiError, type VersoriFluentContext } from "../../lib/fluent/mod.ts";
import {
  batch,
  type Call,
  failure,
  FakeFluent,
  html,
  inTurn,
  json,
  type Responder,
  text,
} from "./_fake_fluent.ts";

/** A Versori http context over a fake Fluent, with what was asked of its credentials. */
function platform(api: Responder, parts: Partial<VersoriFluentContext> = {}) {
  const fluent = new FakeFluent(api);
  const refreshes: [string, boolean | undefined][] = [];
  const context = {
    executionId: "e1",
    data: {},
    fetch: fluent.fetch,
    connectionVariables: { retailerId: 1 },
    log: fluent.log,
    credentials: () => ({
      getAccessToken(name: string, forceRefresh?: boolean) {
        if (forceRefresh) refreshes.push([name, forceRefresh]);
        return Promise.resolve({ accessToken: "canary-platform-token", tokenType: "bearer" });
      },
    }),
    ...parts,
  };
  const { clock, startTimer } = fluent;
  const client = (options = {}) =>
    createClient(context, { clock, startTimer, random: () => 0.5, ...options });
  return { fluent, refreshes, client };
}

const paths = (calls: readonly Call[]) => calls.map((call) => `${call.method} ${call.url}`);

Deno.test("on Versori relative paths leave through the context's fetch, without a token of ours", async () => {
  const { fluent, client } = platform(
    inTurn(json({ id: "199" }), json({ id: "7" }), json({ jobId: "199", status: "OPEN" })),
  );
  const one = client();
  const job = await one.createJob({ name: "n" });
  await one.sendBatch(job.id, batch());
  await one.getJob(job.id);
  assert.deepEqual(paths(fluent.calls), [
    "POST /api/v4.1/job",
    "POST /api/v4.1/job/199/batch",
    "GET /api/v4.1/job/199",
  ]);
  assert(fluent.calls.every((call) => call.headers.get("authorization") === null));
});

Deno.test("on Versori a 401 is tried once more after a forced refresh of the connection's token", async () => {
  const { fluent, refreshes, client } = platform(inTurn(text("", 401), json({ id: "199" })));
  assert.equal((await client().createJob({ name: "n" })).id, "199");
  assert.deepEqual(refreshes, [["fluent_commerce", true]]);
  assert.equal(fluent.calls.length, 2);
  assert.equal(fluent.calls[0]?.body, fluent.calls[1]?.body);
});

Deno.test("on Versori a 401 for ever ends after two requests and one refresh, and names the connection", async () => {
  const { fluent, refreshes, client } = platform(() => text("", 401));
  const error = await failure(client({ connectionName: "fluent_uat" }).createJob({ name: "n" }));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    "Cannot create a Fluent job: POST /api/v4.1/job answered 401; check the credentials of the connection 'fluent_uat' " +
      "and the user's permissions",
  );
  assert.deepEqual([fluent.calls.length, refreshes], [2, [["fluent_uat", true]]]);
});

Deno.test("on Versori twenty 401s at once need one refresh", async () => {
  let refreshed = false;
  const { refreshes, client } = platform(
    () => refreshed ? json({ jobId: "199", status: "OPEN" }) : text("", 401),
    {
      credentials: () => ({
        getAccessToken: (name, force) => {
          if (force) {
            refreshes.push([name, force]);
            refreshed = true;
          }
          return Promise.resolve({ accessToken: "t" });
        },
      }),
    },
  );
  const one = client();
  await Promise.all(Array.from({ length: 20 }, () => one.getJob("199")));
  assert.equal(refreshes.length, 1);
});

Deno.test("on Versori a 401 that arrives after another request's refresh needs none of its own", async () => {
  let answerLate = (_: Response) => {};
  const { refreshes, client } = platform((_call, nth) => {
    if (nth === 1) return new Promise((resolve) => answerLate = resolve);
    return nth === 2 ? text("", 401) : json({ jobId: "199", status: "OPEN" });
  });
  const one = client();
  const late = one.getJob("199");
  await one.getJob("199");
  answerLate(text("", 401));
  await late;
  assert.equal(refreshes.length, 1);
});

Deno.test("on Versori a 401 is final where there is no refresh, or the refresh fails or hangs", async () => {
  const refusal = {
    getAccessToken: (_name: string, force?: boolean) =>
      force
        ? Promise.reject(new Error("no such connection: Bearer canary-aaaaaaaaaaaaaaaa"))
        : Promise.resolve({ accessToken: "stale" }),
  };
  const hanging = platform(() => text("", 401), {
    credentials: () => ({
      getAccessToken: (_name, force) =>
        force ? new Promise(() => {}) : Promise.resolve({ accessToken: "stale" }),
    }),
  });
  const call = hanging.client().getJob("199");
  const expired = setInterval(() => hanging.fluent.timers.at(-1)?.fire(), 0);
  const none = platform(() => text("", 401));
  const refused = platform(() => text("", 401), { credentials: () => refusal });
  const bare = createClient({ fetch: none.fluent.fetch }, { startTimer: none.fluent.startTimer });
  for (const result of [bare.getJob("199"), refused.client().getJob("199"), call]) {
    const error = await failure(result);
    assert(error instanceof FluentApiError);
    assert.equal(error.code, "fluent-unauthorised");
  }
  clearInterval(expired);
  assert.equal(none.fluent.calls.length, 1);
  const warning = refused.fluent.log.lines.find((line) => line.level === "warn");
  assert.deepEqual(warning, {
    level: "warn",
    message: "The platform gave no fresh Fluent token",
    fields: { connection: "fluent_commerce", error: "no such connection: Bearer [redacted]" },
  });
});

const SIGN_INS: [string, boolean][] = [
  ["https://acme.example/oauth/token answered 401", true],
  ["oauth2: token request failed, status 403", true],
  ["status code: 400", true],
  ['oauth2: "invalid_grant" "Bad credentials"', true],
  ["invalid_client", true],
  ["https://acme.example/oauth/token answered 503", false],
  ["https://acme.example:4010/oauth/token answered 500", false],
  ["connection refused", false],
  ["no credential for the connection", false],
];

for (const [why, refused] of SIGN_INS) {
  Deno.test(`on Versori a sign-in that fails with '${why}' ${refused ? "is refused for good" : "may pass"}`, async () => {
    const { client } = platform(() => json({ id: "199" }), {
      credentials: () => ({ getAccessToken: () => Promise.reject(new Error(why)) }),
    });
    const error = await failure(client().createJob({ name: "n" }));
    assert(error instanceof FluentApiError);
    assert.deepEqual(
      [error.code, error.retry],
      refused ? ["fluent-unauthorised", "never"] : ["fluent-no-token", "later"],
    );
  });
}

Deno.test("on Versori a sign-in that fails is known to have had no effect, and nothing is sent", async () => {
  const { fluent, client } = platform(() => json({ id: "199" }), {
    credentials: () => ({
      getAccessToken: () => Promise.reject(new Error("answered 401: Bearer canary-aaaaaaaaaaaaaaaa")),
    }),
  });
  const error = await failure(client().createJob({ name: "n" }));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    "Cannot sign in to Fluent: the connection 'fluent_commerce' gives no token (answered 401: Bearer [redacted]); " +
      "check the credentials of the connection 'fluent_commerce' and the user's permissions",
  );
  assert.deepEqual([error.code, error.effect, error.retry], ["fluent-unauthorised", "none", "never"]);
  assert.equal(fluent.calls.length, 0);
});

Deno.test("on Versori calls that begin at once share one sign-in", async () => {
  let asked = 0;
  const { client } = platform(() => json({ jobId: "199", status: "OPEN" }), {
    credentials: () => ({ getAccessToken: () => (asked++, Promise.resolve({ accessToken: "t" })) }),
  });
  const one = client();
  await Promise.all(Array.from({ length: 20 }, () => one.getJob("199")));
  await one.getJob("199");
  assert.equal(asked, 1);
});

const ACCESS: [string, Responder, string | undefined][] = [
  ["an unknown job is access", () => json({ message: "Job not found" }, 404), undefined],
  ["a refused id is access", () => json({ message: "Bad id" }, 400), undefined],
  ["a job is access", () => json({ jobId: "0", status: "OPEN" }), undefined],
  ["401 is no access", () => text("", 401), "fluent-unauthorised"],
  ["403 is no access", () => text("", 403), "fluent-forbidden"],
  ["a web page is no access", () => html(), "fluent-bad-answer"],
  ["a web page saying 404 is no access", () => html(404), "fluent-not-found"],
  ["a dead API is no access", () => text("", 503), "fluent-unavailable"],
];

for (const [name, responder, code] of ACCESS) {
  Deno.test(`on Versori access is proven by asking for a job that does not exist: ${name}`, async () => {
    const { fluent, client } = platform(responder);
    const outcome = await client().verifyAccess().then(() => undefined, (error) => error);
    assert.equal(outcome?.code, code);
    assert.equal(paths(fluent.calls)[0], "GET /api/v4.1/job/0");
  });
}

Deno.test("on Versori an unreachable Fluent is named by its connection", async () => {
  const { client } = platform(() => new TypeError("client error (Connect): Connection refused"));
  const error = await failure(client({ attempts: 1 }).getJob("199"));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    "Cannot read Fluent job 199: GET /api/v4.1/job/199 could not reach the connection 'fluent_commerce' " +
      "(connection refused); check the base URL and the network",
  );
});
