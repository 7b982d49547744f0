import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { S3DataSource } from "../../../lib/s3/mod.ts";
import { startS3Server } from "../../../local/s3/mod.ts";
import { json, run, withFolder } from "./_commands.ts";

const KEYS = { accessKeyId: "tester", secretAccessKey: "tester-secret" };
const MIXED = [
  "sku;location;qty;colour;expected_on",
  "00123;L1;5;red;2026-01-02",
  "00123;L1;6;red;",
  "BAD;L1;N/A;red;",
  '"open;L1;3;;',
  "GOOD;L1;3;;",
].join("\n");

Deno.test("preview shows how a file is read, what it gives, what is rejected and what the guards say", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "mixed.csv");
    await writeFile(file, MIXED);
    const { code, out } = await run(["preview", file, "--json"]);
    assert.equal(code, 4);
    const found = json(out);
    assert.equal(found.encoding, "utf-8");
    assert.equal(found.dialect.delimiter, ";");
    assert.deepEqual(found.mapping, { name: "inventory", version: "1" });
    assert.deepEqual(found.header, [
      { header: "sku", column: "sku", fields: ["skuRef"] },
      { header: "location", column: "location", fields: ["locationRef"] },
      { header: "qty", column: "qty", fields: ["qty"] },
      { header: "colour", column: null, fields: [] },
      { header: "expected_on", column: "expected_on", fields: ["attributes.expectedOn"] },
    ]);
    assert.deepEqual(found.rows, { read: 5, sendable: 2, rejected: 2, superseded: 1 });
    assert.deepEqual(found.superseded, [{ line: 2, endLine: 2 }]);
    assert.deepEqual(
      found.rejects.map((same: { code: string; rows: number; examples: { line: number; raw: string }[] }) => [
        same.code,
        same.rows,
        same.examples.map(({ line, raw }) => [line, raw]),
      ]),
      [["not-a-whole-number", 1, [[4, "BAD;L1;N/A;red;"]]], ["csv-quote", 1, [[5, '"open;L1;3;;']]]],
    );
    assert.deepEqual(
      found.payloads.map((entity: { skuRef: string; qty: number }) => [entity.skuRef, entity.qty]),
      [
        ["00123", 6],
        ["GOOD", 3],
      ],
    );
    assert.deepEqual(found.batches, { total: 1, size: 100 });
    assert.equal(found.heldBecause.code, "too-many-rejects");

    const text = await run(["preview", file, "--reject-limit", "2"]);
    assert.equal(text.code, 3, text.err);
    for (
      const expected of [
        /mixed\.csv: \d+ bytes, utf-8, semicolon between cells/,
        /│ expected_on │ expected_on │ attributes\.expectedOn │/,
        /5 read, 2 to send, 2 rejected, 1 superseded/,
        /line 4: BAD;L1;N\/A;red;\n +Cannot map 'qty': expected a whole number, found 'N\/A'/,
        /Superseded by a later row with the same key: line 2/,
        /The guards would let this file pass\.\nNothing was sent\./,
      ]
    ) assert.match(text.out, expected);
  });
});

Deno.test("preview of an object reads it from its store and writes nothing there", async () => {
  await withFolder(async (folder) => {
    const server = await startS3Server({ stateDir: folder, buckets: ["stock"], credentials: KEYS });
    const store = new S3DataSource({
      type: "S3_CSV",
      s3Config: { ...KEYS, region: "us-east-1", bucket: "stock", endpoint: server.url },
    });
    try {
      await store.uploadFile("in/today.csv", "sku,location,qty\nA,L,1\n");
      const temporary = join(folder, "temporary");
      await mkdir(temporary);
      const env = {
        TMPDIR: temporary,
        AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      };
      const { code, out, err } = await run(
        ["preview", "s3://stock/in/today.csv", "--s3-endpoint", server.url, "--json"],
        env,
      );
      assert.equal(code, 0, err);
      assert.deepEqual(json(out).rows, { read: 1, sendable: 1, rejected: 0, superseded: 0 });
      const keys: string[] = [];
      for await (const { key } of store.listObjects({})) keys.push(key);
      assert.deepEqual(keys, ["in/today.csv"]);
      assert.deepEqual(await readdir(temporary), [], "its own copy is gone");
    } finally {
      await store.dispose();
      await server.stop();
    }
  });
});

Deno.test("preview says in one line what it cannot do", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "empty.csv");
    await writeFile(file, "");
    const empty = await run(["preview", file]);
    assert.equal(empty.code, 4, empty.err);
    assert.match(empty.out, /would be held \(file-empty, could be forced\): The file has no rows/);
    const missing = await run(["preview", join(folder, "none.csv")]);
    assert.deepEqual([missing.code, missing.out], [2, ""]);
    assert.match(missing.err, /^error: Cannot read '.*none\.csv': ENOENT/m);
    const mapping = await run(["preview", file, "--mapping", "no-such"]);
    assert.equal(mapping.code, 1);
    assert.match(mapping.err, /^error: Cannot read the mapping 'no-such': there is no such file/m);
    const remote = await run(["preview", "s3://stock/in/today.csv"]);
    assert.equal(remote.code, 2);
    assert.match(
      remote.err,
      /^error: --s3-endpoint is missing: the store 's3:\/\/stock\/in\/today\.csv' is in$/m,
    );
  });
});
