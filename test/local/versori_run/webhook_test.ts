import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Context, fn, webhook } from "@versori/run";
import { call, json, until, withMemoryPlatform, withPlatform } from "./_platform.ts";

Deno.test("a webhook answers at its id, and at its id for one user with that user's activation", async () => {
  const who = webhook("who").then(({ activation }) => ({
    user: activation.user.externalId,
    greeting: activation.getVariable("greeting") ?? null,
    id: activation.id,
  }));
  const config = {
    variables: { greeting: "hi" },
    users: { "ann@x.org": { variables: { greeting: { deep: [1] } } } },
  };
  await withMemoryPlatform([who], config, async (platform) => {
    const fixed = (await call(platform, "/who")).json() as Record<string, unknown>;
    const ann = (await call(platform, "/who/users/ann%40x.org")).json() as Record<string, unknown>;
    assert.deepEqual([fixed["user"], fixed["greeting"]], ["static", "hi"]);
    assert.deepEqual([ann["user"], ann["greeting"]], ["ann@x.org", { deep: [1] }]);
    assert.notEqual(fixed["id"], ann["id"]);
    assert.match(String(ann["id"]), /^[A-Za-z0-9._=-]+$/);
    assert.equal((await call(platform, "/who/users/nobody")).status, 404);
    assert.equal((await call(platform, "/unknown")).status, 404);
    assert.equal((await call(platform, "/who/other")).status, 404);
  });
});

Deno.test("only the webhook's method reaches it", async () => {
  const get = webhook("get", { method: "get" }).then(({ data }) => ({ type: typeof data }));
  const all = webhook("all").then(({ request }) => ({ method: request()!.method, query: request()!.query }));
  await withMemoryPlatform([get, all], {}, async (platform) => {
    assert.equal((await call(platform, "/get")).status, 404);
    assert.deepEqual((await call(platform, "/get", { method: "GET" })).json(), { type: "undefined" });
    assert.deepEqual((await call(platform, "/all?a=1", { method: "PUT" })).json(), {
      method: "PUT",
      query: { a: "1" },
    });
  });
});

Deno.test("bodies are parsed by their type; headers are those of the Express request", async () => {
  const echo = webhook("echo").then(({ data, request }) => ({ data, header: request()!.headers["x-test"] }));
  const types: [string, string, number, unknown][] = [
    ["application/json", '{"a":[1]}', 200, { a: [1] }],
    ["application/problem+json; charset=utf-8", '"text"', 200, "text"],
    ["application/json", "", 200, undefined],
    ["application/json", '{"a":', 400, undefined],
    ["application/x-www-form-urlencoded", "a=1&b=x+y", 200, { a: "1", b: "x y" }],
    ["text/csv", "a,b\n1,2\n", 200, undefined],
    ["application/xml", "<a/>", 415, undefined],
  ];
  await withMemoryPlatform([echo], {}, async (platform) => {
    for (const [type, body, status, data] of types) {
      const answer = await call(platform, "/echo", {
        body,
        headers: { "content-type": type, "X-Test": "yes" },
      });
      assert.equal(answer.status, status, `${type} ${body}`);
      if (status !== 200) continue;
      assert.deepEqual(answer.json(), data === undefined ? { header: "yes" } : { data, header: "yes" });
    }
  });
});

Deno.test("rawBody leaves data undefined and puts the bytes into the request, or the text", async (t) => {
  for (const form of ["buffer", "string"] as const) {
    await t.step(form, async () => {
      const raw = webhook("raw", { request: { rawBody: true } }).then(({ data, request }) => {
        const { body } = request() as { body: unknown };
        return {
          data: typeof data,
          isBuffer: Buffer.isBuffer(body),
          body: Buffer.isBuffer(body) ? body.toString("hex") : body,
          same: (request() as unknown as { rawBody: unknown }).rawBody === body,
        };
      });
      await withMemoryPlatform([raw], { options: { rawBodyForm: form } }, async (platform) => {
        assert.deepEqual((await call(platform, "/raw", { ...json({ a: 1 }) })).json(), {
          data: "undefined",
          isBuffer: form === "buffer",
          body: form === "buffer" ? Buffer.from('{"a":1}').toString("hex") : '{"a":1}',
          same: true,
        });
      });
    });
  }
});

Deno.test("a body above the limit is answered 413 before the workflow runs", async () => {
  let runs = 0;
  const hook = webhook("hook").then(() => ++runs);
  await withMemoryPlatform([hook], { options: { requestBodyLimitBytes: 100 } }, async (platform) => {
    assert.equal((await call(platform, "/hook", json("x".repeat(98)))).status, 200);
    assert.equal((await call(platform, "/hook", json("x".repeat(99)))).status, 413);
    assert.equal(runs, 1);
  });
});

Deno.test("CORS headers and preflight come from the webhook's settings", async () => {
  const open = webhook("open", { cors: true }).then(() => 1);
  const strict = webhook("strict", {
    method: "post",
    cors: { origin: "https://a.example", methods: ["POST"], credentials: true, exposedHeaders: "x-id" },
  }).then(() => 1);
  const none = webhook("none").then(() => 1);
  await withMemoryPlatform([open, strict, none], {}, async (platform) => {
    assert.equal((await call(platform, "/open")).headers.get("access-control-allow-origin"), "*");
    const preflight = await call(platform, "/strict", { method: "OPTIONS" });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "https://a.example");
    assert.equal(preflight.headers.get("access-control-allow-methods"), "POST");
    const answer = await call(platform, "/strict");
    assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
    assert.equal(answer.headers.get("access-control-expose-headers"), "x-id");
    assert.equal((await call(platform, "/none")).headers.get("access-control-allow-origin"), null);
  });
});

Deno.test("onSuccess and onError answer with a web Response, status, headers and body", async () => {
  const hook = webhook("hook", {
    response: {
      onSuccess: ({ data }: Context<{ n: number }>) =>
        new Response(`<ok>${data.n}</ok>`, {
          status: 201,
          headers: [["content-type", "application/xml"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]],
        }),
      onError: async ({ data, executionId }) =>
        await Promise.resolve(
          Response.json({ message: data.message, hasId: executionId !== "" }, {
            status: 422,
            headers: { "content-type": "application/problem+json" },
          }),
        ),
    },
  }).then(fn<{ n: number }, { n: number }>("check", ({ data }) => {
    if (data.n < 0) throw new Error("negative");
    return data;
  }));
  await withMemoryPlatform([hook], {}, async (platform) => {
    const ok = await call(platform, "/hook", json({ n: 1 }));
    assert.deepEqual([ok.status, ok.text, ok.headers.get("content-type")], [
      201,
      "<ok>1</ok>",
      "application/xml",
    ]);
    assert.deepEqual(ok.headers.getSetCookie(), ["a=1", "b=2"]);
    const bad = await call(platform, "/hook", json({ n: -1 }));
    assert.deepEqual([bad.status, bad.json()], [422, { message: "negative", hasId: true }]);
    assert.equal(bad.headers.get("content-type"), "application/problem+json");
  });
});

Deno.test("an error without onError, or in a response handler, answers as the options say", async () => {
  const fails = webhook("fails").then(() => Promise.reject(new Error("secret detail")));
  const noResponse = webhook("no-response", {
    response: { onSuccess: () => ({ not: "a response" }) as unknown as Response },
  }).then(() => 1);
  await withMemoryPlatform([fails, noResponse], {}, async (platform) => {
    const answer = await call(platform, "/fails");
    assert.deepEqual([answer.status, answer.text], [500, ""]);
    assert.equal((await call(platform, "/no-response")).status, 500);
  });
  const options = { uncaughtErrorStatus: 502, uncaughtErrorBody: "message" as const };
  await withMemoryPlatform([fails], { options }, async (platform) => {
    const answer = await call(platform, "/fails");
    assert.deepEqual([answer.status, answer.json()], [502, { message: "secret detail" }]);
  });
});

Deno.test("an async webhook answers before its run ends, in the shape of the options", async () => {
  for (const body of ["empty", "executionId"] as const) {
    const release = Promise.withResolvers<void>();
    let executionId = "";
    const hook = webhook("hook", { response: { mode: "async" } }).then(async (ctx) => {
      await release.promise;
      executionId = ctx.executionId;
    });
    const options = { asyncResponseStatus: 200 + (body === "empty" ? 2 : 0), asyncResponseBody: body };
    await withMemoryPlatform([hook], { options }, async (platform) => {
      const answer = await call(platform, "/hook");
      assert.equal(executionId, "");
      release.resolve();
      await platform.waitForIdle();
      assert.equal(answer.status, options.asyncResponseStatus);
      assert.equal(answer.text, body === "empty" ? "" : JSON.stringify({ executionId }));
    });
  }
});

Deno.test("at the time limit the answer is 504 and the code goes on: its effects still arrive", async () => {
  const release = Promise.withResolvers<void>();
  const hook = webhook("hook").then(async ({ openKv }) => {
    await release.promise;
    await openKv(":workspace:").set("test/late", true);
  }).then(({ openKv }) => openKv(":workspace:").set("test/later", true));
  await withPlatform([hook], { options: { triggerTimeoutMs: 20 } }, async (platform) => {
    assert.equal((await call(platform, "/hook")).status, 504);
    const kv = platform.openKv(":workspace:");
    assert.equal(await kv.get("test/late"), undefined);
    release.resolve();
    await platform.waitForIdle();
    assert.equal(await kv.get("test/late"), true);
    assert.equal(await kv.get("test/later"), true);
  });
});

Deno.test("with triggerRunOutlivesTimeout off, nothing after the limit reaches the platform", async () => {
  const release = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const hook = webhook("hook").then(async ({ openKv }) => {
    await release.promise;
    await openKv(":workspace:").set("test/late", true).catch((error) => seen.push(error.message));
    seen.push("code went on");
  }).then(() => seen.push("next task")).catch(() => seen.push("catch"));
  const options = { triggerTimeoutMs: 20, triggerRunOutlivesTimeout: false };
  await withPlatform([hook], { options }, async (platform) => {
    assert.equal((await call(platform, "/hook")).status, 504);
    release.resolve();
    await platform.waitForIdle();
    assert.equal(await platform.openKv(":workspace:").get("test/late"), undefined);
    assert.deepEqual(seen, ["The run of 'hook' exceeded its limit of 20 ms", "code went on"]);
  });
});

Deno.test("every call is an execution of its own; setVariable lasts for later runs of the same user", async () => {
  const hook = webhook("hook").then(async ({ executionId, startTime, activation, workflow }) => {
    const before = activation.getVariable<number>("count") ?? 0;
    await activation.setVariable("count", before + 1);
    return {
      executionId,
      before,
      after: activation.getVariable("count"),
      recent: startTime instanceof Date,
      workflow,
    };
  });
  await withPlatform([hook], { users: { ann: {} } }, async (platform) => {
    const first = (await call(platform, "/hook")).json() as Record<string, unknown>;
    const second = (await call(platform, "/hook")).json() as Record<string, unknown>;
    const ann = (await call(platform, "/hook/users/ann")).json() as Record<string, unknown>;
    assert.notEqual(first["executionId"], second["executionId"]);
    assert.deepEqual([first["after"], second["before"], second["after"], ann["before"]], [1, 1, 2, 0]);
    assert.deepEqual([first["recent"], first["workflow"]], [true, undefined]);
  });
});

Deno.test("a caller who goes away does not disturb the run", async () => {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let ended = false;
  const hook = webhook("hook").then(async () => {
    entered.resolve();
    await release.promise;
    ended = true;
    return "nobody reads this";
  });
  await withMemoryPlatform([hook], {}, async (platform) => {
    const caller = new AbortController();
    const answer = call(platform, "/hook", { signal: caller.signal });
    await entered.promise;
    caller.abort();
    await assert.rejects(answer);
    release.resolve();
    await until("the run has ended", () => ended);
    await platform.waitForIdle();
  });
});
