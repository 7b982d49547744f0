import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configurePlatform, localPlatform } from "@versori/run/local";
import { readFeeds } from "../../lib/config/mod.ts";
import { discoverFeeds, type IngestPorts, ingestState, runSlice } from "../../lib/ingest/mod.ts";
import { loadMapping } from "../../lib/mapping/mod.ts";
import { S3DataSource } from "../../lib/s3/mod.ts";
import { localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { startS3Server } from "../../local/s3/mod.ts";
import { main } from "../../workflows/index.ts";
import { Desk } from "../docs/_desk.ts";
import { World } from "../ingest/world.ts";
import { startFauxqsBucket } from "../s3/fauxqs_store.ts";

const TEXT = await readFile(new URL("../../docs/extending.md", import.meta.url), "utf8");

/** A code block of the recipes, by what follows its language: ```json mapping=german. */
function block(name: string): string {
  const found = new RegExp(`\`\`\`\\w+ ${name}\n(.*?)\`\`\``, "s").exec(TEXT)?.[1];
  assert.ok(found !== undefined, `docs/extending.md shows ${name}`);
  return found;
}

/** A world that reads mappings from the recipes. */
class RecipeWorld extends World {
  override get ports(): IngestPorts {
    const ports = super.ports;
    return {
      ...ports,
      loadMapping: (name) =>
        TEXT.includes(`mapping=${name}\n`)
          ? Promise.resolve(loadMapping(block(`mapping=${name}`), name))
          : ports.loadMapping(name),
    };
  }
}

Deno.test("recipe: another column order and language of headers", async () => {
  const world = new RecipeWorld();
  world.variables["mapping"] = "german";
  const { job } = await world.ingest("bestand.csv", block("sample=german"));
  assert.equal(job.status, "completed");
  assert.deepEqual([...world.fluent.stock()], [["L1|A-1", 7]]);
});

Deno.test("recipe: windows-1252 and semicolons", async () => {
  const world = new RecipeWorld();
  world.variables["csvEncoding"] = "windows-1252";
  // In windows-1252 0xFC is ü; as UTF-8 it is nothing.
  const bytes = Uint8Array.from([..."sku;location;qty\nM\u00fctze;L1;3\n"].map((c) => c.charCodeAt(0)));
  const { job } = await world.ingest("alt.csv", bytes);
  assert.equal(job.status, "completed");
  assert.deepEqual([...world.fluent.stock()], [["L1|M\u00fctze", 3]]);
});

Deno.test("recipe: a custom resolver", async () => {
  await using desk = await Desk.open();
  await writeFile(
    join(desk.clone, "workflows/custom_resolvers.ts"),
    block("file=workflows/custom_resolvers.ts"),
  );
  await writeFile(join(desk.clone, "mappings/boxed.json"), block("mapping=boxed"));
  await writeFile(join(desk.clone, "boxes.csv"), "sku,location,boxes\nA,L1,2\nB,L1,half\n");
  const { said, typed } = await desk.type("deno task preview boxes.csv --mapping boxed --json");
  assert.deepEqual(typed.map(({ code }) => code), [4], said);
  const { rows } = JSON.parse(said.split("\n").find((line) => line.startsWith("{"))!);
  assert.deepEqual([rows.sendable, rows.rejected], [1, 1]);
  const sent = await desk.type(
    desk.fill(`export FLUENT_CLIENT_ID=… FLUENT_CLIENT_SECRET=… FLUENT_RETAILER_ID=1
deno task ingest boxes.csv --mapping boxed --reject-limit 50% --fluent-url ${desk.fluent.url}`),
  );
  assert.deepEqual(sent.typed.map(({ code }) => code), [3], sent.said);
  assert.deepEqual([...desk.fluent.stock()], [["A\u0000L1", 24]]);
});

Deno.test("recipe: another workflow is declared, packaged, refused to strangers and answers", async () => {
  await using desk = await Desk.open();
  const edit = async (file: string, change: (text: string) => string) => {
    const before = await readFile(join(desk.clone, file), "utf8");
    const after = change(before);
    assert.notEqual(after, before, file);
    await writeFile(join(desk.clone, file), after);
  };
  await writeFile(join(desk.clone, "workflows/feed_list.ts"), block("file=workflows/feed_list.ts"));
  await edit(
    "workflows/index.ts",
    (text) =>
      text.replace("import { jobStatus }", 'import { feedList } from "./feed_list.ts";\nimport { jobStatus }')
        .replace("WORKFLOWS = [", "WORKFLOWS = [\n  feedList,"),
  );
  const declared = block("section=webhooks").replaceAll(/^(?=.)/gm, "  ");
  await edit("versori.yaml", (text) => text.replace(/^webhooks:\n/m, (line) => line + declared));
  const { ok, said, typed } = await desk.type("deno task docs\ndeno task doctor\ndeno task package");
  assert.ok(ok, said);
  assert.deepEqual(typed.map(({ code }) => code), [0, 0, 0], said);
  assert.match(said, /OK +webhook feed-list +refuses callers without the right key/);
  const reference = await readFile(join(desk.clone, "docs/reference.md"), "utf8");
  assert.match(reference, /\| `feed-list` +\| GET +\| inventory_webhooks +\| Lists the feeds\. +\|/);
  assert.match(
    await readFile(join(desk.clone, "package-out/src/workflows/feed_list.ts"), "utf8"),
    /feed-list/,
  );

  const connector = await desk.serve({ feeds: block("feeds=corrections") });
  try {
    const answer = await fetch(`${connector.url}/feed-list`, { headers: { "x-api-key": connector.apiKey } });
    assert.deepEqual(await answer.json(), {
      feeds: [
        { name: "inventory", prefix: "inventory/incoming/" },
        { name: "corrections", prefix: "inventory/corrections/" },
      ],
    });
  } finally {
    await connector.stop();
  }
});

/** Looks into all feeds of a schedule's kind and works until everything is done. */
async function runFeeds(world: World, scheduled: boolean): Promise<string[]> {
  const feeds = readFeeds((name) => world.variables[name]);
  const of = (name: string) => {
    const { settings } = feeds.find((feed) => feed.name === name)!;
    return { settings, ports: world.ports, state: ingestState(world.ports, settings) };
  };
  const requests: Parameters<typeof runSlice>[0][] = [];
  await discoverFeeds(
    { triggeredBy: "schedule", wanted: ({ schedule }) => (schedule !== undefined) === scheduled },
    feeds,
    { of, start: (request) => Promise.resolve(void requests.push(request)) },
  );
  for (const request of requests) {
    const { settings, ports, state } = of(request.feed);
    for (let attempt = 1; attempt < 100; attempt++) {
      const outcome = await runSlice(request, { run: request.jobId, attempt }, settings, ports, state);
      if (outcome.kind !== "again") break;
      world.clock.advance(outcome.afterMs);
    }
  }
  return requests.map(({ feed, file }) => `${feed}: ${file.key}`);
}

Deno.test("recipe: another feed, with a prefix, a pattern and a schedule of its own", async () => {
  const world = new RecipeWorld();
  world.variables["feeds"] = block("feeds=corrections");
  await world.store.uploadFile("inventory/incoming/full.csv", "sku,location,qty\nA,L1,1\n");
  await world.store.uploadFile("inventory/corrections/corrections_1.csv", "sku,location,qty\nB,L1,2\n");
  await world.store.uploadFile("inventory/corrections/readme.csv", "not stock");
  assert.deepEqual(await runFeeds(world, false), ["inventory: inventory/incoming/full.csv"]);
  assert.deepEqual(await runFeeds(world, true), ["corrections: inventory/corrections/corrections_1.csv"]);
  assert.deepEqual([...world.fluent.stock()].sort(), [["L1|A", 1], ["L1|B", 2]]);
  assert.deepEqual((await world.keys("inventory/")).filter((key) => key.endsWith("readme.csv")).length, 1);
});

Deno.test("recipe: a delta feed keeps Fluent's pre-processing skipped, whatever the default is", async () => {
  const world = new RecipeWorld();
  world.variables["fluentPreprocessing"] = "enabled";
  world.variables["feeds"] = block("feeds=delta");
  await world.store.uploadFile("inventory/incoming/full.csv", "sku,location,qty\nA,L1,1\n");
  await world.store.uploadFile("inventory/delta/changes.csv", "sku,location,qty\nA,L1,2\n");
  assert.equal((await runFeeds(world, false)).length, 2);
  assert.deepEqual(
    world.fluent.metas.map((meta) => (meta as { preprocessing?: string } | undefined)?.preprocessing).sort(),
    ["enabled", "skip"],
  );
  assert.deepEqual([...world.fluent.stock()], [["L1|A", 2]]);
});

Deno.test("recipe: a store of another maker that speaks S3, from the doctor to the archive", async () => {
  const bucket = await startFauxqsBucket("my-bucket");
  await using desk = await Desk.open();
  try {
    const { accessKeyId, secretAccessKey } = bucket.config.s3Config;
    const keys = { AWS_ACCESS_KEY_ID: accessKeyId!, AWS_SECRET_ACCESS_KEY: secretAccessKey! };
    const store = bucket.source();
    await store.uploadFile("stock/today.csv", "sku,location,qty\nA,L1,1\n");
    await writeFile(join(desk.clone, "variables.json"), JSON.stringify({ s3BucketName: "my-bucket" }));
    const { said, typed } = await desk.type(
      `deno task doctor --s3-endpoint ${bucket.endpoint} --variables variables.json
deno task ingest s3://my-bucket/stock/today.csv --s3-endpoint ${bucket.endpoint}`,
      keys,
    );
    assert.deepEqual(typed.map(({ code }) => code), [0, 0], said);
    assert.match(said, /OK +S3 delete/);
    assert.equal(
      await store.downloadFile("inventory/archive/stock/today.csv", { encoding: "utf8" }),
      "sku,location,qty\nA,L1,1\n",
    );
  } finally {
    await bucket.close();
  }
});

Deno.test("recipe: a tenant's webhook runs with its own variables and connections, on the shared state", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tenant-"));
  const keys = { accessKeyId: "tester", secretAccessKey: "tester-secret" };
  const own = { accessKeyId: "tenant", secretAccessKey: "tenant-secret" };
  const fluent = await startFluentServer({ pendingMs: 1, runningMs: 1 });
  const s3 = await startS3Server({ stateDir: join(folder, "s3"), buckets: ["shared"], credentials: keys });
  const tenantS3 = await startS3Server({
    stateDir: join(folder, "s3-tenant"),
    buckets: ["tenant"],
    credentials: own,
  });
  const store = new S3DataSource({
    type: "S3_CSV",
    s3Config: { ...own, region: "us-east-1", bucket: "tenant", endpoint: tenantS3.url },
  });
  await store.uploadFile("inventory/incoming/t.csv", "sku,location,qty\nT,L1,9\n");
  const common = { fluentRetailerId: 1, pollIntervalSeconds: 0.05 };
  configurePlatform({
    stateDir: join(folder, "platform"),
    port: 0,
    connections: {
      fluent_commerce: {
        baseUrl: fluent.url,
        auth: { type: "oauth2Password", tokenUrl: `${fluent.url}/oauth/token`, ...localFluentCredentials },
      },
      s3: {
        baseUrl: s3.url,
        auth: { type: "basic", username: keys.accessKeyId, password: keys.secretAccessKey },
      },
      inventory_webhooks: { auth: { type: "apiKey", key: "k" } },
      inventory_page: { auth: { type: "basic", username: "u", password: "p" } },
    },
    variables: { ...common, s3BucketName: "shared", s3Endpoint: s3.url },
    users: {
      acme: {
        variables: { ...common, s3BucketName: "tenant", s3Endpoint: tenantS3.url },
        connections: {
          s3: {
            baseUrl: tenantS3.url,
            auth: { type: "basic", username: own.accessKeyId, password: own.secretAccessKey },
          },
        },
      },
    },
    log: { format: "json", level: "error", write: () => undefined },
  });
  const platform = localPlatform(await main());
  try {
    const call = async (path: string) => {
      const answer = await fetch(`${platform.url}/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": "k" },
        body: "{}",
      });
      return {
        status: answer.status,
        body: await answer.json() as { files?: { key: string; jobId: string }[] },
      };
    };
    assert.deepEqual((await call("inventory-adhoc")).body.files, [], "the static user's bucket is empty");
    const found = await call("inventory-adhoc/users/acme");
    assert.equal(found.status, 202);
    assert.deepEqual(found.body.files!.map(({ key }) => key), ["inventory/incoming/t.csv"]);
    await platform.waitForIdle({ signal: AbortSignal.timeout(30_000) });
    assert.equal(fluent.stock().get("T\u0000L1"), 9);

    const jobId = found.body.files![0]!.jobId;
    const status = await fetch(`${platform.url}/job-status?jobId=${jobId}`, {
      headers: { "x-api-key": "k" },
    });
    const seen = await status.json() as { status: string };
    assert.equal(
      seen.status,
      "completed",
      "the state is the project's: the static user sees the tenant's job",
    );
    const mine = platform.openKv(":project:", { externalId: "acme" });
    assert.equal(
      (await mine.list(["fluent-inventory"])).data.length,
      0,
      "nothing is kept in one activation's scope",
    );
  } finally {
    await platform.stop();
    await store.dispose();
    await fluent.stop();
    await s3.stop();
    await tenantS3.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

Deno.test("recipe: another mapping is tried without sending anything", async () => {
  await using desk = await Desk.open();
  await writeFile(join(desk.clone, "mappings/my-mapping.json"), block("mapping=german"));
  await writeFile(join(desk.clone, "stock.csv"), block("sample=german"));
  const { said, typed } = await desk.type(
    "deno task -q preview stock.csv --mapping mappings/my-mapping.json --json 2>/dev/null",
  );
  assert.deepEqual(typed.map(({ code }) => code), [0], said);
  const { mapping, rows } = JSON.parse(said);
  assert.deepEqual([mapping.name, rows.sendable], ["german", 1]);
});
