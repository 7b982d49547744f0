import assert from "node:assert/strict";
import { createClient } from "../../lib/fluent/mod.ts";
import { batch, type Call, failure, FakeFluent, json, type Reply, text } from "./_fake_fluent.ts";

const SECRETS = {
  clientSecret: 'canary-cs +&="/ä',
  password: "canary-pw p@ss%",
};
/** Everything that must not be seen anywhere, in the forms it can take. */
const CANARIES = [
  "canary-cs",
  "canary-pw",
  "canary-access",
  "canary-refresh",
  "canary-sku",
];

/** All text of a thrown thing, its causes and details. */
function spoken(thrown: unknown): string {
  const parts: string[] = [];
  for (let at = thrown; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    parts.push(String(at), JSON.stringify(at));
    if (at instanceof Error) parts.push(at.stack ?? "", at.message, JSON.stringify({ ...at }));
    parts.push(Deno.inspect(at, { depth: 8 }));
  }
  return parts.join("\n");
}

/** What a careless server or proxy says: the whole request again, except the rows. */
function echo(call: Call): string {
  const head = [...call.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  return call.path === "/oauth/token" ? `${head}\n${call.body}\n${decodeURIComponent(call.body)}` : head;
}

const ECHOES: [string, (call: Call) => Reply][] = [
  ["a plain 400", (call) => text(echo(call), 400)],
  ["a JSON 400", (call) => json({ message: echo(call) }, 400)],
  ["a JSON 500 in errors[]", (call) => json({ errors: [{ message: echo(call) }] }, 500)],
  ["a 401", (call) => json({ error: echo(call) }, 401)],
  [
    "a request id",
    (call) =>
      text("", 503, { "x-request-id": echo(call).replaceAll("\n", " ").replace(/[^\x20-\x7e]/g, "") }),
  ],
  ["a text with 200", (call) => text(echo(call))],
  [
    "a web page with 200",
    (call) => new Response(`<html>${echo(call)}`, { headers: { "content-type": "text/html" } }),
  ],
  [
    "a network error",
    (call) => new TypeError(`fetch failed: ${echo(call)}`, { cause: new Error(echo(call)) }),
  ],
];

for (const [name, reply] of ECHOES) {
  for (const where of ["the sign-in", "the API"] as const) {
    Deno.test(`no secret is seen when ${where} repeats the request in ${name}`, async () => {
      let echoed = "";
      const answer = (call: Call) => {
        echoed += echo(call);
        return reply(call);
      };
      const fluent = where === "the sign-in" ? new FakeFluent(() => json({}), answer) : new FakeFluent(
        answer,
        () => json({ access_token: "canary-access-1", refresh_token: "canary-refresh-1", expires_in: 600 }),
      );
      const client = fluent.client(SECRETS);
      const entities = [{ ...batch().entities[0], skuRef: "canary-sku" }];
      const errors = [
        await failure(client.sendBatch("199", { ...batch(), entities })),
        await failure(client.createJob({ name: "n" })),
        await failure(client.getJob("199")),
        await failure(client.getBatchResults("199", "7")),
      ];
      assert.match(echoed, where === "the sign-in" ? /canary-cs/ : /canary-access/); // the trap was set
      const seen = errors.map(spoken).join("\n") + JSON.stringify(fluent.log.lines);
      for (const canary of CANARIES) {
        assert(!seen.includes(canary), `${canary} in ${seen.slice(seen.indexOf(canary) - 200)}`);
      }
    });
  }
}

Deno.test("a refused refresh token is not seen in the log", async () => {
  const fluent = new FakeFluent(
    () => json({ jobId: "199", status: "OPEN" }),
    (call) =>
      call.body.includes("grant_type=refresh_token")
        ? json({ error_description: `unknown token ${call.body}` }, 400)
        : json({ access_token: "canary-access-1", refresh_token: "canary-refresh-1", expires_in: 600 }),
  );
  const client = fluent.client(SECRETS);
  await client.getJob("199");
  fluent.clock.advance(600_000);
  await client.getJob("199");
  const log = JSON.stringify(fluent.log.lines);
  assert.match(log, /Fluent refused the refresh token, signing in again/);
  for (const canary of CANARIES) assert(!log.includes(canary));
});

Deno.test("secrets are not seen in base64 either, and not after a hundred tokens", async () => {
  let echoed = "";
  const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const basic = base64(`ACME:${SECRETS.clientSecret}`);
  const fluent = new FakeFluent(
    (_call, nth) =>
      nth <= 200 ? text("", 401) : text(
        echoed = `${basic} ${base64(SECRETS.password)} ${
          base64("canary-access-101")
        } ${SECRETS.clientSecret} ${SECRETS.password}`,
        400,
      ),
    (_call, nth) => json({ access_token: `canary-access-${nth}`, expires_in: 600 }),
  );
  const client = fluent.client(SECRETS);
  for (let i = 0; i < 100; i++) await failure(client.getJob("199"));
  const seen = spoken(await failure(client.getJob("199")));
  assert.equal(fluent.tokenCalls.length, 101);
  assert.notEqual(echoed, "");
  for (const canary of [...CANARIES, basic, base64(SECRETS.password), base64("canary-access-101")]) {
    assert(!seen.includes(canary), `${canary} in ${seen}`);
  }
});

Deno.test("a platform token is not seen once the platform has named it, nor as a bearer token", async () => {
  const said = "denied for canary-access-1 and Bearer canary-access-2-0123456789";
  const client = createClient({
    fetch: () => Promise.resolve(text(said, 401)),
    credentials: () => ({ getAccessToken: () => Promise.resolve({ accessToken: "canary-access-1" }) }),
  });
  const seen = spoken(await failure(client.getJob("199")));
  assert(!seen.includes("canary-access"));
  assert.match(seen, /denied for \[redacted\] and Bearer \[redacted\]/);
});

Deno.test("the log of good work has requests and statuses, no bodies", async () => {
  const fluent = new FakeFluent(() => json({ id: "1" }), () => json({ access_token: "canary-access-1" }));
  const client = fluent.client(SECRETS);
  await client.createJob({ name: "canary-sku" });
  assert.deepEqual(fluent.log.lines.map(({ level, fields }) => [level, fields?.path, fields?.status]), [
    ["debug", "/oauth/token", 200],
    ["debug", "/api/v4.1/job", 200],
  ]);
  const log = JSON.stringify(fluent.log.lines);
  for (const canary of CANARIES) assert(!log.includes(canary));
});

Deno.test("a client shows no secret when it is printed", () => {
  const shown = Deno.inspect(new FakeFluent().client(SECRETS), { depth: 10, showHidden: true });
  for (const canary of CANARIES) assert(!shown.includes(canary));
});
