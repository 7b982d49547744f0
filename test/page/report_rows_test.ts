import assert from "node:assert/strict";
import { readReportRows } from "../../lib/page/mod.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";
import { VirtualClock } from "../virtual_clock.ts";

const KEY = "reports/a.csv/job-1/rejects.jsonl";

async function reportOf(rows: readonly object[]): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore({ bucket: "stock", clock: new VirtualClock() });
  await store.uploadFile(KEY, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  return store;
}

const row = (i: number) => ({
  outcome: i % 3 === 0 ? "failed" : "rejected",
  line: i + 2,
  endLine: i + 2,
  code: i % 3 === 0 ? "fluent-404" : "not-a-number",
  message: `Größe "${i}" is wrong`,
  raw: `SKU-${i},ZÜRICH,N/A`,
});

Deno.test("every row comes once, in order, whatever the page's size", async () => {
  const store = await reportOf(Array.from({ length: 103 }, (_, i) => row(i)));
  for (const limit of [1, 7, 50, 103, 500]) {
    const lines: number[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 200; pages++) {
      const page = await readReportRows(store, KEY, { limit, cursor });
      assert.ok(page.rows.length <= limit);
      lines.push(...page.rows.map(({ line }) => line));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    assert.deepEqual(lines, Array.from({ length: 103 }, (_, i) => i + 2), `pages of ${limit}`);
  }
});

Deno.test("rows are found by text in any of their parts, and by outcome", async () => {
  const store = await reportOf(Array.from({ length: 30 }, (_, i) => row(i)));
  const lines = async (query: object) =>
    (await readReportRows(store, KEY, { limit: 50, ...query })).rows.map(({ line }) => line);
  assert.deepEqual(await lines({ text: "sku-17," }), [19]);
  assert.deepEqual(await lines({ text: 'größe "4"' }), [6]);
  assert.equal((await lines({ text: "FLUENT-404" })).length, 10);
  assert.deepEqual(await lines({ text: "zürich", outcome: "failed" }), [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]);
  assert.deepEqual(await lines({ text: "not there" }), []);
});

Deno.test("a report that is not there, or a cursor behind its end, has no rows", async () => {
  const store = await reportOf([row(1)]);
  assert.deepEqual(await readReportRows(store, "reports/none", { limit: 5 }), { rows: [] });
  assert.deepEqual(await readReportRows(store, KEY, { limit: 5, cursor: "99999" }), { rows: [] });
});

Deno.test("a cursor that was made up is refused, or shows whole rows only", async () => {
  const store = await reportOf([row(1), row(2)]);
  for (const cursor of ["-1", "1e9", "abc", "../x", "9".repeat(40)]) {
    await assert.rejects(readReportRows(store, KEY, { limit: 5, cursor }), { code: "cursor-invalid" });
  }
  const { rows } = await readReportRows(store, KEY, { limit: 5, cursor: "5" });
  assert.deepEqual(rows.map(({ line }) => line), [4]);
});

Deno.test("a long row is cut for the page", async () => {
  const store = await reportOf([{ ...row(1), raw: "x".repeat(50_000) }]);
  assert.equal((await readReportRows(store, KEY, { limit: 5 })).rows[0]?.raw.length, 2_001);
});
