import assert from "node:assert/strict";
import { durable, MemoryInterpreter, webhook, workflow } from "@versori/run";
import * as sdk from "@versori/run";
import { configurePlatform, localPlatform, optionsSchema } from "@versori/run/local";
import {
  call,
  keptLog,
  startPlatform,
  testConfig,
  withMemoryPlatform,
  withPlatform,
  withTempDir,
} from "./_platform.ts";

Deno.test("the SDK's door opens on its documented values and nothing else", () => {
  assert.deepEqual(Object.keys(sdk).sort(), [
    "ExecutionError",
    "KVNotFoundError",
    "MemoryInterpreter",
    "durable",
    "fn",
    "http",
    "schedule",
    "webhook",
    "workflow",
  ]);
  assert.deepEqual(Object.keys(sdk.durable), ["DurableInterpreter"]);
});

Deno.test("configuration errors name every wrong key and show no value", () => {
  const configure = (config: unknown) => () =>
    configurePlatform(config as Parameters<typeof configurePlatform>[0]);
  assert.throws(configure({ stateDirectory: "x" }), /stateDirectory/);
  assert.throws(configure({ options: { defaultTtlSeconds: -1 } }), /options\.defaultTtlSeconds: /);
  assert.throws(configure({ options: { retryBackoff: { factor: 0 } } }), /options\.retryBackoff\.factor: /);
  assert.throws(configure({ log: { level: "loud" } }), /log\.level: /);
  assert.throws(
    configure({ roles: { http: false } }),
    /publicUrl: needed by a scheduler that runs without the http role/,
  );
  assert.throws(
    configure({ users: { ann: { connections: { s: {} } } } }),
    /users\.ann\.connections\.s\.auth: /,
  );
  const secret = { connections: { s: { auth: { type: "apiKey", key: 12345678 } } } };
  assert.throws(
    configure(secret),
    (error: Error) => /connections\.s\.auth\.key: /.test(error.message) && !/12345678/.test(error.message),
  );
});

Deno.test("the defaults of the options are the pessimistic answers", () => {
  const options = optionsSchema.parse({});
  assert.equal(options.triggerTimeoutMs, 30_000);
  assert.equal(options.triggerRunOutlivesTimeout, true);
  assert.equal(options.defaultMaxAttempts, 10);
  assert.equal(options.rescheduleConsumesAttempt, true);
  assert.equal(options.timedOutAttemptKeepsRunning, true);
  assert.equal(options.limitScope, "process");
  assert.equal(options.listKeysIncludeScopePrefix, true);
  assert.equal(options.listValuesParsed, false);
  assert.equal(options.updateMovesToFront, true);
  assert.equal(options.executionScopeRetention, "run");
  assert.equal(options.fetchRetriesAfter401, false);
  assert.equal(options.scheduleOverlap, "allowed");
  assert.equal(options.scheduleCatchUp, "none");
  assert.equal(options.scheduleRetries, 0);
  assert.equal(options.staticUserConnectionVariables, false);
});

Deno.test("log entries are JSON with the automatic fields, child fields and readable errors", async () => {
  const log = keptLog();
  const hook = webhook("hook").then(({ log, executionId, activation }) => {
    const circular: Record<string, unknown> = { n: 1n };
    circular["self"] = circular;
    log.child({ file: "a.csv" }).child({ step: "inspect" }).info("Inspected", {
      rows: 3,
      executionId: "not mine",
    });
    log.debug("unseen");
    log.warn("Odd", {
      error: new Error("outer", { cause: new TypeError("inner") }),
      circular,
      twice: [activation.user, activation.user],
    });
    return { executionId, activationId: activation.id };
  });
  await withMemoryPlatform([hook], { log: { format: "json", write: log.write } }, async (platform) => {
    const ids = (await call(platform, "/hook")).json() as Record<string, string>;
    const [, inspected, odd] = log.entries;
    assert.deepEqual(inspected!.fields, {
      rows: 3,
      file: "a.csv",
      step: "inspect",
      externalUserId: "static",
      ...ids,
    });
    assert.deepEqual([inspected!.severity, inspected!.message], ["info", "Inspected"]);
    assert.ok(!Number.isNaN(Date.parse(inspected!.timestamp)));
    const error = odd!.fields["error"] as { message: string; cause: { name: string; message: string } };
    assert.deepEqual([error.message, error.cause.name, error.cause.message], ["outer", "TypeError", "inner"]);
    assert.deepEqual(odd!.fields["circular"], { n: "1", self: "[circular]" });
    assert.equal((odd!.fields["twice"] as { externalId: string }[])[1]!.externalId, "static");
    assert.equal(log.entries.length, 3);
  });
});

Deno.test("pretty log lines are readable and leave out what is undefined", async () => {
  const lines: string[] = [];
  const hook = webhook("hook").then(({ log }) =>
    log.info("Inspected", { rows: 3, file: "a.csv", none: undefined })
  );
  await withMemoryPlatform(
    [hook],
    { log: { format: "pretty", write: (line) => lines.push(line) } },
    async (platform) => {
      await call(platform, "/hook");
      // deno-lint-ignore no-control-regex -- colours are taken off
      const plain = lines[1]!.replaceAll(/\x1b\[\d+m/g, "");
      assert.match(plain, /^\d\d:\d\d:\d\d\.\d{3} info {2}Inspected rows=3 file=a\.csv executionId=/);
    },
  );
});

Deno.test("issues of the same severity and title are counted while open, and open anew once resolved", async () => {
  const hook = webhook("hook").then(async ({ createIssue }) => {
    const issue = {
      severity: "medium" as const,
      title: "Held",
      message: "file held",
      annotations: { file: "a.csv" },
    };
    const first = await createIssue(issue);
    await createIssue({ ...issue, message: "again" });
    await createIssue({ ...issue, severity: "low" });
    await createIssue(issue, { deduplicate: false });
    await createIssue({ ...issue, title: "Other" }, { duplicationKey: "k" });
    await createIssue({ ...issue, title: "Another" }, { duplicationKey: "k" });
    const wrong = await createIssue({ ...issue, severity: "urgent" as "low" }).catch((error) =>
      error.message
    );
    return { id: first!.id, wrong };
  });
  await withPlatform([hook], {}, async (platform) => {
    const { id, wrong } = (await call(platform, "/hook")).json() as { id: string; wrong: string };
    assert.match(wrong, /severity must be one of low, medium, high, critical/);
    const summary = () => platform.issues().map((issue) => `${issue.severity} ${issue.title} ${issue.count}`);
    assert.deepEqual(summary().sort(), ["low Held 1", "medium Held 1", "medium Held 2", "medium Other 2"]);
    assert.deepEqual(platform.issues().find((issue) => issue.id === id)!.annotations, { file: "a.csv" });
    platform.setIssueStatus(id, "acked");
    await call(platform, "/hook");
    assert.equal(platform.issues().find((issue) => issue.id === id)!.count, 4);
    platform.setIssueStatus(id, "resolved");
    await call(platform, "/hook");
    assert.equal(
      platform.issues().filter((issue) => issue.title === "Held" && issue.status === "open").length,
      5,
    );
  });
});

Deno.test("an error raises an issue before the workflow's catch runs: high for an Error, low for anything else", async () => {
  const order: string[] = [];
  const thrower = (id: string, thrown: unknown) =>
    webhook(id).then(() => {
      throw thrown;
    }).catch(({ data }) => {
      order.push(`catch ${data.message}`);
    });
  const nested = webhook("nested").then(
    sdk.fn("inner", () => Promise.reject(new Error("inside"))).catch(() => "handled within"),
  );
  const unhandled = webhook("unhandled").then(() => Promise.reject(new Error("nobody catches")));
  const onEvent = (event: { type: string }) => event.type === "issueRaised" && order.push("issue");
  await withPlatform(
    [thrower("error", new Error("a")), thrower("text", "b"), nested, unhandled],
    { onEvent },
    async (platform) => {
      for (const id of ["error", "text", "nested", "unhandled"]) await call(platform, `/${id}`);
      assert.deepEqual(order, ["issue", "catch a", "issue", "catch b", "issue"]);
      assert.deepEqual(platform.issues().map((issue) => [issue.severity, issue.title, issue.message]), [
        ["high", "Workflow error failed", "a"],
        ["low", "Workflow text failed", "b"],
        ["high", "Workflow unhandled failed", "nobody catches"],
      ]);
    },
  );
  await withMemoryPlatform([thrower("error", new Error("a"))], {}, async (platform) => {
    await call(platform, "/error");
    assert.deepEqual(platform.issues(), []);
  });
});

Deno.test("state outlives the process: KV, variables, issues and messages are there after a restart", async () => {
  const hook = webhook("hook").then(async ({ openKv, activation, createIssue, start }) => {
    await openKv(":project:").set("test/a", 1);
    await activation.setVariable("v", "stored");
    await createIssue({ severity: "low", title: "t", message: "m" });
    await start("work");
  });
  const read = webhook("read").then(({ activation }) => activation.getVariable("v"));
  const work = workflow("work").then(() => 1);
  await withTempDir(async (dir) => {
    const before = await startPlatform(dir, [hook, work]);
    await call(before, "/hook");
    await before.waitForIdle();
    await before.stop();
    const after = await startPlatform(dir, [read, work], { variables: { v: "configured" } });
    assert.equal(await after.openKv(":project:").get("test/a"), 1);
    assert.equal((await call(after, "/read")).json(), "stored");
    assert.equal(after.issues().length, 1);
    assert.equal(after.queue.list()[0]!.status, "completed");
    await after.stop();
    const elsewhere = await startPlatform(dir, [read], { environment: "other" });
    assert.equal(await elsewhere.openKv(":project:").get("test/a"), undefined);
    assert.deepEqual([elsewhere.issues(), elsewhere.queue.list()], [[], []]);
    await elsewhere.stop();
  });
});

Deno.test("a port that is taken is an error that names it", async () => {
  await withMemoryPlatform([], {}, async (platform) => {
    configurePlatform({ ...testConfig("unused"), port: platform.port });
    const second = await MemoryInterpreter.newInstance();
    await assert.rejects(second.start(), new RegExp(`Cannot open port ${platform.port} on 127.0.0.1`));
  });
});

Deno.test("a state folder of another schema is refused", async () => {
  await withTempDir(async (dir) => {
    await (await startPlatform(dir, [])).stop();
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(`${dir}/platform.sqlite`);
    database.exec("PRAGMA user_version = 99");
    database.close();
    configurePlatform(testConfig(dir));
    await assert.rejects(durable.DurableInterpreter.newInstance(), /its schema is version 99, expected 1/);
  });
});

Deno.test("waitForIdle ends with the signal's reason, and without a port url is an error", async () => {
  await withTempDir(async (dir) => {
    const never = workflow("work").then(() => 1);
    const start = webhook("start").then(async (ctx) => (await ctx.start("work")).id);
    const platform = await startPlatform(dir, [start, never], { roles: { worker: false } });
    await call(platform, "/start");
    const reason = new Error("enough");
    await assert.rejects(platform.waitForIdle({ signal: AbortSignal.abort(reason) }), reason);
    await platform.waitForIdle({ group: "other" });
    await platform.stop();
    configurePlatform({ ...testConfig(dir), roles: { http: false, scheduler: false } });
    const headless = await durable.DurableInterpreter.newInstance();
    await headless.start();
    assert.throws(() => localPlatform(headless).url, /has no port/);
    await localPlatform(headless).stop();
    await localPlatform(headless).stop();
  });
});
