import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CustomResolver } from "../../../lib/mapping/mod.ts";
import { mappingTest } from "../../../local/cli/mapping_test.ts";
import { previewOf } from "../../../local/cli/preview.ts";
import { CUSTOM_RESOLVERS } from "../../../workflows/custom_resolvers.ts";

/** The project with one more resolver of its own, and a mapping that uses it. */
async function withResolver(resolver: CustomResolver, work: (folder: string) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "custom-"));
  const resolvers = CUSTOM_RESOLVERS as Record<string, CustomResolver>;
  resolvers["custom.boxes"] = resolver;
  try {
    const fields = {
      skuRef: { source: "sku", required: true },
      locationRef: { source: "location", required: true },
      qty: { source: "boxes", resolver: "custom.boxes", required: true },
    };
    await writeFile(
      join(folder, "boxed.json"),
      JSON.stringify({
        name: "boxed",
        version: "1",
        entityType: "INVENTORY",
        key: ["locationRef", "skuRef"],
        fields,
      }),
    );
    await work(folder);
  } finally {
    delete resolvers["custom.boxes"];
    await rm(folder, { recursive: true, force: true });
  }
}

const boxes: CustomResolver = (value, _data, _context, helpers) =>
  12 * (helpers.resolve("sdk.parseInt", value) as number);

Deno.test("mapping tests run with the project's custom resolvers", async () => {
  await withResolver(boxes, async (folder) => {
    const row = { sku: "A", location: "L", boxes: "2" };
    const tests = [
      { name: "twelve in a box", row, entity: { skuRef: "A", locationRef: "L", qty: 24 } },
      {
        name: "no half boxes",
        row: { ...row, boxes: "½" },
        errors: [{ field: "qty", code: "not-a-whole-number" }],
      },
    ];
    const file = join(folder, "boxed.test.json");
    await writeFile(file, JSON.stringify({ mapping: "boxed.json", tests }));
    const { log } = console;
    const said: string[] = [];
    console.log = (text: string) => said.push(text);
    try {
      assert.equal(await mappingTest([file], { minCoverage: 0, json: true }), 0);
    } finally {
      console.log = log;
    }
    const [report] = JSON.parse(said.join("")) as { passed: number; failed: number }[];
    assert.deepEqual([report?.passed, report?.failed], [2, 0]);
  });
});

Deno.test("preview maps with the project's custom resolvers", async () => {
  await withResolver(boxes, async (folder) => {
    const file = join(folder, "boxes.csv");
    await writeFile(file, "sku,location,boxes\nA,L,2\n");
    const found = await previewOf(
      file,
      { mapping: join(folder, "boxed.json") },
      {},
      new AbortController().signal,
    );
    assert.deepEqual(found.payloads, [{ skuRef: "A", locationRef: "L", qty: 24 }]);
  });
});
