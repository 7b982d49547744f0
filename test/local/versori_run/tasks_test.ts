import assert from "node:assert/strict";
import { ExecutionError, fn, schedule, webhook, workflow } from "@versori/run";
import { call, json, keptLog, until, withMemoryPlatform, withPlatform } from "./_platform.ts";

Deno.test("a chain hands each output to the next task, bare functions included", async () => {
  const chain = webhook("chain")
    .then(fn<{ n: number }, number>("double", ({ data }) => data.n * 2))
    .then(async ({ data }) => await Promise.resolve(data + 1))
    .then(fn("wrap", ({ data }) => ({ result: data })));
  await withMemoryPlatform([chain], {}, async (platform) => {
    const answer = await call(platform, "/chain", json({ n: 20 }));
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), { result: 41 });
  });
});

Deno.test("outputs go through JSON between tasks: dates become text, undefined stays undefined", async () => {
  const seen: unknown[] = [];
  const chain = webhook("chain")
    .then(() => ({ at: new Date(0), gone: undefined, map: new Map([["a", 1]]) }))
    .then(({ data }) => void seen.push(data))
    .then(({ data }) => void seen.push(data));
  await withMemoryPlatform([chain], {}, async (platform) => {
    const answer = await call(platform, "/chain");
    assert.deepEqual(seen, [{ at: "1970-01-01T00:00:00.000Z", map: {} }, undefined]);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, "");
  });
});

Deno.test("an output that JSON cannot carry fails the task that returned it", async (t) => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const outputs: Record<string, [(ctx: unknown) => unknown, RegExp]> = {
    "the context": [(ctx) => ctx, /output of the task 'bad'.*the context itself/],
    "the context inside": [(ctx) => ({ ctx }), /contains the context/],
    "a cycle": [() => circular, /JSON cannot carry it/],
    "a bigint": [() => 1n, /JSON cannot carry it/],
    "a function": [() => () => 1, /JSON cannot carry a function/],
    "a symbol": [() => Symbol("s"), /JSON cannot carry a symbol/],
  };
  for (const [name, [output, message]] of Object.entries(outputs)) {
    await t.step(name, async () => {
      const chain = webhook("chain").then(fn("bad", output)).catch(({ data }) => ({ caught: data.message }));
      await withMemoryPlatform([chain], {}, async (platform) => {
        const { caught } = (await call(platform, "/chain")).json() as { caught: string };
        assert.match(caught, message);
      });
    });
  }
});

Deno.test("a catch sees an ExecutionError with the cause, and what it returns is passed on", async () => {
  const seen: unknown[] = [];
  const cause = new TypeError("broken");
  const chain = webhook("chain")
    .then(() => {
      throw cause;
    })
    .then(() => seen.push("skipped task"))
    .catch(fn("handle", ({ data }) => {
      seen.push(data instanceof ExecutionError, data.message, data.cause === cause);
      return "handled";
    }))
    .then(({ data }) => ({ data }))
    .catch(() => seen.push("catch without an error"));
  await withMemoryPlatform([chain], {}, async (platform) => {
    const answer = await call(platform, "/chain");
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), { data: "handled" });
    assert.deepEqual(seen, [true, "broken", true]);
  });
});

Deno.test("a catch that throws jumps to the next catch, and past the last one the run fails", async () => {
  const chain = (id: string) =>
    webhook(id)
      .then(() => Promise.reject(new Error("first")))
      .catch(({ data }) => {
        throw data;
      })
      .then(() => "not reached")
      .catch(({ data }) => {
        throw new Error(`second after ${data.message}`);
      });
  const handled = chain("handled").catch(({ data }) => data.message);
  await withMemoryPlatform([chain("unhandled"), handled], {}, async (platform) => {
    assert.deepEqual((await call(platform, "/handled")).json(), "second after first");
    const failed = await call(platform, "/unhandled");
    assert.equal(failed.status, 500);
    assert.equal(failed.text, "");
  });
});

Deno.test("a catch inside a nested task covers that task alone", async () => {
  const nested = fn("inner", () => "inner").catch(() => "caught by the nested catch");
  const chain = webhook("chain")
    .then(() => Promise.reject(new Error("before")))
    .then(nested)
    .catch(({ data }) => `caught by the workflow: ${data.message}`);
  await withMemoryPlatform([chain], {}, async (platform) => {
    assert.equal((await call(platform, "/chain")).json(), "caught by the workflow: before");
  });
});

Deno.test("serial works element by element in order, parallel all at once, both keep the order of results", async () => {
  const running = { serial: 0, parallel: 0, mostSerial: 0, mostParallel: 0 };
  const all = Promise.withResolvers<void>();
  const chain = (id: string) => webhook(id).then(fn<unknown, number[]>("three", () => [3, 1, 2]));
  const serial = chain("serial").unpack().serial(async ({ data }, index) => {
    running.mostSerial = Math.max(running.mostSerial, ++running.serial);
    await Promise.resolve();
    running.serial--;
    return [data, index];
  });
  const parallel = chain("parallel").unpack().parallel(async ({ data }, index) => {
    running.mostParallel = Math.max(running.mostParallel, ++running.parallel);
    if (running.parallel === 3) all.resolve();
    await all.promise;
    return [data, index];
  });
  await withMemoryPlatform([serial, parallel], {}, async (platform) => {
    assert.deepEqual((await call(platform, "/serial")).json(), [[3, 0], [1, 1], [2, 2]]);
    assert.deepEqual((await call(platform, "/parallel")).json(), [[3, 0], [1, 1], [2, 2]]);
    assert.equal(running.mostSerial, 1);
    assert.equal(running.mostParallel, 3);
  });
});

Deno.test("unpack takes a mapper, works on a task inside then, and fails as a whole with its first error", async () => {
  const perWord = fn<{ text: string }, { text: string }>("same", ({ data }) => data)
    .unpack((data) => data.text.split(" "))
    .serial(fn("upper", ({ data }) => data.toUpperCase()));
  const words = webhook("words").then(perWord);
  const failing = webhook("failing").then(() => [1, 2, 3]).unpack().parallel(({ data }) => {
    if (data === 2) throw new Error("two is bad");
    return data;
  }).catch(({ data }) => data.message);
  const none = webhook("none").then(() => null).unpack().serial(() => 1).catch(({ data }) => data.message);
  await withMemoryPlatform([words, failing, none], {}, async (platform) => {
    assert.deepEqual((await call(platform, "/words", json({ text: "a b c" }))).json(), ["A", "B", "C"]);
    assert.equal((await call(platform, "/failing")).json(), "two is bad");
    assert.match(
      (await call(platform, "/none")).json() as string,
      /Cannot unpack: expected an array, found null/,
    );
  });
});

Deno.test("a background task runs beside the chain, which sees undefined at once; its error is logged", async () => {
  const release = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const log = keptLog();
  const slow = fn("slow", async () => {
    await release.promise;
    seen.push("background done");
    throw new Error("late trouble");
  }).background();
  const chain = webhook("chain").then(slow).then(({ data }) => ({ was: typeof data }));
  await withMemoryPlatform([chain], { log: { format: "json", write: log.write } }, async (platform) => {
    assert.deepEqual((await call(platform, "/chain")).json(), { was: "undefined" });
    assert.deepEqual(seen, []);
    release.resolve();
    await until(
      "the background error is logged",
      () => log.entries.some((e) => e.message === "Background task failed"),
    );
    assert.deepEqual(seen, ["background done"]);
  });
});

Deno.test("tasks are immutable: a shared beginning serves two chains, clone included", async () => {
  const base = fn<unknown, string>("base", () => "base");
  const left = webhook("left").then(base.then(({ data }) => `${data} left`));
  const right = webhook("right").then(base.clone().then(({ data }) => `${data} right`));
  const plain = webhook("plain").then(base);
  await withMemoryPlatform([left, right, plain], {}, async (platform) => {
    assert.equal((await call(platform, "/left")).json(), "base left");
    assert.equal((await call(platform, "/right")).json(), "base right");
    assert.equal((await call(platform, "/plain")).json(), "base");
  });
});

Deno.test("the context's methods work when taken out of it", async () => {
  const durableOne = workflow("child").then(() => "done");
  const chain = webhook("chain").then(
    async (
      { openKv, credentials, createIssue, start, workflowClient, request, destroy, activation, log },
    ) => {
      const { getVariable, setVariable } = activation;
      const { set, get } = openKv(":project:");
      const { info } = log;
      info("hello");
      await set("a", 1);
      await setVariable("v", [1]);
      const { getAccessToken } = credentials();
      const { getWorkflow, waitForCompletion } = workflowClient();
      const started = await start("child");
      const message = await waitForCompletion(
        await getWorkflow({ id: started.id } as Parameters<typeof getWorkflow>[0]),
      );
      const issue = await createIssue({ severity: "low", title: "t", message: "m" });
      const a = await get("a");
      await destroy(":project:");
      return {
        a,
        after: await get("a") ?? null,
        v: getVariable("v"),
        token: (await getAccessToken("s3")).accessToken,
        status: message.status,
        issue: issue?.title,
        method: request()?.method,
      };
    },
  );
  const connections = { s3: { auth: { type: "basic" as const, username: "u", password: "p:q" } } };
  await withPlatform([chain, durableOne], { connections }, async (platform) => {
    assert.deepEqual((await call(platform, "/chain")).json(), {
      a: 1,
      after: null,
      v: [1],
      token: btoa("u:p:q"),
      status: "completed",
      issue: "t",
      method: "POST",
    });
  });
});

Deno.test("wrong definitions are refused where they are made", () => {
  assert.throws(() => fn("x", undefined as unknown as () => number), /fn\('x'\) needs a function/);
  assert.throws(() => schedule("s", "every day"), /is no cron pattern of five fields/);
  assert.throws(() => schedule("s", "* * * * * *"), /is no cron pattern of five fields/);
  assert.throws(() => webhook("a b"), /id must consist of/);
  assert.throws(() => workflow("w", { ttl: -1 }), /ttl must be a positive number/);
  assert.throws(
    () => webhook("w").then(webhook("v").then(() => 1) as unknown as () => number),
    /a workflow cannot be part of another workflow/,
  );
});
