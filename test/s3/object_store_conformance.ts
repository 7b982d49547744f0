import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { archiveFile, type FileMetadata, listFiles, type ObjectStore, S3Error } from "../../lib/s3/mod.ts";

/** Gives an empty store, and what has to be done when it is no longer needed. */
export type StoreMaker = () => Promise<{ readonly store: ObjectStore; close(): Promise<void> }>;

/** Keys that break careless URL, XML and header encoding. */
export const AWKWARD_KEYS = [
  "in/with space.csv",
  "in/ leading and trailing ",
  "in/a+b.csv",
  "in/A&B stock.csv",
  "in/A&amp;B stock.csv",
  "in/grün 東京 🛒.csv",
  "in/100%.csv",
  "in/x%2Fy.csv",
  "in/../secret.csv",
  "in/./here.csv",
  "in//double.csv",
  "in/'single' \"double\" `back`.csv",
  "in/what?now#then=1&x.csv",
  "in/(1)*!~.csv",
  "in/<tag>.csv",
  "in/back\\slash.csv",
  "in/semi;colon,comma:at@$.csv",
];

/** The error of a failed operation. */
export async function failure(promise: Promise<unknown>): Promise<S3Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "expected an S3Error, nothing was thrown" });
}

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

export async function read(store: ObjectStore, key: string): Promise<string> {
  return new TextDecoder().decode(await bytesOf((await store.openFile(key)).body));
}

export async function keysOf(listing: AsyncIterable<FileMetadata>): Promise<string[]> {
  const keys: string[] = [];
  for await (const file of listing) keys.push(file.key);
  return keys;
}

const md5 = (text: string | Uint8Array) => createHash("md5").update(text).digest("hex");

/** What every `ObjectStore` has to do, adapter or fake. */
export function testObjectStore(name: string, make: StoreMaker): void {
  const test = (behaviour: string, run: (store: ObjectStore) => Promise<void>) =>
    Deno.test(`${name}: ${behaviour}`, async () => {
      const { store, close } = await make();
      try {
        await run(store);
      } finally {
        await close();
      }
    });

  test("what is uploaded is found, described and read back byte by byte", async (store) => {
    const uploaded = await store.uploadFile("in/stock.csv", "sku,qty\nA,1\n", { contentType: "text/csv" });
    assert.deepEqual(uploaded, { etag: md5("sku,qty\nA,1\n"), size: 12 });
    const file = await store.statFile("in/stock.csv");
    assert.ok(file);
    assert.deepEqual({ ...file, lastModified: undefined }, {
      key: "in/stock.csv",
      path: "in/stock.csv",
      name: "stock.csv",
      size: 12,
      lastModified: undefined,
      etag: md5("sku,qty\nA,1\n"),
    });
    assert.ok(file.lastModified instanceof Date && !Number.isNaN(file.lastModified.getTime()));
    const opened = await store.openFile("in/stock.csv");
    assert.equal(opened.file.etag, file.etag);
    assert.equal(opened.file.size, 12);
    assert.equal(new TextDecoder().decode(await bytesOf(opened.body)), "sku,qty\nA,1\n");
  });

  test("an upload replaces what was there, and an empty object is an object", async (store) => {
    await store.uploadFile("a", "first");
    await store.uploadFile("a", "");
    assert.equal((await store.statFile("a"))?.size, 0);
    assert.equal(await read(store, "a"), "");
    assert.deepEqual(await keysOf(store.listObjects()), ["a"]);
  });

  test("bytes, text and streams of bytes upload to the same object", async (store) => {
    const bytes = new TextEncoder().encode("grün,1\n");
    async function* stream() {
      for (const byte of bytes) {
        await Promise.resolve();
        yield Uint8Array.of(byte);
      }
    }
    const etags = [
      await store.uploadFile("text", "grün,1\n"),
      await store.uploadFile("bytes", bytes),
      await store.uploadFile("stream", stream()),
    ].map((one) => `${one.etag} ${one.size}`);
    assert.deepEqual(etags, Array(3).fill(`${md5(bytes)} ${bytes.length}`));
  });

  test("text that UTF-8 cannot express is refused instead of being changed", async (store) => {
    assert.equal((await failure(store.uploadFile("a", "x\ud800y"))).code, "s3-not-utf8");
    assert.equal(await store.statFile("a"), undefined);
  });

  test("what is not there is undefined to stat, an error to open and copy, and fine to delete", async (store) => {
    await store.uploadFile("something", "else");
    assert.equal(await store.statFile("gone"), undefined);
    const error = await failure(store.openFile("gone"));
    assert.equal(error.code, "s3-not-found");
    assert.equal(error.retry, "never");
    assert.equal(error.message, `Cannot read s3://${store.bucket}/gone: there is no such object`);
    assert.equal((await failure(store.copyFile("gone", "there"))).code, "s3-not-found");
    assert.equal((await failure(store.moveFile("gone", "there"))).code, "s3-not-found");
    await store.deleteFile("gone");
  });

  test("awkward keys survive upload, list, stat, read, copy, move and delete", async (store) => {
    for (const key of AWKWARD_KEYS) await store.uploadFile(key, `content of ${key}`);
    assert.deepEqual((await keysOf(store.listObjects({ prefix: "in/" }))).sort(), [...AWKWARD_KEYS].sort());
    for (const key of AWKWARD_KEYS) {
      assert.equal((await store.statFile(key))?.key, key);
      assert.equal(await read(store, key), `content of ${key}`, key);
      await store.copyFile(key, `copy/${key}`);
      assert.equal(await read(store, `copy/${key}`), `content of ${key}`, key);
      await store.moveFile(key, `moved/${key}`);
      assert.equal(await read(store, `moved/${key}`), `content of ${key}`, key);
      await store.deleteFile(`copy/${key}`);
    }
    const left = await keysOf(store.listObjects());
    assert.deepEqual(left.sort(), AWKWARD_KEYS.map((key) => `moved/${key}`).sort());
  });

  test("an empty key is refused before anything is done", async (store) => {
    await store.uploadFile("kept", "x");
    assert.equal((await failure(store.deleteFile(""))).code, "s3-invalid-argument");
    assert.equal((await failure(store.uploadFile("", "x"))).code, "s3-invalid-argument");
    assert.deepEqual(await keysOf(store.listObjects()), ["kept"]);
  });

  test("a listing is limited to its prefix, starts after a key, and is in key order", async (store) => {
    for (const key of ["in/b", "in/a", "in/c", "out/a", "in"]) await store.uploadFile(key, key);
    assert.deepEqual(await keysOf(store.listObjects({ prefix: "in/" })), ["in/a", "in/b", "in/c"]);
    assert.deepEqual(await keysOf(store.listObjects({ prefix: "in/", startAfter: "in/a" })), [
      "in/b",
      "in/c",
    ]);
    assert.deepEqual(await keysOf(store.listObjects()), ["in", "in/a", "in/b", "in/c", "out/a"]);
    assert.deepEqual(await keysOf(store.listObjects({ prefix: "none/" })), []);
  });

  test("a listing can be left early", async (store) => {
    for (const key of ["a", "b", "c"]) await store.uploadFile(key, key);
    for await (const file of store.listObjects()) {
      assert.equal(file.key, "a");
      break;
    }
  });

  test("folder markers are objects, but not files", async (store) => {
    for (const key of ["in/", "in/a.csv"]) await store.uploadFile(key, "");
    assert.deepEqual(await keysOf(store.listObjects()), ["in/", "in/a.csv"]);
    assert.deepEqual((await listFiles(store)).map((file) => file.key), ["in/a.csv"]);
  });

  test("a range gives exactly its bytes and describes the whole object", async (store) => {
    await store.uploadFile("a", "0123456789");
    const cases: [number, number, string][] = [[0, 10, "0123456789"], [3, 5, "34"], [9, 10, "9"], [
      8,
      99,
      "89",
    ]];
    for (const [start, end, expected] of cases) {
      const { file, body } = await store.openFile("a", { range: { start, end } });
      assert.equal(new TextDecoder().decode(await bytesOf(body)), expected);
      assert.equal(file.size, 10);
    }
    assert.equal(
      (await failure(store.openFile("a", { range: { start: 10, end: 11 } }))).code,
      "s3-invalid-range",
    );
    for (const range of [{ start: 3, end: 3 }, { start: -1, end: 3 }, { start: 0.5, end: 3 }]) {
      assert.equal((await failure(store.openFile("a", { range }))).code, "s3-invalid-argument");
    }
  });

  test("an object that changed is not opened, copied or moved under its old ETag", async (store) => {
    const { etag } = await store.uploadFile("a", "old");
    assert.equal(await read(store, "a"), "old");
    await bytesOf((await store.openFile("a", { ifMatch: etag })).body);
    await store.uploadFile("a", "new");
    for (
      const attempt of [
        store.openFile("a", { ifMatch: etag }),
        store.moveFile("a", "b", { ifMatch: etag }),
      ]
    ) {
      assert.equal((await failure(attempt)).code, "s3-precondition-failed");
    }
    assert.deepEqual(await keysOf(store.listObjects()), ["a"]);
  });

  test("progress is reported up to the last byte", async (store) => {
    const seen: number[] = [];
    const onProgress = (progress: { transferredBytes: number }) => void seen.push(progress.transferredBytes);
    await store.uploadFile("a", "x".repeat(1000), { onProgress });
    assert.equal(seen.at(-1), 1000);
    seen.length = 0;
    await bytesOf((await store.openFile("a", { onProgress })).body);
    assert.equal(seen.at(-1), 1000);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  });

  test("a body can be left early, not read at all, and not be read twice", async (store) => {
    await store.uploadFile("a", new Uint8Array(3_000_000));
    const early = await store.openFile("a");
    for await (const chunk of early.body) {
      assert.ok(chunk.length > 0);
      break;
    }
    (await store.openFile("a")).body.cancel();
    const once = await store.openFile("a");
    await bytesOf(once.body);
    assert.throws(() => once.body[Symbol.asyncIterator](), TypeError);
  });

  test("nothing is begun with an aborted signal, and the signal's reason is what is thrown", async (store) => {
    await store.uploadFile("a", "x");
    const reason = new Error("stop");
    const signal = AbortSignal.abort(reason);
    const is = (error: unknown) => error === reason;
    await assert.rejects(store.statFile("a", { signal }), is);
    await assert.rejects(store.openFile("a", { signal }), is);
    await assert.rejects(store.uploadFile("b", "x", { signal }), is);
    await assert.rejects(store.copyFile("a", "b", { signal }), is);
    await assert.rejects(store.deleteFile("a", { signal }), is);
    await assert.rejects(store.moveFile("a", "b", { signal }), is);
    await assert.rejects(keysOf(store.listObjects({ signal })), is);
    assert.deepEqual(await keysOf(store.listObjects()), ["a"]);
  });

  test("aborting in the middle of a body ends it with the signal's reason", async (store) => {
    await store.uploadFile("a", new Uint8Array(3_000_000));
    const controller = new AbortController();
    const reason = new Error("stop");
    const { body } = await store.openFile("a", { signal: controller.signal });
    await assert.rejects(async () => {
      for await (const _chunk of body) controller.abort(reason);
    }, (error) => error === reason);
  });

  test("a stream that fails while it is uploaded leaves nothing behind, and its error comes back", async (store) => {
    const reason = new Error("the source broke");
    async function* broken() {
      await Promise.resolve();
      yield new Uint8Array(10);
      throw reason;
    }
    await assert.rejects(store.uploadFile("a", broken()), (error) => error === reason);
    assert.equal(await store.statFile("a"), undefined);
  });

  test("a move leaves the copy only", async (store) => {
    await store.uploadFile("in/a.csv", "1");
    const { file, copied } = await store.moveFile("in/a.csv", "archive/a.csv");
    assert.equal(copied, true);
    assert.equal(file.key, "archive/a.csv");
    assert.equal(file.size, 1);
    assert.deepEqual(await keysOf(store.listObjects()), ["archive/a.csv"]);
  });

  test("a move never overwrites other content", async (store) => {
    await store.uploadFile("in/a.csv", "new");
    await store.uploadFile("archive/a.csv", "old");
    const error = await failure(store.moveFile("in/a.csv", "archive/a.csv"));
    assert.equal(error.code, "s3-target-exists");
    assert.equal(await read(store, "archive/a.csv"), "old");
    assert.equal(await read(store, "in/a.csv"), "new");
  });

  test("a move interrupted between copy and delete is finished by moving again", async (store) => {
    await store.uploadFile("in/a.csv", "1");
    await store.copyFile("in/a.csv", "archive/a.csv");
    assert.equal((await store.moveFile("in/a.csv", "archive/a.csv")).copied, false);
    assert.deepEqual(await keysOf(store.listObjects()), ["archive/a.csv"]);
  });

  test("a move repeated after its end succeeds when it knows the ETag it moved", async (store) => {
    const { etag } = await store.uploadFile("in/a.csv", "1");
    await store.moveFile("in/a.csv", "archive/a.csv", { ifMatch: etag });
    const again = await store.moveFile("in/a.csv", "archive/a.csv", { ifMatch: etag });
    assert.equal(again.copied, false);
    assert.equal(again.file.etag, etag);
    assert.equal((await failure(store.moveFile("in/a.csv", "archive/a.csv"))).code, "s3-not-found");
  });

  test("a move onto itself is refused and deletes nothing", async (store) => {
    await store.uploadFile("a", "1");
    assert.equal((await failure(store.moveFile("a", "a"))).code, "s3-invalid-argument");
    assert.equal(await read(store, "a"), "1");
  });

  test("archiving keeps the name, and adds a suffix where the name holds other content", async (store) => {
    const archive = async (content: string) => {
      const { etag } = await store.uploadFile("in/day/stock.csv", content);
      const { file } = await archiveFile(store, "in/day/stock.csv", "archive");
      assert.equal(await read(store, file.key), content);
      assert.equal(await store.statFile("in/day/stock.csv"), undefined);
      return { key: file.key, etag };
    };
    const first = await archive("monday");
    const second = await archive("tuesday");
    const again = await archive("tuesday");
    assert.equal(first.key, "archive/stock.csv");
    assert.equal(second.key, `archive/stock-${second.etag.slice(0, 8)}.csv`);
    assert.equal(again.key, second.key);
    await store.uploadFile(`archive/stock-${md5("wednesday").slice(0, 8)}.csv`, "in the way");
    const third = await archive("wednesday");
    assert.equal(third.key, `archive/stock-${third.etag.slice(0, 8)}-2.csv`);
    assert.equal(await read(store, "archive/stock.csv"), "monday");
  });

  test("archiving repeated after its end finds the archived copy by its ETag, suffix or not", async (store) => {
    for (const content of ["monday", "tuesday"]) {
      const { etag } = await store.uploadFile("in/stock.csv", content);
      const done = await archiveFile(store, "in/stock.csv", "archive/", { ifMatch: etag });
      const again = await archiveFile(store, "in/stock.csv", "archive/", { ifMatch: etag });
      assert.equal(again.file.key, done.file.key);
    }
    assert.equal((await failure(archiveFile(store, "in/other.csv", "archive/"))).code, "s3-not-found");
  });

  test("a conditional put works where it is declared, and is refused where it is not", async (store) => {
    const put = () => store.uploadFile("claim", "mine", { ifNoneMatch: true });
    if (!store.capabilities.conditionalPut) {
      assert.equal((await failure(put())).code, "s3-unsupported");
      assert.equal(await store.statFile("claim"), undefined);
      return;
    }
    await put();
    assert.equal((await failure(put())).code, "s3-target-exists");
    assert.equal(await read(store, "claim"), "mine");
  });
}
