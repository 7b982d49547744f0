import assert from "node:assert/strict";
import { Journal, MAX_PARTS } from "../../lib/ingest/journal.ts";
import { MAX_VALUE_CHARS, VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";

function world() {
  const memory = new MemoryKeyValue();
  return { memory, kv: new VersoriKVAdapter(memory) };
}

Deno.test("what was stored is there for the next process", async () => {
  const { kv } = world();
  const journal = await Journal.open(kv, "job", 600);
  await journal.set({ index: 0 }, { state: "accepted", job: 0, batchId: "7" });
  await journal.set({ index: 300 }, { state: "refused", reason: "no" });
  await journal.set({ index: 599 }, {
    state: "settled",
    job: 1,
    batchId: "9",
    confirmed: 3,
    failed: 1,
    unconfirmed: 0,
  });
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
  assert.equal([...again.units()].length, 600);
});

Deno.test("a batch that may have been sent is in doubt until it is accepted", async () => {
  const { kv } = world();
  const journal = await Journal.open(kv, "job", 20);
  await journal.issue(0, 5);
  assert.deepEqual(inDoubt(journal), [], "this process knows what it has sent");
  await journal.set({ index: 0 }, { state: "accepted", job: 0, batchId: "1" });
  const again = await Journal.open(kv, "job", 20);
  const doubts = inDoubt(again);
  assert.deepEqual(doubts.slice(0, 5), [1, 2, 3, 4, 5]);
  assert.ok(doubts.length <= 10, `${doubts.length}: no more than twice what may be under way`);
});

Deno.test("changes made while a write is under way share the next one, and all are stored", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 200);
  let stored = 0;
  memory.before = async (operation) => {
    if (operation === "set") await new Promise((resolve) => setTimeout(resolve, 0));
  };
  await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    await journal.set({ index: i }, { state: "accepted", job: 0, batchId: String(i) });
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
  await assert.rejects(journal.set({ index: 0 }, { state: "refused", reason: "x" }), {
    code: "kv-unavailable",
  });
  memory.before = () => {};
  await journal.set({ index: 1 }, { state: "refused", reason: "y" });
  assert.deepEqual((await Journal.open(kv, "job", 2)).entry(0), { state: "refused", reason: "x" });
});

Deno.test("a full window of the longest entries stays below the largest value", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 250);
  for (let i = 0; i < 250; i++) {
    await journal.set({ index: i }, { state: "refused", reason: "x".repeat(500) });
  }
  for (const text of memory.entries.values()) assert.ok(text.length <= MAX_VALUE_CHARS);
});

function inDoubt(journal: Journal): number[] {
  return [...journal.units()].filter(Journal.inDoubt).map(({ index }) => index);
}

Deno.test("a batch in parts remembers each of them, the widest being tried first", async () => {
  const { kv } = world();
  const journal = await Journal.open(kv, "job", 2);
  await journal.split({ index: 1 }, [{ from: 0, rows: 50 }, { from: 50, rows: 50 }]);
  await journal.set({ index: 1, part: 1 }, { state: "accepted", job: 0, batchId: "5" });
  await journal.split({ index: 1, part: 0 }, [{ from: 0, rows: 25 }, { from: 25, rows: 25 }]);
  await journal.set({ index: 1, part: 2 }, { state: "ambiguous", job: 0, tries: 2 });
  const again = await Journal.open(kv, "job", 2);
  assert.deepEqual(again.unitsOf(0), [{ index: 0, entry: { state: "planned" } }]);
  assert.deepEqual(again.unitsOf(1).map(({ part, range, entry }) => [part, range, entry.state]), [
    [0, { from: 0, rows: 25 }, "planned"],
    [1, { from: 50, rows: 50 }, "accepted"],
    [2, { from: 25, rows: 25 }, "ambiguous"],
  ]);
  assert.deepEqual(inDoubt(again), [1]);
  assert.equal(again.entry(1), undefined);
});

Deno.test("a batch in more parts than a value of the store can hold is split no further", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 1);
  const rows = Array.from({ length: MAX_PARTS }, (_, from) => ({ from: from * 2, rows: 2 }));
  assert.equal(await journal.split({ index: 0 }, rows), true);
  assert.equal(
    await journal.split({ index: 0, part: 0 }, [{ from: 0, rows: 1 }, { from: 1, rows: 1 }]),
    false,
  );
  for (let part = 0; part < MAX_PARTS; part++) {
    await journal.set({ index: 0, part }, {
      state: "settled",
      job: 12,
      batchId: "b".repeat(36),
      confirmed: 4_999,
      failed: 4_999,
      unconfirmed: 4_999,
    });
  }
  for (const text of memory.entries.values()) assert.ok(text.length <= MAX_VALUE_CHARS);
});

Deno.test("a journal written by version 1 is read as it was meant", async () => {
  const { kv } = world();
  await kv.set(["journal", "job", "0"], {
    v: 1,
    issued: 3,
    entries: [["a", 0, "7"], null, ["r", "no"], ["s", 0, "9", 3, 1, 0], null],
  });
  const journal = await Journal.open(kv, "job", 5);
  assert.deepEqual([...journal.units()].map(({ entry }) => entry.state), [
    "accepted",
    "sending",
    "refused",
    "settled",
    "planned",
  ]);
});

Deno.test("once the first mark is stored, sending seldom waits for another", async () => {
  const { kv, memory } = world();
  const journal = await Journal.open(kv, "job", 1_000);
  let waiting = 0;
  memory.before = async (operation) => {
    if (operation === "set") await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await journal.issue(0, 5);
  for (let index = 1; index < 1_000; index++) {
    let at = false;
    const issued = journal.issue(index, 5).then(() => at = true);
    await Promise.resolve();
    await Promise.resolve();
    if (!at) waiting++;
    await issued;
    // Others are on their way for longer than a write takes.
    if (index % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
  }
  assert.equal(waiting, 0);
});
