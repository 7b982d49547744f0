import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { localFluentCredentials, startFluentServer } from "../../../local/fluent/mod.ts";
import { startS3Server } from "../../../local/s3/mod.ts";
import { S3DataSource } from "../../../lib/s3/mod.ts";
import { command, json, run, withFolder } from "./_commands.ts";

const GOOD = "sku,location,qty\n00123,L1,5\n00124,L1,7\n";
const HALF_BAD = "sku,location,qty\n00123,L1,5\n00124,L1,N/A\n";

Deno.test("start --once ends as promised, also after a kill -9, and a second time there is nothing new", async () => {
  await withFolder(async (folder) => {
    const args = ["start", "--once", "--port", "0", "--state", join(folder, "state")];
    const child = command(args).spawn();
    let said = "";
    const reading = (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (/stock-full\.csv +deliver/.test(said)) child.kill("SIGKILL");
      }
    })();
    // Read, not closed: a process that writes to a closed pipe ends.
    const draining = child.stderr.pipeTo(new WritableStream());
    assert.equal((await child.status).signal, "SIGKILL");
    await reading;
    await draining;

    const second = await run(args);
    assert.equal(second.code, 0, second.out + second.err);
    assert.match(second.out, /stock-full\.csv .*completed .*50,000 .*50,000 .*50,000 .*0 .*200\/200/);
    assert.match(second.out, /stock-corrections\.csv .*completed_with_errors .*205 .*200 .*200 .*5 .*2\/2/);
    const third = await run(args);
    assert.equal(third.code, 0, third.out + third.err);
    assert.match(third.out, /Nothing new to deliver\. Earlier jobs:/);
    assert.match(third.out, /stock-empty\.csv .*held/);
    assert.equal(third.out.match(/stock-full\.csv .*completed /g)?.length, 1, "one job in the history");
  });
});

Deno.test("ingest of a file of one's own: one JSON object, the contract's keys, and an exit code for each outcome", async () => {
  await withFolder(async (folder) => {
    const state = ["--state", join(folder, "state")];
    const file = async (name: string, content: string | Uint8Array) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const good = await run(["ingest", await file("good.csv", GOOD), "--json", ...state]);
    assert.equal(good.code, 0, good.err);
    const result = json(good.out);
    assert.equal(result.status, "completed");
    for (
      const key of [
        "jobId",
        "file",
        "rows",
        "batches",
        "rejects",
        "superseded",
        "failed",
        "reports",
        "durationMs",
      ]
    ) {
      assert.ok(key in result, key);
    }
    assert.deepEqual(result.rows, {
      read: 2,
      sendable: 2,
      rejected: 0,
      superseded: 0,
      unchanged: 0,
      confirmed: 2,
      failed: 0,
      unconfirmed: 0,
    });
    assert.match(result.file.sha256, /^[0-9a-f]{64}$/);

    const bad = await file("bad.csv", HALF_BAD);
    const held = await run(["ingest", bad, "--json", ...state]);
    assert.equal(held.code, 4, held.err);
    assert.equal(json(held.out).heldBecause.code, "too-many-rejects");
    const dry = await run(["ingest", bad, "--json", "--dry-run", "--reject-limit", "50%", ...state]);
    assert.equal(dry.code, 3, dry.err);
    assert.deepEqual([json(dry.out).dryRun, json(dry.out).batches.sent], [true, 0]);
    const forced = await run(["ingest", bad, "--json", "--force", ...state]);
    assert.equal(forced.code, 3, forced.err);
    const reject = json(forced.out).rejects[0];
    assert.deepEqual([reject.line, reject.column, reject.raw], [3, 3, "00124,L1,N/A"]);
    assert.ok(!("heldBecause" in json(forced.out)), "a released file is held no more");

    const latin = Uint8Array.from("Artikel;Ort;Menge\nMÜLL;L1;1\n", (char) => char.charCodeAt(0));
    const mapping = await file(
      "german.json",
      JSON.stringify({
        name: "german",
        version: "1",
        entityType: "INVENTORY",
        key: ["skuRef", "locationRef"],
        fields: {
          skuRef: { source: "Artikel", required: true },
          locationRef: { source: "Ort", required: true },
          qty: { source: "Menge", resolver: "sdk.parseInt", required: true },
          retailerId: { source: "$context.retailerId", required: true },
        },
      }),
    );
    const german = await run([
      "ingest",
      await file("german.csv", latin),
      "--json",
      ...["--mapping", mapping, "--encoding", "windows-1252", "--delimiter", ";"],
      ...state,
    ]);
    assert.equal(german.code, 0, german.err);
  });
});

Deno.test("ingest into an S3 store and a Fluent account of one's own", async () => {
  await withFolder(async (folder) => {
    const keys = { accessKeyId: "mine", secretAccessKey: "canary-s3-secret" };
    const s3 = await startS3Server({ stateDir: join(folder, "s3"), buckets: ["shop"], credentials: keys });
    const fluent = await startFluentServer();
    try {
      const store = new S3DataSource({
        type: "S3_CSV",
        s3Config: { ...keys, region: "us-east-1", bucket: "shop", endpoint: s3.url },
      });
      await store.uploadFile("stock/today.csv", GOOD);
      const env = {
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
        FLUENT_CLIENT_ID: localFluentCredentials.clientId,
        FLUENT_CLIENT_SECRET: localFluentCredentials.clientSecret,
        FLUENT_USERNAME: localFluentCredentials.username,
        FLUENT_PASSWORD: localFluentCredentials.password,
        FLUENT_RETAILER_ID: "7",
      };
      const state = ["--state", join(folder, "state")];
      const where = ["--s3-endpoint", s3.url, ...state];
      const away = await run([
        "ingest",
        "s3://shop/stock/today.csv",
        ...where,
        "--fluent-url",
        "http://127.0.0.1:4",
      ], env);
      assert.equal(away.code, 1, away.err);
      assert.ok(await store.statFile("stock/today.csv"), "the file stays where it is");

      const done = await run([
        "ingest",
        "s3://shop/stock/today.csv",
        "--json",
        ...where,
        "--fluent-url",
        fluent.url,
      ], env);
      assert.equal(done.code, 0, done.err);
      assert.deepEqual([...fluent.stock()], [["00123\u0000L1", 5], ["00124\u0000L1", 7]]);
      assert.equal(await store.statFile("stock/today.csv"), undefined);
      const { archivedAs } = json(done.out);
      assert.equal(await store.downloadFile(archivedAs, { encoding: "utf8" }), GOOD);
      const secrets = [
        "canary-s3-secret",
        localFluentCredentials.clientSecret,
        localFluentCredentials.password,
      ];
      for (const secret of secrets) {
        for (const text of [away.out, away.err, done.out, done.err]) assert.ok(!text.includes(secret));
      }

      const { FLUENT_RETAILER_ID: _, ...without } = env;
      const missing = await run(["ingest", "s3://shop/x.csv", ...where, "--fluent-url", fluent.url], without);
      assert.equal(missing.code, 1);
      assert.match(missing.err.trim(), /^error: .*FLUENT_RETAILER_ID.*$/);
      const unknown = await run(["ingest", "s3://shop/none.csv", ...where, "--fluent-url", fluent.url], env);
      assert.equal(unknown.code, 1);
      assert.match(unknown.err, /error: .*s3:\/\/shop\/none\.csv/);
    } finally {
      await fluent.stop();
      await s3.stop();
    }
  });
});

Deno.test("what cannot be meant is told in a line, with exit code 2", async () => {
  for (
    const args of [
      ["ingest", "no-such-file.csv"],
      ["ingest", "s3://bucket-alone"],
      ["ingest", "x.csv", "--reject-limit", "many"],
      ["ingest", "x.csv", "--nonsense"],
      ["ingest"],
      ["start", "--port", "banana"],
      ["dance"],
    ]
  ) {
    const { code, err } = await run(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, /^error: /, args.join(" "));
  }
});
