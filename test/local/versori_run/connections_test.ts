import assert from "node:assert/strict";
import { type CredentialsProvider, http, type HttpContext, webhook } from "@versori/run";
import type { ConnectionConfigInput, PlatformConfig } from "@versori/run/local";
import { call, json, keptLog, withMemoryPlatform } from "./_platform.ts";

interface SeenCall {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A system with a token endpoint: tokens are numbered, and only those not refused are accepted. */
interface System {
  readonly url: string;
  readonly calls: SeenCall[];
  readonly tokenCalls: SeenCall[];
  tokenAnswer: { status: number; body: unknown };
  refuse: Set<string>;
}

async function withSystem(body: (system: System) => Promise<void>): Promise<void> {
  const calls: SeenCall[] = [];
  const tokenCalls: SeenCall[] = [];
  const system = {
    url: "",
    calls,
    tokenCalls,
    tokenAnswer: { status: 200, body: undefined as unknown },
    refuse: new Set<string>(),
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const seen = { path: `${pathname}${search}`, headers: request.headers, body: await request.text() };
    if (pathname === "/oauth/token") {
      tokenCalls.push(seen);
      const answer = system.tokenAnswer.body ??
        { access_token: `t${tokenCalls.length}`, token_type: "bearer", expires_in: 3600 };
      return Response.json(answer, { status: system.tokenAnswer.status });
    }
    calls.push(seen);
    const isRefused = system.refuse.has(request.headers.get("authorization") ?? "");
    return isRefused ? new Response(null, { status: 401 }) : new Response("fine");
  });
  system.url = `http://127.0.0.1:${server.addr.port}`;
  try {
    await body(system);
  } finally {
    await server.shutdown();
  }
}

/** Runs a function as an `http` task of the system `sys`. */
async function inHttpTask<T>(
  connection: ConnectionConfigInput | undefined,
  task: (ctx: HttpContext) => Promise<T>,
  config: PlatformConfig = {},
  path = "/hook",
): Promise<T> {
  const hook = webhook("hook").then(http("task", { connection: "sys" }, task)).catch(({ data }) => ({
    error: data.message,
  }));
  let result: unknown;
  const connections = connection === undefined ? {} : { sys: connection };
  await withMemoryPlatform([hook], { connections, ...config }, async (platform) => {
    result = (await call(platform, path, json({}))).json();
  });
  return result as T;
}

/** Reads the answer to its end, so that no connection stays behind. */
async function statusOf(response: Response): Promise<number> {
  await response.text();
  return response.status;
}

Deno.test("the base URL loses its path, and a missing scheme becomes https", async () => {
  const cases = {
    "http://h.example:8080/v1/api?x=1": "http://h.example:8080",
    "https://h.example/api": "https://h.example",
    "h.example/api/": "https://h.example",
  };
  for (const [entered, expected] of Object.entries(cases)) {
    const found = await inHttpTask({ baseUrl: entered, auth: { type: "none" } }, (ctx) => ctx.baseUrl);
    assert.equal(found, expected);
  }
});

Deno.test("fetch takes relative paths only", async () => {
  await withSystem(async (system) => {
    const errors = await inHttpTask({ baseUrl: system.url, auth: { type: "none" } }, async ({ fetch }) => {
      const inputs = [
        `${system.url}/x`,
        "//other/x",
        "/\\other/x",
        new URL(system.url),
        new Request(system.url),
        "data:,x",
      ];
      const found: string[] = [];
      for (const input of inputs) {
        found.push(await fetch(input).then(() => "passed", (error) => error.message));
      }
      found.push(
        String(await statusOf(await fetch("/api/v4.1/job?a=1"))),
        String(await statusOf(await fetch("plain"))),
      );
      return found;
    });
    for (const error of errors.slice(0, 6)) assert.match(error, /only relative paths/);
    assert.deepEqual(errors.slice(6), ["200", "200"]);
    assert.deepEqual(system.calls.map((seen) => seen.path), ["/api/v4.1/job?a=1", "/plain"]);
  });
});

Deno.test("credentials are added as the connection says", async (t) => {
  const cases: [ConnectionConfigInput["auth"], (seen: SeenCall) => unknown, unknown][] = [
    [{ type: "apiKey", key: "k/1", in: "header", name: "X-Key" }, (seen) => seen.headers.get("x-key"), "k/1"],
    [{ type: "apiKey", key: "k/1", in: "query", name: "key" }, (seen) => seen.path, "/x?key=k%2F1"],
    [
      { type: "apiKey", key: "k/1", in: "cookie", name: "key" },
      (seen) => seen.headers.get("cookie"),
      "key=k%2F1",
    ],
    [
      { type: "basic", username: "ü", password: "p:w" },
      (seen) => seen.headers.get("authorization"),
      "Basic w7w6cDp3",
    ],
    [{ type: "none" }, (seen) => seen.headers.get("authorization"), null],
  ];
  for (const [auth, read, expected] of cases) {
    await t.step(JSON.stringify(auth.type), () =>
      withSystem(async (system) => {
        await inHttpTask({ baseUrl: system.url, auth }, async ({ fetch }) => statusOf(await fetch("/x")));
        assert.equal(read(system.calls[0]!), expected);
      }));
  }
});

Deno.test("OAuth2 tokens are fetched once for all callers, with the grant's parameters in the form body", async (t) => {
  const grants: [ConnectionConfigInput["auth"] & { type: string }, Record<string, string>][] = [
    [
      { type: "oauth2ClientCredentials", tokenUrl: "", clientId: "c", clientSecret: "s" },
      { grant_type: "client_credentials", client_id: "c", client_secret: "s" },
    ],
    [
      {
        type: "oauth2Password",
        tokenUrl: "",
        clientId: "c",
        clientSecret: "s",
        username: "u",
        password: "p",
        scope: "api",
      },
      {
        grant_type: "password",
        client_id: "c",
        client_secret: "s",
        username: "u",
        password: "p",
        scope: "api",
      },
    ],
  ];
  for (const [auth, form] of grants) {
    await t.step(auth.type, () =>
      withSystem(async (system) => {
        const connection = { baseUrl: system.url, auth: { ...auth, tokenUrl: `${system.url}/oauth/token` } };
        const log = keptLog();
        await inHttpTask(connection as ConnectionConfigInput, async ({ fetch, credentials }) => {
          await Promise.all([1, 2, 3].map(async () => statusOf(await fetch("/x"))));
          return (await credentials().getAccessToken("sys")).tokenType;
        }, { log: { format: "json", level: "debug", write: log.write } });
        assert.equal(system.tokenCalls.length, 1);
        assert.deepEqual(Object.fromEntries(new URLSearchParams(system.tokenCalls[0]!.body)), form);
        assert.deepEqual(
          system.calls.map((seen) => seen.headers.get("authorization")),
          Array(3).fill("Bearer t1"),
        );
        assert.doesNotMatch(JSON.stringify(log.entries), /t1|client_secret/);
      }));
  }
});

Deno.test("a token is renewed shortly before it ends, and when a refresh is forced", async () => {
  await withSystem(async (system) => {
    let now = 1_000_000_000_000;
    const clock = { now: () => now, sleep: () => new Promise<void>(() => {}) };
    const auth = {
      type: "oauth2ClientCredentials" as const,
      tokenUrl: `${system.url}/oauth/token`,
      clientId: "c",
      clientSecret: "s",
    };
    const hook = webhook("hook").then(async ({ credentials }) => {
      const { getAccessToken } = credentials();
      const token = async (forceRefresh?: boolean) => (await getAccessToken("sys", forceRefresh)).accessToken;
      const seen = [await token()];
      now += 3539_000;
      seen.push(await token());
      now += 1_000;
      seen.push(await token(), await token(true), await token());
      return { seen, expiry: (await getAccessToken("sys")).expiry };
    });
    await withMemoryPlatform([hook], { connections: { sys: { auth } }, clock }, async (platform) => {
      const { seen, expiry } = (await call(platform, "/hook")).json() as { seen: string[]; expiry: string };
      assert.deepEqual(seen, ["t1", "t1", "t2", "t3", "t3"]);
      assert.equal(Date.parse(expiry), now + 3600_000);
    });
  });
});

Deno.test("after a 401 the next call gets a new token; whether the call itself is repeated is an option", async () => {
  for (const fetchRetriesAfter401 of [false, true]) {
    await withSystem(async (system) => {
      system.refuse.add("Bearer t1");
      system.tokenAnswer.body = undefined;
      const auth = {
        type: "oauth2ClientCredentials" as const,
        tokenUrl: `${system.url}/oauth/token`,
        clientId: "c",
        clientSecret: "s",
      };
      const statuses = await inHttpTask({ baseUrl: system.url, auth }, async ({ fetch }) => [
        await statusOf(await fetch("/x", { method: "POST", body: "b" })),
        await statusOf(await fetch("/y")),
      ], { options: { fetchRetriesAfter401 } });
      assert.deepEqual(statuses, [fetchRetriesAfter401 ? 200 : 401, 200]);
      assert.deepEqual(
        system.calls.map((seen) => `${seen.path}${seen.body} ${seen.headers.get("authorization")}`),
        [
          "/xb Bearer t1",
          ...(fetchRetriesAfter401 ? ["/xb Bearer t2"] : []),
          "/y Bearer t2",
        ],
      );
    });
  }
});

Deno.test("whether the caller's Authorization header wins is an option", async () => {
  for (const callerAuthorizationWins of [false, true]) {
    await withSystem(async (system) => {
      const connection: ConnectionConfigInput = {
        baseUrl: system.url,
        auth: { type: "basic", username: "u", password: "p" },
      };
      await inHttpTask(
        connection,
        async ({ fetch }) => statusOf(await fetch("/x", { headers: { Authorization: "Custom 1" } })),
        { options: { callerAuthorizationWins } },
      );
      assert.equal(
        system.calls[0]!.headers.get("authorization"),
        callerAuthorizationWins ? "Custom 1" : "Basic dTpw",
      );
    });
  }
});

Deno.test("failures name the connection and what is wrong, never a secret", async () => {
  await withSystem(async (system) => {
    const oauth = (tokenUrl: string): ConnectionConfigInput => ({
      baseUrl: system.url,
      auth: {
        type: "oauth2Password",
        tokenUrl,
        clientId: "c",
        clientSecret: "hush",
        username: "u",
        password: "hush",
      },
    });
    const get = async ({ fetch }: HttpContext) => await statusOf(await fetch("/x"));
    const errorOf = async (connection: ConnectionConfigInput | undefined) =>
      (await inHttpTask<unknown>(connection, get) as { error: string }).error;

    assert.match(await errorOf(undefined), /No connection is configured for the system 'sys'/);
    assert.match(
      await errorOf({ auth: { type: "none" } }),
      /connection 'sys' in an http task: it has no base URL/,
    );
    assert.match(
      await errorOf({ baseUrl: system.url, auth: { type: "hmac", secret: "hush", header: "x" } }),
      /hmac only verifies incoming ones/,
    );
    const unreachable = await errorOf(oauth("http://127.0.0.1:1/oauth/token?hidden=hush"));
    assert.match(
      unreachable,
      /Cannot get a token for the connection 'sys' from http:\/\/127.0.0.1:1\/oauth\/token/,
    );
    assert.doesNotMatch(unreachable, /hush/);
    system.tokenAnswer = { status: 401, body: { error: "hush" } };
    const refused = await errorOf(oauth(`${system.url}/oauth/token`));
    assert.match(refused, /Cannot get a token for the connection 'sys': http.*\/oauth\/token answered 401$/);
    system.tokenAnswer = { status: 200, body: { no: "token" } };
    assert.match(await errorOf(oauth(`${system.url}/oauth/token`)), /the answer has no access_token/);
  });
});

Deno.test("getRaw answers the bytes of an API key, getAccessToken base64 of a basic pair; other kinds are errors", async () => {
  const message = (error: Error) => error.message;
  const read = async ({ getRaw, getAccessToken, getOAuth1Metadata }: CredentialsProvider, other: string) => ({
    raw: new TextDecoder().decode(await getRaw("key")),
    basic: await getAccessToken("pair"),
    ofAnn: new TextDecoder().decode(await getRaw("key", other)),
    errors: [
      await getRaw("pair").catch(message),
      await getAccessToken("key").catch(message),
      await getOAuth1Metadata("key").catch(message),
      await getAccessToken("missing").catch(message),
      await getRaw("key", "nobody").catch(message),
    ],
  });
  let annId = "";
  const hook = webhook("hook").then(async ({ credentials, activation }) => {
    if (activation.user.externalId === "ann") annId = activation.id;
    return annId === activation.id ? null : await read(credentials(), annId);
  });
  const secret = '{"accessKeyId":"ü"}';
  const config: PlatformConfig = {
    connections: {
      key: { auth: { type: "apiKey", key: secret } },
      pair: { auth: { type: "basic", username: "id", password: "a:b/+=" } },
    },
    users: { ann: { connections: { key: { auth: { type: "apiKey", key: "anns" } } } } },
  };
  await withMemoryPlatform([hook], config, async (platform) => {
    await call(platform, "/hook/users/ann");
    const found = (await call(platform, "/hook")).json() as Awaited<ReturnType<typeof read>>;
    assert.equal(found.raw, secret);
    assert.deepEqual(found.basic, { accessToken: btoa("id:a:b/+="), tokenType: "Basic" });
    assert.equal(found.ofAnn, "anns");
    const expected = [
      /'pair': it holds basic, expected an API key/,
      /'key': it holds apiKey, expected OAuth2 or basic/,
      /OAuth1 metadata of 'key'/,
      /system 'missing'/,
      /no activation 'nobody'/,
    ];
    for (const [index, pattern] of expected.entries()) assert.match(String(found.errors[index]), pattern);
  });
});

Deno.test("connection variables are the user's; the static user's are hidden unless the option shows them", async () => {
  const connection: ConnectionConfigInput = {
    baseUrl: "h.example",
    variables: { retailerId: "1" },
    auth: { type: "none" },
  };
  const read = ({ connectionVariables }: HttpContext) => Promise.resolve(connectionVariables);
  assert.deepEqual(await inHttpTask(connection, read), {});
  assert.deepEqual(await inHttpTask(connection, read, { options: { staticUserConnectionVariables: true } }), {
    retailerId: "1",
  });
  assert.deepEqual(await inHttpTask(connection, read, { users: { ann: {} } }, "/hook/users/ann"), {
    retailerId: "1",
  });
});

Deno.test("what the SDK does not document is refused rather than guessed: pagination and nextPage", async () => {
  assert.throws(
    () => http("x", { connection: "sys", pagination: {} }, () => Promise.resolve(1)),
    /pagination is not documented/,
  );
  const connection: ConnectionConfigInput = { baseUrl: "h.example", auth: { type: "none" } };
  const error = await inHttpTask(
    connection,
    (ctx) => ctx.nextPage(1).then(() => "passed", (error) => error.message),
  );
  assert.match(error, /nextPage\(\) is not documented/);
});
