import assert from "node:assert/strict";
import { Journal } from "../../lib/ingest/journal.ts";
import { MAX_VALUE_CHARS, VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";

function world() {
  const memory = new MemoryKeyValue();
  return { memory, kv: new VersoriKVAdapter(memory) };
}

Deno.test("what was stored is there for the next process", async () => {
  const { kv } = world();
  const journal = await Journal.open(kv, "job", 600);
  await journal.set(0, { state: "accepted", job: 0, batchId: "7" });
  await journal.set(300, { state: "refused", reason: "no" });
  await journal.set(599, { state: "settled", job: 1, batchId: "9", confirmed: 3, failed: 1, unconfirmed: 0 });
  const again = await Journal.open(kv, "job", 600);
  assert.deepEqual(again.entry(0), { state: "accepted", job: 0, batchId: "7" });
  assert.deepEqual(again.entry(1), { state: "planned" });
  assert.deepEqual(again.entry(300), { state: "refused", reason: "no" });
  assert.deepEqual(again.entry(599), {
    state: "settled",
    job: 1,
    batchId: "9",
    confirmed: 3,
    failed: 1,
    unconfirmed: 0,
  });
  assert.equal([...again].length, 600);
});

Deno.test("a batch that may have been sent is in doubt until it is accepted", async () => {
  const { kv } = world();
  const journal = await Journal.open(kv, "job", 20);
  await journal.issue(0, 5);
  assert.equal(journal.inDoubt(3), false, "this process knows what it has sent");
  await journal.set(0, { state: "accepted", job: 0, batchId: "1" });
  const again = await Journal.open(kv, "job", 20);
  assert.deepEqual([...again].map(([i]) => i).filter((i) => again.inDoubt(i)), [1, 2, 3, 4, 5]);
});

Deno.test("changes made while a write is under way share the next one, and all are stored", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 200);
  let stored = 0;
  memory.before = async (operation) => {
    if (operation === "set") await new Promise((resolve) => setTimeout(resolve, 0));
  };
  await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    await journal.set(i, { state: "accepted", job: 0, batchId: String(i) });
    stored++;
  }));
  assert.equal(stored, 200);
  assert.ok(memory.writes <= 3, `${memory.writes} writes`);
  const again = await Journal.open(kv, "job", 200);
  for (let i = 0; i < 200; i++) {
    assert.deepEqual(again.entry(i), { state: "accepted", job: 0, batchId: String(i) });
  }
});

Deno.test("a change whose write fails says so", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 2);
  memory.before = (operation) => {
    if (operation === "set") throw new Error("down");
  };
  await assert.rejects(journal.set(0, { state: "refused", reason: "x" }), { code: "kv-unavailable" });
  memory.before = () => {};
  await journal.set(1, { state: "refused", reason: "y" });
  assert.deepEqual((await Journal.open(kv, "job", 2)).entry(0), { state: "refused", reason: "x" });
});

Deno.test("a full window of the longest entries stays below the largest value", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 250);
  for (let i = 0; i < 250; i++) await journal.set(i, { state: "refused", reason: "x".repeat(500) });
  for (const text of memory.entries.values()) assert.ok(text.length <= MAX_VALUE_CHARS);
});
