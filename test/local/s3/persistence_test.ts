import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startS3InWorker, startS3Server } from "../../../local/s3/mod.ts";
import { Bucket, clientOf, keys, listAll, patterned, withFolder } from "./_client.ts";

Deno.test("objects and uploads under way survive a restart as they were", () =>
  withFolder(async (stateDir) => {
    const options = { stateDir, buckets: [Bucket], credentials: keys };
    const first = await startS3Server(options);
    let client = clientOf(first.url);
    await client.send(
      new PutObjectCommand({ Bucket, Key: "in/a b.csv", Body: "kept", ContentType: "text/csv" }),
    );
    await client.send(new PutObjectCommand({ Bucket, Key: "gone", Body: "gone" }));
    await client.send(new PutObjectCommand({ Bucket, Key: "twice", Body: "old" }));
    await client.send(new PutObjectCommand({ Bucket, Key: "twice", Body: "newer" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "gone" }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const Body = patterned(300_000);
    const part = { Bucket, Key: "parts", UploadId, PartNumber: 1 };
    const { ETag } = await client.send(new UploadPartCommand({ ...part, Body }));
    const before = await listAll(client);
    assert.equal(before.objects.length, 2);
    client.destroy();
    await first.stop();

    const second = await startS3Server(options);
    client = clientOf(second.url);
    try {
      assert.deepEqual(await listAll(client), before);
      const got = await client.send(new GetObjectCommand({ Bucket, Key: "in/a b.csv" }));
      assert.deepEqual([await got.Body?.transformToString(), got.ContentType], ["kept", "text/csv"]);
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await client.send(
        new CompleteMultipartUploadCommand({ Bucket, Key: "parts", UploadId, MultipartUpload }),
      );
      const whole = await client.send(new GetObjectCommand({ Bucket, Key: "parts" }));
      assert.ok(Buffer.from(Body).equals(await whole.Body?.transformToByteArray() ?? new Uint8Array()));
      const files = [...Deno.readDirSync(`${stateDir}/objects/${Bucket}`)].map(({ name }) => name);
      assert.equal(files.length, 3, "one file an object, replaced and deleted ones gone");
    } finally {
      client.destroy();
      await second.stop();
    }
  }));

Deno.test("a process killed right after its answers has kept the objects, and half-written bytes are swept away", () =>
  withFolder(async (stateDir) => {
    const door = new URL("../../../local/s3/mod.ts", import.meta.url).href;
    const options = { stateDir, buckets: [Bucket], credentials: keys };
    // The server runs in a thread there, so this also shows that the thread dies with its process.
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-lock",
        `import { startS3InWorker } from ${JSON.stringify(door)};
         const server = await startS3InWorker(${JSON.stringify(options)});
         console.log(server.port);`,
      ],
      cwd: new URL("../../../", import.meta.url).pathname,
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const url = `http://127.0.0.1:${Number((await output.read()).value)}`;
    let client = clientOf(url);
    for (let i = 0; i < 10; i++) {
      await client.send(new PutObjectCommand({ Bucket, Key: `f${i}`, Body: `body ${i}` }));
    }
    await client.send(new DeleteObjectCommand({ Bucket, Key: "f0" }));
    const before = await listAll(client);
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    client.destroy();
    await assert.rejects(fetch(url), TypeError);
    Deno.writeTextFileSync(`${stateDir}/objects/${Bucket}/half-written`, "sku,q");
    Deno.writeTextFileSync(`${stateDir}/parts/half-written`, "sku,q");

    const server = await startS3Server(options);
    client = clientOf(server.url);
    try {
      assert.equal(before.objects.length, 9);
      assert.deepEqual(await listAll(client), before);
      const got = await client.send(new GetObjectCommand({ Bucket, Key: "f7" }));
      assert.equal(await got.Body?.transformToString(), "body 7");
      const names = [
        ...Deno.readDirSync(`${stateDir}/objects/${Bucket}`),
        ...Deno.readDirSync(`${stateDir}/parts`),
      ];
      assert.equal(names.length, 9);
    } finally {
      client.destroy();
      await server.stop();
    }
  }));

Deno.test("in a thread of its own it serves and stops, and says why it can't start", () =>
  withFolder(async (stateDir) => {
    const server = await startS3InWorker({ stateDir, buckets: [Bucket], credentials: keys });
    const client = clientOf(server.url);
    await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: "x" }));
    assert.equal((await listAll(client)).objects.length, 1);
    client.destroy();
    await assert.rejects(
      startS3InWorker({ stateDir: `${stateDir}/other`, port: server.port }),
      new RegExp(`Cannot start the S3 server on 127\\.0\\.0\\.1:${server.port}`),
    );
    await server.stop();
    await assert.rejects(fetch(server.url), TypeError);
    await assert.rejects(
      startS3Server({ stateDir, buckets: ["Not A Bucket"] }),
      /The specified bucket is not valid: Not A Bucket/,
    );
  }));
