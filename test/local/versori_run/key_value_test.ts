import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type KeyValue, KVNotFoundError, webhook } from "@versori/run";
import type { PlatformOptionsInput } from "@versori/run/local";
import { call, withMemoryPlatform, withPlatform } from "./_platform.ts";

function withKv(options: PlatformOptionsInput, body: (kv: KeyValue) => Promise<void>): Promise<void> {
  return withMemoryPlatform([], { options }, (platform) => body(platform.openKv(":organization:")));
}

async function listAll(kv: KeyValue, prefix: string[], limit: number): Promise<string[][]> {
  const keys: string[][] = [];
  let after: string | undefined;
  do {
    const page = await kv.list(prefix, {
      selector: after === undefined ? {} : { after },
      options: { limit },
    });
    keys.push(...page.data.map((entry) => entry.key));
    after = page.pagination.nextCursor;
  } while (after !== "");
  return keys;
}

Deno.test("get answers what set stored, through JSON; a key is the same as text and as segments", async () => {
  await withKv({}, async (kv) => {
    await kv.set("a/b", { at: new Date(0), n: 1 });
    assert.deepEqual(await kv.get(["a", "b"]), { at: "1970-01-01T00:00:00.000Z", n: 1 });
    await kv.set(["a", "b"], null);
    assert.equal(await kv.get("a/b"), null);
    await kv.delete("a/b");
    await kv.delete("a/b");
    assert.equal(await kv.get("a/b"), undefined);
    assert.equal(await kv.get("a/b", { defaultValue: 7 }), 7);
    await assert.rejects(kv.get("a/b", { throwOnNotFound: true }), KVNotFoundError);
  });
});

Deno.test("keys outside the platform's alphabet are refused as invalid key", async () => {
  await withKv({ kvMaxKeyBytes: 20 }, async (kv) => {
    for (const key of ["", "a:b", "a b", "a/", "/a", "a//b", "ü", "a(b)", ".a", "a.", ["a", ""], [], "a\n"]) {
      await assert.rejects(kv.set(key, 1), /^TypeError: invalid key/, JSON.stringify(key));
      await assert.rejects(kv.get(key), /^TypeError: invalid key/, JSON.stringify(key));
    }
    await kv.set("A-z_0=9.x/y", 1);
    await assert.rejects(kv.set("x".repeat(21), 1), /invalid key: 21 bytes, allowed are 20/);
    await assert.rejects(kv.list(["a:b"]), /invalid key/);
  });
});

Deno.test("values that JSON cannot carry and values above the limit are refused", async () => {
  await withKv({ kvMaxValueBytes: 10 }, async (kv) => {
    await assert.rejects(kv.set("a", undefined), /value of key 'a'.*JSON cannot carry a undefined/);
    await assert.rejects(kv.set("a", 1n), /JSON cannot carry it/);
    await kv.set("a", "12345678");
    await assert.rejects(kv.set("a", "123456789"), /is 11 bytes of JSON, allowed are 10/);
    await assert.rejects(kv.set("a", "üüüüü"), /is 12 bytes of JSON/);
    assert.equal(await kv.get("a"), "12345678");
  });
});

Deno.test("list answers the newest first, keys with the scope's prefix and values as JSON text; options turn both", async () => {
  await withKv({}, async (kv) => {
    for (const name of ["b", "a", "c"]) await kv.set(["orders", name], { name });
    await kv.set("orders2/x", 1);
    await kv.set("order", 1);
    const { data, pagination } = await kv.list(["orders"]);
    assert.deepEqual(data.map(({ key, value }) => [key.join("/"), value]), [
      ["local-organisation/orders/c", '{"name":"c"}'],
      ["local-organisation/orders/a", '{"name":"a"}'],
      ["local-organisation/orders/b", '{"name":"b"}'],
    ]);
    assert.deepEqual(pagination, { nextCursor: "", prevCursor: "" });
    assert.ok(!Number.isNaN(Date.parse(data[0]!.createdAt)));
    assert.equal(new Set(data.map((entry) => entry.versionstamp)).size, 3);
    assert.deepEqual(await kv.count(["orders"]), { count: 3 });
    assert.deepEqual(await kv.count([]), { count: 5 });
    const reversed = await kv.list(["orders"], { options: { reverse: true } });
    assert.deepEqual(reversed.data.map((entry) => entry.key.at(-1)), ["b", "a", "c"]);
  });
  await withKv({ listKeysIncludeScopePrefix: false, listValuesParsed: true }, async (kv) => {
    await kv.set("a/b", [1]);
    assert.deepEqual((await kv.list([])).data.map(({ key, value }) => [key, value]), [[["a", "b"], [1]]]);
  });
});

Deno.test("pages hold at most 100 entries and meet without gap or repetition in both directions", async () => {
  await withKv({ listKeysIncludeScopePrefix: false }, async (kv) => {
    for (let n = 0; n < 250; n++) await kv.set(["n", String(n)], n);
    const newestFirst = Array.from({ length: 250 }, (_, n) => ["n", String(249 - n)]);
    assert.equal((await kv.list(["n"])).data.length, 100);
    for (const limit of [100, 50, 7]) assert.deepEqual(await listAll(kv, ["n"], limit), newestFirst);

    const first = await kv.list(["n"], { options: { limit: 100 } });
    assert.equal(first.pagination.prevCursor, "");
    const second = await kv.list(["n"], {
      selector: { after: first.pagination.nextCursor },
      options: { limit: 100 },
    });
    const back = await kv.list(["n"], {
      selector: { before: second.pagination.prevCursor },
      options: { limit: 60 },
    });
    assert.deepEqual(back.data.map((entry) => entry.key), newestFirst.slice(40, 100));
    assert.notEqual(back.pagination.prevCursor, "");

    const old = await kv.list(["n"], { options: { limit: 100, reverse: true } });
    const older = await kv.list(["n"], {
      selector: { after: old.pagination.nextCursor },
      options: { limit: 10, reverse: true },
    });
    assert.deepEqual(
      older.data.map((entry) => entry.key[1]),
      Array.from({ length: 10 }, (_, n) => String(100 + n)),
    );
  });
});

Deno.test("a list request beyond the platform's rules is an error", async () => {
  await withKv({}, async (kv) => {
    await kv.set("a", 1);
    for (const limit of [0, 101, 1.5]) {
      await assert.rejects(kv.list([], { options: { limit } }), /limit must be a whole number from 1 to 100/);
    }
    await assert.rejects(kv.list([], { selector: { after: "a" } }), /500 Internal Server Error/);
    await assert.rejects(kv.list([], { selector: { prefix: ["b"] } }), /contradicts the prefix argument/);
    await assert.rejects(kv.list([], { selector: { filter: { metadata: {} } } }), /Cannot list by metadata/);
    await assert.rejects(kv.list("a" as unknown as string[]), /prefix must be an array/);
  });
});

Deno.test("whether an update moves an entry to the front is an option", async () => {
  for (const updateMovesToFront of [true, false]) {
    await withKv({ updateMovesToFront, listKeysIncludeScopePrefix: false }, async (kv) => {
      await kv.set("a", 1);
      await kv.set("b", 1);
      const [, before] = (await kv.list([])).data;
      await kv.set("a", 2);
      const { data } = await kv.list([]);
      assert.deepEqual(data.map((entry) => entry.key[0]), updateMovesToFront ? ["a", "b"] : ["b", "a"]);
      const after = data.find((entry) => entry.key[0] === "a")!;
      assert.notEqual(after.versionstamp, before!.versionstamp);
      assert.equal(after.createdAt, before!.createdAt);
    });
  }
});

Deno.test("created-at filters cut the list by age", async () => {
  await withKv({ listKeysIncludeScopePrefix: false }, async (kv) => {
    await kv.set("a", 1);
    const past = "2000-01-01T00:00:00Z";
    const count = async (filter: { createdAfter?: string; createdBefore?: string }) =>
      (await kv.list([], { selector: { filter } })).data.length;
    assert.equal(await count({ createdAfter: past }), 1);
    assert.equal(await count({ createdBefore: past }), 0);
    await assert.rejects(kv.list([], { selector: { filter: { createdAfter: "soon" } } }), /is no time/);
  });
});

Deno.test("scopes have the platform's stores and prefixes: workspace contains project and user", async () => {
  let activationId = "";
  const hook = webhook("hook").then(async ({ openKv, activation, executionId }) => {
    if (activation.user.externalId === "ann") activationId = activation.id;
    for (const scope of [":organization:", ":workspace:", ":project:", ":user:", ":execution:"] as const) {
      await openKv(scope).set(`from-${activation.user.externalId}`, scope);
    }
    const { data } = await openKv(":execution:").list([]);
    return { executionId, execution: data.map((entry) => entry.key) };
  });
  const config = { organisationId: "org", projectId: "prj", environment: "test", users: { ann: {} } };
  await withPlatform([hook], config, async (platform) => {
    await call(platform, "/hook");
    const { executionId, execution } = (await call(platform, "/hook/users/ann")).json() as {
      executionId: string;
      execution: string[][];
    };
    assert.deepEqual(execution, [["org", "prj", "test", executionId, "from-ann"]]);
    const keys = async (
      scope: ":organization:" | ":workspace:" | ":project:" | ":user:",
      externalId = "ann",
    ) =>
      (await platform.openKv(scope, { externalId }).list([])).data.map((entry) => entry.key.join("/")).sort();
    const user = createHash("sha256").update("ann").digest("hex");
    assert.deepEqual(await keys(":project:"), [`org/prj/test/${activationId}/from-ann`]);
    assert.deepEqual(await keys(":user:"), [`org/prj/test/${user}/from-ann`]);
    assert.deepEqual(await keys(":organization:"), ["org/from-ann", "org/from-static"]);
    assert.equal((await keys(":workspace:")).length, 6);
    assert.equal(await platform.openKv(":project:").get("from-ann"), undefined);
    assert.equal(await platform.openKv(":workspace:").get([activationId, "from-ann"]), ":project:");
  });
});

Deno.test("the default scope, what destroy removes and how long execution data live are options", async () => {
  const hook = webhook("hook").then(async ({ openKv, destroy }) => {
    const unscoped = await Promise.try(() => openKv().set("unscoped", 1)).then(
      () => "stored",
      (e) => e.message,
    );
    await openKv(":execution:").set("x", 1);
    await openKv(":workspace:").set("test/x", 1);
    await destroy(":project:");
    return unscoped;
  });
  await withPlatform([hook], {}, async (platform) => {
    assert.equal((await call(platform, "/hook")).json(), "stored");
    assert.deepEqual(await platform.openKv(":workspace:").count([]), { count: 0 });
  });
  const options = { kvDefaultScope: "refused" as const, destroyRemoves: "scope" as const };
  await withPlatform([hook], { options }, async (platform) => {
    assert.match((await call(platform, "/hook")).json() as string, /openKv\(\) needs a scope/);
    assert.deepEqual(await platform.openKv(":workspace:").count([]), { count: 1 });
  });
  let executionId = "";
  const keeper = webhook("hook").then((ctx) => {
    executionId = ctx.executionId;
    return ctx.openKv(":execution:").set("x", 1);
  });
  for (const executionScopeRetention of ["run", "execution", "kept"] as const) {
    await withPlatform([keeper], { options: { executionScopeRetention } }, async (platform) => {
      await call(platform, "/hook");
      await platform.waitForIdle();
      const left = await platform.openKv(":execution:", { executionId }).count([]);
      assert.equal(left.count, executionScopeRetention === "kept" ? 1 : 0, executionScopeRetention);
    });
  }
});
