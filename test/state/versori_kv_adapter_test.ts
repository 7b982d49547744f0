import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeSegment, encodeSegment, MAX_VALUE_CHARS, VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "./memory_kv.ts";

Deno.test("every text is a key segment of the portable alphabet, and reads back", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const encoded = encodeSegment(text);
    assert.match(encoded, /^[A-Za-z0-9._=-]+$/);
    assert.equal(decodeSegment(encoded), text);
  }));
});

Deno.test("two different texts never share a segment", () => {
  const texts = [
    "",
    "=",
    "==",
    ".",
    "..",
    "a/b",
    "a=2Fb",
    "a:b",
    "stock a.csv",
    "stock+a.csv",
    "stockéa.csv",
    "stock_a.csv",
  ];
  assert.equal(new Set(texts.map(encodeSegment)).size, texts.length);
});

Deno.test("a list is read through all its pages, with keys below the namespace and values parsed", async () => {
  const kv = new VersoriKVAdapter(new MemoryKeyValue());
  for (let i = 0; i < 250; i++) await kv.set(["jobs", `a b:${i}`], { i });
  await kv.set(["jobsx", "other"], { i: -1 });
  const seen = [];
  for await (const entry of kv.list(["jobs"])) seen.push(entry);
  assert.equal(seen.length, 250);
  assert.deepEqual(seen[0], { key: ["jobs", "a b:249"], value: { i: 249 } });
  assert.equal(await kv.count(["jobs"]), 250);
});

Deno.test("a store that doesn't answer is an error, never 'not there'", async () => {
  const memory = new MemoryKeyValue();
  memory.before = () => {
    throw new Error("connection lost");
  };
  const kv = new VersoriKVAdapter(memory);
  await assert.rejects(kv.get(["files", "x"]), {
    name: "StateError",
    code: "kv-unavailable",
    retry: "later",
    message: "Cannot read 'files/x' in the state store: connection lost",
  });
});

Deno.test("a value above the limit is refused before it is sent", async () => {
  const memory = new MemoryKeyValue();
  const kv = new VersoriKVAdapter(memory);
  await assert.rejects(kv.set(["x"], { text: "a".repeat(MAX_VALUE_CHARS) }), { code: "kv-value-too-large" });
  assert.equal(memory.writes, 0);
});
