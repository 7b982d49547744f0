import {
  CopyObjectCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { startS3Server } from "../../../local/s3/mod.ts";
import { Bucket, listAll, patterned, refusalOf, withFolder, withS3 } from "./_client.ts";

/** Keys that break encoders: spaces, plus, percent, ampersand, umlauts, quotes, dots, emoji. */
const ODD_KEYS = [
  "in/a b.csv",
  "in/a+b.csv",
  "in/ü&é.csv",
  "in/100%.csv",
  "in/%2F%20.csv",
  'in/"quoted" <x>.csv',
  "in/it's (1)!*.csv",
  "in//double.csv",
  "in/..up.csv",
  "in/\u{1F600}=?#.csv",
  "folder/",
];

/** As the SDK's documentation asks: a source that is encoded, its slashes kept. */
function sourceOf(key: string): string {
  return `${Bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
}

Deno.test("an object comes back as it was put, with type, metadata, ETag and times", () =>
  withS3({}, async (client) => {
    const body = "sku,qty\nä,1\n";
    const md5 = createHash("md5").update(body).digest("hex");
    const put = await client.send(
      new PutObjectCommand({
        Bucket,
        Key: "in/a.csv",
        Body: body,
        ContentType: "text/csv",
        Metadata: { feed: "daily" },
      }),
    );
    assert.equal(put.ETag, `"${md5}"`);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "in/a.csv" }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: "in/a.csv" }));
    assert.equal(await got.Body?.transformToString(), body);
    for (const answer of [head, got]) {
      assert.equal(answer.ETag, `"${md5}"`);
      assert.equal(answer.ContentLength, 13);
      assert.equal(answer.ContentType, "text/csv");
      assert.deepEqual(answer.Metadata, { feed: "daily" });
      assert.ok(answer.LastModified instanceof Date);
    }
    await client.send(new PutObjectCommand({ Bucket, Key: "in/a.csv", Body: "" }));
    const empty = await client.send(new GetObjectCommand({ Bucket, Key: "in/a.csv" }));
    assert.equal(await empty.Body?.transformToString(), "");
    assert.deepEqual((await listAll(client)).objects.map(({ key, size }) => [key, size]), [["in/a.csv", 0]]);
  }));

Deno.test("a list of more than a thousand keys continues to its end in the order of UTF-8 bytes", () =>
  withS3({}, async (client) => {
    // Upper and lower case, accents and astral characters sort differently by collation, by UTF-16 and by UTF-8.
    const names = Array.from(
      { length: 1100 },
      (_, i) => `${["a", "B", "ä", "_", "\u{1F600}", "\uFB01"][i % 6]}${i}`,
    );
    for (let i = 0; i < names.length; i += 100) {
      await Promise.all(
        names.slice(i, i + 100).map((Key) => client.send(new PutObjectCommand({ Bucket, Key, Body: Key }))),
      );
    }
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const whole = await listAll(client);
    assert.deepEqual(whole.objects.map(({ key }) => key), sorted);
    assert.equal(whole.pages, 2);
    const small = await listAll(client, { MaxKeys: 250 });
    assert.deepEqual(small.objects, whole.objects);
    assert.equal(small.pages, 5);
    const some = await listAll(client, { Prefix: "ä1", MaxKeys: 7 });
    assert.deepEqual(some.objects.map(({ key }) => key), sorted.filter((key) => key.startsWith("ä1")));
    assert.deepEqual((await listAll(client, { Prefix: "zzz" })).objects, []);
  }));

Deno.test("a delimiter groups keys under common prefixes", () =>
  withS3({}, async (client) => {
    for (const Key of ["in/1.csv", "in/2.csv", "out/1.csv", "top.csv"]) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
    }
    const top = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
    assert.deepEqual(top.CommonPrefixes?.map(({ Prefix }) => Prefix), ["in/", "out/"]);
    assert.deepEqual(top.Contents?.map(({ Key }) => Key), ["top.csv"]);
    const inside = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", Prefix: "in/" }));
    assert.deepEqual(inside.Contents?.map(({ Key }) => Key), ["in/1.csv", "in/2.csv"]);
    const after = await client.send(new ListObjectsV2Command({ Bucket, StartAfter: "in/2.csv" }));
    assert.deepEqual(after.Contents?.map(({ Key }) => Key), ["out/1.csv", "top.csv"]);
  }));

for (const length of [1_000, 1_000_000]) {
  Deno.test(`ranges of an object of ${length} bytes are exact`, () =>
    withS3({}, async (client) => {
      const body = patterned(length);
      await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: body }));
      const cases: [string, number, number][] = [
        ["bytes=0-0", 0, 1],
        ["bytes=10-19", 10, 20],
        [`bytes=${length - 1}-`, length - 1, length],
        ["bytes=500-99999999", 500, length],
        ["bytes=-300", length - 300, length],
        ["bytes=0-", 0, length],
      ];
      for (const [Range, start, end] of cases) {
        const got = await client.send(new GetObjectCommand({ Bucket, Key: "f", Range }));
        const bytes = await got.Body?.transformToByteArray();
        assert.ok(Buffer.from(bytes ?? []).equals(body.subarray(start, end)), Range);
        assert.equal(got.ContentRange, `bytes ${start}-${end - 1}/${length}`);
        assert.equal(got.ContentLength, end - start);
      }
      const beyond = new GetObjectCommand({ Bucket, Key: "f", Range: `bytes=${length}-` });
      assert.deepEqual(await refusalOf(client.send(beyond)), ["InvalidRange", 416]);
    }));
}

Deno.test("a reader that leaves in the middle of a long object harms nobody else", () =>
  withFolder(async (stateDir) => {
    const server = await startS3Server({ stateDir, buckets: [Bucket] });
    const url = `${server.url}/${Bucket}/f`;
    try {
      const body = patterned(4_000_000);
      await (await fetch(url, { method: "PUT", body })).body?.cancel();
      const leaving = (await fetch(url)).body?.getReader();
      assert.ok((await leaving?.read())?.value);
      await leaving?.cancel();
      const staying = await fetch(url);
      assert.ok(Buffer.from(body).equals(new Uint8Array(await staying.arrayBuffer())));
    } finally {
      await server.stop();
    }
  }));

Deno.test("a get on condition of an ETag fails when the object has changed", () =>
  withS3({}, async (client) => {
    const first = await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: "1" }));
    const get = () =>
      client.send(new GetObjectCommand({ Bucket, Key: "f", Range: "bytes=0-0", IfMatch: first.ETag }));
    assert.equal(await (await get()).Body?.transformToString(), "1");
    await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: "2" }));
    assert.deepEqual(await refusalOf(get()), ["PreconditionFailed", 412]);
  }));

Deno.test("odd keys can be put, listed, read, copied and deleted", () =>
  withS3({}, async (client) => {
    for (const Key of ODD_KEYS) await client.send(new PutObjectCommand({ Bucket, Key, Body: `<${Key}>` }));
    assert.deepEqual(new Set((await listAll(client)).objects.map(({ key }) => key)), new Set(ODD_KEYS));
    for (const key of ODD_KEYS) {
      const target = `archive/${key}`;
      await client.send(new CopyObjectCommand({ Bucket, Key: target, CopySource: sourceOf(key) }));
      const copy = await client.send(new GetObjectCommand({ Bucket, Key: target }));
      assert.equal(await copy.Body?.transformToString(), `<${key}>`);
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      const gone = client.send(new GetObjectCommand({ Bucket, Key: key }));
      assert.deepEqual(await refusalOf(gone), ["NoSuchKey", 404], key);
    }
    assert.deepEqual(
      new Set((await listAll(client)).objects.map(({ key }) => key)),
      new Set(ODD_KEYS.map((key) => `archive/${key}`)),
    );
  }));

Deno.test("a copy keeps ETag, type and metadata, and can be bound to its source's ETag", () =>
  withS3({}, async (client) => {
    const Body = patterned(700_000);
    const { ETag } = await client.send(
      new PutObjectCommand({ Bucket, Key: "a", Body, ContentType: "text/csv", Metadata: { feed: "daily" } }),
    );
    const copy = { Bucket, Key: "b", CopySource: sourceOf("a"), CopySourceIfMatch: ETag };
    const done = await client.send(new CopyObjectCommand(copy));
    assert.equal(done.CopyObjectResult?.ETag, ETag);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "b" }));
    assert.deepEqual(
      [head.ETag, head.ContentLength, head.ContentType, head.Metadata],
      [ETag, 700_000, "text/csv", { feed: "daily" }],
    );
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "changed" }));
    assert.deepEqual(await refusalOf(client.send(new CopyObjectCommand(copy))), ["PreconditionFailed", 412]);
    const onto = new CopyObjectCommand({ Bucket, Key: "a", CopySource: sourceOf("a") });
    assert.deepEqual(await refusalOf(client.send(onto)), ["InvalidRequest", 400]);
    const missing = new CopyObjectCommand({ Bucket, Key: "c", CopySource: sourceOf("none") });
    assert.deepEqual(await refusalOf(client.send(missing)), ["NoSuchKey", 404]);
  }));

Deno.test("several objects are deleted at once, and deleting what isn't there is no error", () =>
  withS3({}, async (client) => {
    for (const Key of ["a", "b & c", "d"]) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
    }
    const Objects = [{ Key: "a" }, { Key: "b & c" }, { Key: "none" }];
    const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    assert.deepEqual(Deleted?.map(({ Key }) => Key), ["a", "b & c", "none"]);
    assert.equal(Errors, undefined);
    await client.send(new DeleteObjectCommand({ Bucket, Key: "none" }));
    assert.deepEqual((await listAll(client)).objects.map(({ key }) => key), ["d"]);
  }));

Deno.test("a conditional put writes only what isn't there, or what is as it was", () =>
  withS3({}, async (client) => {
    const put = (condition: { IfNoneMatch?: string; IfMatch?: string }, Body: string) =>
      client.send(new PutObjectCommand({ Bucket, Key: "lock", Body, ...condition }));
    const racers = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => put({ IfNoneMatch: "*" }, `racer ${i}`)),
    );
    const winners = racers.filter(({ status }) => status === "fulfilled");
    assert.equal(winners.length, 1);
    assert.deepEqual(await refusalOf(put({ IfNoneMatch: "*" }, "late")), ["PreconditionFailed", 412]);
    const { ETag = "" } = await client.send(new HeadObjectCommand({ Bucket, Key: "lock" }));
    const second = await put({ IfMatch: ETag }, "second");
    assert.deepEqual(await refusalOf(put({ IfMatch: ETag }, "stale")), ["PreconditionFailed", 412]);
    await put({ IfMatch: second.ETag ?? "" }, "third");
    const now = await client.send(new GetObjectCommand({ Bucket, Key: "lock" }));
    assert.equal(await now.Body?.transformToString(), "third");
    const none = new PutObjectCommand({ Bucket, Key: "none", Body: "x", IfMatch: ETag });
    assert.deepEqual(await refusalOf(client.send(none)), ["NoSuchKey", 404]);
  }));

Deno.test("a store without conditional put says so instead of writing", () =>
  withS3({ conditionalPut: false }, async (client) => {
    const put = new PutObjectCommand({ Bucket, Key: "lock", Body: "x", IfNoneMatch: "*" });
    assert.deepEqual(await refusalOf(client.send(put)), ["NotImplemented", 501]);
    assert.deepEqual((await listAll(client)).objects, []);
  }));

Deno.test("buckets and keys that don't exist are refused by S3's names", () =>
  withS3({}, async (client) => {
    const put = new PutObjectCommand({ Bucket: "elsewhere", Key: "f", Body: "x" });
    assert.deepEqual(await refusalOf(client.send(put)), ["NoSuchBucket", 404]);
    const list = new ListObjectsV2Command({ Bucket: "elsewhere" });
    assert.deepEqual(await refusalOf(client.send(list)), ["NoSuchBucket", 404]);
    const get = new GetObjectCommand({ Bucket: "elsewhere", Key: "f" });
    assert.deepEqual(await refusalOf(client.send(get)), ["NoSuchBucket", 404]);
    const headBucket = new HeadBucketCommand({ Bucket: "elsewhere" });
    assert.deepEqual(await refusalOf(client.send(headBucket)), ["NotFound", 404]);
    const head = new HeadObjectCommand({ Bucket, Key: "none" });
    assert.deepEqual(await refusalOf(client.send(head)), ["NotFound", 404]);
    await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: "x" }));
    const remove = new DeleteBucketCommand({ Bucket });
    assert.deepEqual(await refusalOf(client.send(remove)), ["BucketNotEmpty", 409]);
  }));
