import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { webhook } from "@versori/run";
import type { ConnectionConfigInput } from "@versori/run/local";
import { call, json, startPlatform, withMemoryPlatform, withTempDir } from "./_platform.ts";

const apiKey = (where: "header" | "query" | "cookie", name: string) =>
  ({ auth: { type: "apiKey", key: "k+1", in: where, name } }) as const;
const basic = { auth: { type: "basic", username: "u", password: "p:w" } } as const;
const sign = (body: string, secret = "s", encoding: "hex" | "base64" = "hex") =>
  createHmac("sha256", secret).update(body).digest(encoding);

Deno.test("a call without a credential gets 401, with a wrong one 403, and no code of the workflow runs", async (t) => {
  const cases: Record<string, [
    ConnectionConfigInput,
    { path?: string; headers?: Record<string, string> },
    { path?: string; headers?: Record<string, string> },
  ]> = {
    "API key in a header": [apiKey("header", "X-Key"), { headers: { "x-key": "k+1" } }, {
      headers: { "x-key": "k" },
    }],
    "API key in the query": [apiKey("query", "key"), { path: "?key=k%2B1" }, { path: "?key=k+1" }],
    "API key in a cookie": [
      apiKey("cookie", "key"),
      { headers: { cookie: "a=b; key=k%2B1" } },
      { headers: { cookie: "key=no" } },
    ],
    "basic": [
      basic,
      { headers: { authorization: `Basic ${btoa("u:p:w")}` } },
      { headers: { authorization: `Basic ${btoa("u:p")}` } },
    ],
    "hmac": [
      { auth: { type: "hmac", secret: "s", header: "X-Signature" } },
      { headers: { "x-signature": sign('{"a":1}') } },
      { headers: { "x-signature": sign('{"a":2}') } },
    ],
    "hmac with the algorithm in front, base64": [
      { auth: { type: "hmac", secret: "s", header: "x-signature", encoding: "base64" } },
      { headers: { "x-signature": `sha256=${sign('{"a":1}', "s", "base64")}` } },
      { headers: { "x-signature": sign('{"a":1}', "other", "base64") } },
    ],
  };
  for (const [name, [connection, right, wrong]] of Object.entries(cases)) {
    await t.step(name, async () => {
      let runs = 0;
      const hook = webhook("hook", { connection: "caller" }).then(() => ++runs);
      const config = { connections: { caller: connection } };
      await withMemoryPlatform([hook], config, async (platform) => {
        const body = json({ a: 1 });
        const send = ({ path = "", headers = {} }: { path?: string; headers?: Record<string, string> }) =>
          call(platform, `/hook${path}`, {
            ...body,
            headers: { ...body.headers as Record<string, string>, ...headers },
          });
        assert.equal((await send({})).status, 401);
        assert.equal((await send(wrong)).status, 403);
        assert.equal(runs, 0);
        assert.equal((await send(right)).status, 200);
        assert.equal(runs, 1);
      });
    });
  }
});

Deno.test("a user's own connection verifies the calls to that user's address", async () => {
  const hook = webhook("hook", { connection: "caller" }).then(() => "in");
  const config = {
    connections: { caller: { auth: { type: "apiKey" as const, key: "static" } } },
    users: { ann: { connections: { caller: { auth: { type: "apiKey" as const, key: "anns" } } } }, bob: {} },
  };
  await withMemoryPlatform([hook], config, async (platform) => {
    const status = async (path: string, key: string) =>
      (await call(platform, path, { headers: { "x-api-key": key } })).status;
    assert.equal(await status("/hook/users/ann", "anns"), 200);
    assert.equal(await status("/hook/users/ann", "static"), 403);
    assert.equal(await status("/hook/users/bob", "static"), 200);
    assert.equal(await status("/hook", "anns"), 403);
  });
});

Deno.test("a webhook whose connection is missing or cannot verify calls keeps the platform from starting", async () => {
  await withTempDir(async (dir) => {
    const hook = webhook("hook", { connection: "caller" }).then(() => 1);
    await assert.rejects(startPlatform(dir, [hook]), /No connection is configured for the system 'caller'/);
    const connections = { caller: { auth: { type: "none" as const } } };
    await assert.rejects(
      startPlatform(dir, [hook], { connections }),
      /connection 'caller' of the webhook 'hook' holds none, which cannot verify calls/,
    );
  });
});

Deno.test("a call without credentials is told to bring user and password, where those are wanted", async () => {
  const page = webhook("page", { connection: "person" }).then(() => 1);
  const hook = webhook("hook", { connection: "program" }).then(() => 1);
  const config = {
    connections: {
      person: { auth: { type: "basic" as const, username: "u", password: "p" } },
      program: { auth: { type: "apiKey" as const, key: "k" } },
    },
  };
  await withMemoryPlatform([page, hook], config, async (platform) => {
    const asked = async (path: string) => (await call(platform, path)).headers.get("www-authenticate");
    assert.equal(await asked("/page"), 'Basic realm="page", charset="UTF-8"');
    assert.equal(await asked("/hook"), null);
  });
});
