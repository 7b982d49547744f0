import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConnectorError } from "../../lib/base/mod.ts";
import { readSettings } from "../../lib/config/mod.ts";
import { createClient } from "../../lib/fluent/mod.ts";
import {
  type Check,
  checkFluent,
  checkStore,
  checkVariables,
  checkWebhooks,
} from "../../local/doctor/mod.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";

const VARIABLES: Record<string, unknown> = { s3BucketName: "stock", fluentRetailerId: "7" };
const SETTINGS = readSettings((name) => VARIABLES[name]);

const failures = (checks: readonly Check[]) => checks.filter(({ ok }) => !ok).map(({ name }) => name);

Deno.test("variables in order name the feeds and their schedules; wrong ones are named", async () => {
  const feeds = { corrections: { s3Prefix: "c/", schedule: "*/15 * * * *" } };
  const good = await checkVariables({ ...VARIABLES, feeds });
  assert.deepEqual(good.check, {
    name: "variables",
    ok: true,
    found: "all can be used; feeds inventory, corrections (*/15 * * * * UTC)",
  });
  const bad = await checkVariables({ s3BucketName: "stock" });
  assert.equal(bad.check.ok, false);
  assert.match(bad.check.found, /'fluentRetailerId' is missing; set it on the activation\. .*--variables/);
});

Deno.test("a store that can do everything is left as it was", async () => {
  const store = new MemoryObjectStore({ bucket: "stock" });
  await store.uploadFile("inventory/incoming/a.csv", "sku");
  const checks = await checkStore(store, SETTINGS, "1");
  assert.deepEqual(failures(checks), []);
  assert.deepEqual(checks.map(({ name }) => name), ["S3 list", "S3 put", "S3 get", "S3 copy", "S3 delete"]);
  assert.equal(checks[0]!.found, "1 object below s3://stock/inventory/incoming/");
  const keys: string[] = [];
  for await (const { key } of store.listObjects()) keys.push(key);
  assert.deepEqual(keys, ["inventory/incoming/a.csv"]);
});

Deno.test("a store declared to create an object only once is taken at its word only if it does", async () => {
  const store = new MemoryObjectStore({ bucket: "stock", conditionalPut: true });
  assert.deepEqual((await checkStore(store, SETTINGS, "1"))[2], {
    name: "S3 conditional put",
    ok: true,
    found: "an object is created only once",
  });
  const upload = store.uploadFile.bind(store);
  Object.defineProperty(store, "uploadFile", {
    value: (key: string, body: string) => upload(key, body),
  });
  assert.deepEqual((await checkStore(store, SETTINGS, "2"))[2], {
    name: "S3 conditional put",
    ok: false,
    found: "The store replaced an object it was asked to create only if there is none. " +
      "Set the variable s3ConditionalPut to no",
  });
});

for (
  const [method, failed, permission] of [
    ["listObjects", ["S3 list"], "s3:ListBucket"],
    ["uploadFile", ["S3 put"], "s3:PutObject"],
    ["openFile", ["S3 get"], "s3:GetObject"],
    ["copyFile", ["S3 copy"], "s3:GetObject and s3:PutObject"],
    ["deleteFile", ["S3 delete"], "s3:DeleteObject"],
  ] as const
) {
  Deno.test(`a key that may not ${method} is told which permission it lacks`, async () => {
    const store = new MemoryObjectStore({ bucket: "stock" });
    Object.defineProperty(store, method, {
      value: () => {
        throw new ConnectorError("Access denied", { code: "s3-access-denied", retry: "never" });
      },
    });
    const checks = await checkStore(store, SETTINGS, "1");
    assert.deepEqual(failures(checks), [...failed]);
    const { found } = checks.find(({ ok }) => !ok)!;
    assert.ok(found.startsWith(`Access denied. Allow ${permission} on s3://stock/*`), found);
  });
}

/** A Fluent that answers by path. */
function fluent(answers: Record<string, [status: number, body: unknown]>) {
  return createClient({
    config: { baseUrl: "https://fluent.example", clientId: "id", clientSecret: "sesame" },
  }, {
    attempts: 1,
    fetch: (url: string | URL | Request) => {
      const path = new URL(String(url instanceof Request ? url.url : url)).pathname;
      const [status, body] = answers[path] ?? [404, { message: "not found" }];
      return Promise.resolve(Response.json(body, { status }));
    },
  });
}
const TOKEN = [200, { access_token: "t", token_type: "bearer", expires_in: 3600 }] as [number, unknown];

Deno.test("an account in order: token, permission, and the retailer where the account says it", async () => {
  const silent = await checkFluent(fluent({ "/oauth/token": TOKEN }), SETTINGS);
  assert.deepEqual(failures(silent), []);
  assert.equal(silent[2]!.found, "7; this account does not say whether there is one");
  const telling = await checkFluent(
    fluent({ "/oauth/token": TOKEN, "/graphql": [200, { data: { retailer: { id: "7" } } }] }),
    SETTINGS,
  );
  assert.equal(telling[2]!.found, "7");
});

Deno.test("wrong credentials, a missing permission and a wrong retailer are each told with what to do", async () => {
  const stranger = await checkFluent(
    fluent({ "/oauth/token": [401, { error: "invalid_client" }] }),
    SETTINGS,
  );
  assert.deepEqual(failures(stranger), ["Fluent token"]);
  assert.match(stranger[0]!.found, /Look at FLUENT_CLIENT_ID, FLUENT_CLIENT_SECRET/);
  assert.ok(!stranger[0]!.found.includes("sesame"));

  const powerless = await checkFluent(
    fluent({ "/oauth/token": TOKEN, "/api/v4.1/job/0": [403, { message: "forbidden" }] }),
    SETTINGS,
  );
  assert.deepEqual(failures(powerless), ["Fluent permission"]);
  assert.match(powerless[1]!.found, /Give the user the permission to create and view jobs/);

  const lost = await checkFluent(
    fluent({ "/oauth/token": TOKEN, "/graphql": [200, { data: { retailer: null } }] }),
    SETTINGS,
  );
  assert.deepEqual(failures(lost), ["Fluent retailer"]);
  assert.equal(
    lost[2]!.found,
    "There is no retailer 7. Set the variable fluentRetailerId to the number of a retailer of this account",
  );
});

Deno.test("a webhook that lets a stranger in is not in order", async () => {
  const answering = (status: number) =>
    (() => Promise.resolve(new Response(null, { status }))) as typeof fetch;
  const webhooks = [{ id: "job-status", method: "all" }];
  assert.deepEqual(failures(await checkWebhooks("https://x.example/env", webhooks, answering(403))), []);
  const [open] = await checkWebhooks("https://x.example", webhooks, answering(200));
  assert.equal(open!.ok, false);
  assert.match(open!.found, /^Answered 200 and 200 to callers without the right key; expected 401 or 403/);
});

Deno.test("deno task doctor looks at everything, says what to do, and its exit code tells", async () => {
  const folder = await mkdtemp(join(tmpdir(), "doctor-"));
  try {
    const sample = join(folder, "s.csv");
    await writeFile(sample, "sku,location,qty\nA,L,1\nB,L,x\n");
    const variables = join(folder, "variables.json");
    await writeFile(
      variables,
      JSON.stringify({ rejectLimit: "60%", feeds: { other: { s3Prefix: "other/" } } }),
    );
    const run = async (...args: string[]) => {
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["task", "--quiet", "doctor", ...args],
        cwd: fileURLToPath(new URL("../../", import.meta.url)),
        env: { NO_COLOR: "1" },
      }).output();
      return { code, out: new TextDecoder().decode(stdout) };
    };
    const good = await run("--variables", variables, "--sample", sample, "--json");
    const { ok, checks } = JSON.parse(good.out) as { ok: boolean; checks: Check[] };
    assert.deepEqual({ code: good.code, ok, failed: failures(checks) }, { code: 0, ok: true, failed: [] });
    assert.match(
      checks.find(({ name }) => name === "mapping of feed inventory")!.found,
      /1 of 2 rows of '.*s\.csv' would be sent, 1 rejected/,
    );
    const names = checks.map(({ name }) => name);
    for (const name of ["S3 delete, feed other", "mapping of feed other", "webhook inventory-adhoc"]) {
      assert.ok(names.includes(name), name);
    }
    const bad = await run("--sample", sample);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /FAIL {2}mapping of feed inventory +'.*' would be held: /);
    assert.match(bad.out, /\n1 of \d+ need attention\.\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
