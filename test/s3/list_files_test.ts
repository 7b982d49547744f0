import assert from "node:assert/strict";
import { listFiles, type ListFilesOptions } from "../../lib/s3/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { MemoryObjectStore } from "./memory_object_store.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);

/** Stored in this order, one minute apart, each one byte larger than the one before. */
const KEYS = ["in/b.csv", "in/a.CSV", "in/old/c.csv", "in/", "in/notes.txt", "in/[x]{1}.csv", "out/z.csv"];

async function store() {
  const clock = new VirtualClock(START);
  const store = new MemoryObjectStore({ clock });
  for (const [i, key] of KEYS.entries()) {
    await store.uploadFile(key, "x".repeat(i));
    clock.advance(MINUTE);
  }
  return store;
}

const CASES: readonly (readonly [string, ListFilesOptions, readonly string[]])[] = [
  ["everything but folder markers, in key order", {}, [
    "in/[x]{1}.csv",
    "in/a.CSV",
    "in/b.csv",
    "in/notes.txt",
    "in/old/c.csv",
    "out/z.csv",
  ]],
  ["a prefix", { prefix: "in/old" }, ["in/old/c.csv"]],
  ["extensions in any case, with or without the dot", { prefix: "in/", extensions: [".CSV"] }, [
    "in/[x]{1}.csv",
    "in/a.CSV",
    "in/b.csv",
    "in/old/c.csv",
  ]],
  ["an extension without the dot", { extensions: ["txt"] }, ["in/notes.txt"]],
  ["a RegExp with g, on the names, statelessly", { pattern: /^[abc]\.csv$/gi }, [
    "in/a.CSV",
    "in/b.csv",
    "in/old/c.csv",
  ]],
  ["a sticky RegExp as if it were not", { pattern: /csv/y }, [
    "in/[x]{1}.csv",
    "in/b.csv",
    "in/old/c.csv",
    "out/z.csv",
  ]],
  ["a glob on the names", { pattern: "?.csv" }, ["in/b.csv", "in/old/c.csv", "out/z.csv"]],
  ["a glob on whole keys, where * stops at a slash", { pattern: "in/*.csv" }, ["in/[x]{1}.csv", "in/b.csv"]],
  ["a glob with **, which does not", { pattern: "in/**.csv" }, ["in/[x]{1}.csv", "in/b.csv", "in/old/c.csv"]],
  ["a glob whose other characters mean themselves", { pattern: "[x]{1}.csv" }, ["in/[x]{1}.csv"]],
  ["files modified after a date, not at it", { modifiedAfter: new Date(START + 4 * MINUTE) }, [
    "in/[x]{1}.csv",
    "out/z.csv",
  ]],
  ["the first few after sorting", { sortBy: "lastModified", sortOrder: "desc", maxFiles: 2 }, [
    "out/z.csv",
    "in/[x]{1}.csv",
  ]],
  ["none when none are wanted", { maxFiles: 0 }, []],
  ["by size", { sortBy: "size", maxFiles: 3 }, ["in/b.csv", "in/a.CSV", "in/old/c.csv"]],
  ["by name", { sortBy: "name", extensions: ["csv"], prefix: "in/" }, [
    "in/[x]{1}.csv",
    "in/a.CSV",
    "in/b.csv",
    "in/old/c.csv",
  ]],
];

for (const [what, options, expected] of CASES) {
  Deno.test(`listFiles gives ${what}`, async () => {
    assert.deepEqual((await listFiles(await store(), options)).map((file) => file.key), expected);
  });
}

Deno.test("keys are ordered by their UTF-8 bytes, as S3 orders them, and not by UTF-16 units", async () => {
  const store = new MemoryObjectStore();
  for (const key of ["\u{1f6d2}", "\uff5e", "z", "é"]) await store.uploadFile(key, "");
  assert.deepEqual((await store.listFiles()).map((file) => file.key), ["z", "é", "\uff5e", "\u{1f6d2}"]);
});
