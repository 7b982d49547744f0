import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { json, run, withFolder } from "./_commands.ts";

Deno.test("mapping test runs the shipped tests, and those of one's own", async () => {
  const shipped = await run(["mapping", "test"]);
  assert.equal(shipped.code, 0, shipped.err);
  assert.match(
    shipped.out,
    /inventory\.test\.json: \d+ passed, 0 failed\n +coverage 100\.0 %: fields 10\/10/,
  );
  await withFolder(async (folder) => {
    const fields = {
      skuRef: { source: "sku", required: true },
      locationRef: { source: "shop", required: true },
      qty: { source: "qty", resolver: "sdk.parseInt" },
    };
    await writeFile(
      join(folder, "own.json"),
      JSON.stringify({ name: "own", version: "1", entityType: "INVENTORY", key: ["skuRef"], fields }),
    );
    const file = join(folder, "own.test.json");
    const tests = [{
      name: "a row",
      row: { shop: "S", sku: "A", qty: "1" },
      entity: { locationRef: "S", skuRef: "A", qty: 1 },
    }];
    await writeFile(file, JSON.stringify({ mapping: "own.json", tests }));
    const short = await run(["mapping", "test", file]);
    assert.equal(short.code, 1);
    assert.match(
      short.out,
      /not covered: skuRef blank, locationRef blank, qty blank, qty refused\n +FAILED: expected a coverage of at least 95 %/,
    );
    const enough = await run(["mapping", "test", file, "--min-coverage", "50", "--json"]);
    assert.equal(enough.code, 0);
    assert.equal(json(enough.out)[0].passed, 1);
    await writeFile(
      file,
      JSON.stringify({ mapping: "own.json", tests: [{ ...tests[0], entity: { skuRef: "B" } }] }),
    );
    const failing = await run(["mapping", "test", file, "--min-coverage", "0"]);
    assert.equal(failing.code, 1);
    assert.match(failing.out, /own\.test\.json: 0 passed, 1 failed\n +FAILED a row\n +expected the entity/);
    const usage = await run(["mapping", "test", "--min-coverage", "all"]);
    assert.equal(usage.code, 2);
  });
});
