import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Bucket, listAll, patterned, refusalOf, withS3 } from "./_client.ts";

const MIB = 1024 * 1024;
const PARTS = [patterned(6 * MIB, 1), patterned(5 * MIB, 2), patterned(1 * MIB, 3)];

async function begin(client: S3Client, Key: string): Promise<string> {
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ContentType: "text/csv" }),
  );
  assert.ok(UploadId);
  return UploadId;
}

async function upload(client: S3Client, Key: string, UploadId: string, bodies: readonly Uint8Array[]) {
  const Parts = [];
  for (const [i, Body] of bodies.entries()) {
    const part = { Bucket, Key, UploadId, PartNumber: i + 1, Body };
    const { ETag } = await client.send(new UploadPartCommand(part));
    Parts.push({ PartNumber: i + 1, ETag });
  }
  return Parts;
}

Deno.test("a single put above 11 MiB is refused, in parts it goes through", () =>
  withS3({}, async (client) => {
    const whole = Buffer.concat(PARTS);
    const put = new PutObjectCommand({ Bucket, Key: "big.csv", Body: whole });
    assert.deepEqual(await refusalOf(client.send(put)), ["EntityTooLarge", 413]);

    const UploadId = await begin(client, "big.csv");
    const Parts = await upload(client, "big.csv", UploadId, PARTS);
    assert.deepEqual((await listAll(client)).objects, [], "an upload under way is not an object");
    const done = await client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key: "big.csv", UploadId, MultipartUpload: { Parts } }),
    );
    const md5s = PARTS.map((part) => createHash("md5").update(part).digest());
    assert.equal(done.ETag, `"${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-3"`);

    const got = await client.send(new GetObjectCommand({ Bucket, Key: "big.csv" }));
    assert.ok(whole.equals(await got.Body?.transformToByteArray() ?? new Uint8Array()));
    assert.deepEqual([got.ETag, got.ContentLength, got.ContentType], [done.ETag, whole.length, "text/csv"]);
    const Range = `bytes=${6 * MIB - 10}-${6 * MIB + 9}`;
    const border = await client.send(new GetObjectCommand({ Bucket, Key: "big.csv", Range }));
    const bytes = await border.Body?.transformToByteArray();
    assert.ok(whole.subarray(6 * MIB - 10, 6 * MIB + 10).equals(bytes ?? new Uint8Array()));

    // As on S3: a copy made in one piece has the ETag of one piece.
    await client.send(new CopyObjectCommand({ Bucket, Key: "copy.csv", CopySource: `${Bucket}/big.csv` }));
    const copy = await client.send(new HeadObjectCommand({ Bucket, Key: "copy.csv" }));
    const md5 = createHash("md5").update(whole).digest("hex");
    assert.deepEqual([copy.ETag, copy.ContentLength], [`"${md5}"`, whole.length]);
  }));

Deno.test("parts can be sent again, and parts that don't fit are refused", () =>
  withS3({}, async (client) => {
    const Key = "f";
    const UploadId = await begin(client, Key);
    const small = [patterned(10, 1), patterned(20, 2)];
    await upload(client, Key, UploadId, [patterned(5, 9)]);
    const Parts = await upload(client, Key, UploadId, small);
    const complete = (parts: typeof Parts) =>
      client.send(
        new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: parts } }),
      );
    assert.deepEqual(await refusalOf(complete(Parts)), ["EntityTooSmall", 400]);
    assert.deepEqual(await refusalOf(complete([{ PartNumber: 1, ETag: '"0"' }])), ["InvalidPart", 400]);
    const last = Parts.at(-1);
    assert.ok(last);
    await complete([last]);
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal((await got.Body?.transformToByteArray())?.length, 20);
    assert.deepEqual(await refusalOf(complete([last])), ["NoSuchUpload", 404]);
  }));

Deno.test("an aborted upload leaves nothing", () =>
  withS3({}, async (client, _server, stateDir) => {
    const UploadId = await begin(client, "f");
    await upload(client, "f", UploadId, [patterned(10)]);
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "f", UploadId }));
    assert.deepEqual((await listAll(client)).objects, []);
    assert.deepEqual([...Deno.readDirSync(`${stateDir}/parts`)], []);
    const again = client.send(new AbortMultipartUploadCommand({ Bucket, Key: "f", UploadId }));
    assert.deepEqual(await refusalOf(again), ["NoSuchUpload", 404]);
  }));
