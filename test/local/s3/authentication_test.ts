import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { startS3Server } from "../../../local/s3/mod.ts";
import { Bucket, clientOf, keys, listAll, refusalOf, withS3 } from "./_client.ts";

Deno.test("an unknown access key and a wrong secret are refused by S3's names, whatever is asked", () =>
  withS3({}, async (client, server) => {
    await client.send(new PutObjectCommand({ Bucket, Key: "f", Body: "kept" }));
    const cases = [
      [{ ...keys, accessKeyId: "OTHER" }, "InvalidAccessKeyId"],
      [{ ...keys, secretAccessKey: "wrong" }, "SignatureDoesNotMatch"],
    ] as const;
    for (const [credentials, code] of cases) {
      const stranger = clientOf(server.url, credentials);
      const calls = [
        stranger.send(new ListObjectsV2Command({ Bucket })),
        stranger.send(new GetObjectCommand({ Bucket, Key: "f" })),
        stranger.send(new PutObjectCommand({ Bucket, Key: "f", Body: "changed" })),
      ];
      for (const call of calls) assert.deepEqual(await refusalOf(call), [code, 403]);
      // A head has no body, so the client learns the status only.
      const [, status] = await refusalOf(stranger.send(new HeadBucketCommand({ Bucket })));
      assert.equal(status, 403);
      stranger.destroy();
    }
    const got = await client.send(new GetObjectCommand({ Bucket, Key: "f" }));
    assert.equal(await got.Body?.transformToString(), "kept");
  }));

Deno.test("requests without a signature, or with a damaged one, are refused as XML", () =>
  withS3({}, async (_client, server) => {
    const cases: [HeadersInit, number, RegExp][] = [
      [{}, 403, /<Code>AccessDenied<\/Code>/],
      [{ authorization: "Bearer x" }, 400, /<Code>AuthorizationHeaderMalformed<\/Code>/],
      [
        {
          authorization:
            `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/20260101/us-east-1/s3/aws4_request, ` +
            `SignedHeaders=host, Signature=${"0".repeat(64)}`,
        },
        403,
        /<Code>AccessDenied<\/Code>/,
      ],
    ];
    for (const [headers, status, code] of cases) {
      const answer = await fetch(`${server.url}/${Bucket}?list-type=2`, { headers });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("content-type"), "application/xml");
      assert.match(await answer.text(), code);
    }
  }));

Deno.test("a signature covers path and query, so it opens nothing else", () =>
  withS3({}, async (client, server) => {
    await client.send(new PutObjectCommand({ Bucket, Key: "a b", Body: "1" }));
    let headers: Record<string, string> = {};
    client.middlewareStack.add(
      (next) => (args) => {
        headers = { ...(args.request as { headers: Record<string, string> }).headers };
        return next(args);
      },
      { step: "finalizeRequest", priority: "low", name: "capture" },
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key: "a b" }));
    assert.equal(await got.Body?.transformToString(), "1");
    const signed = Object.fromEntries(
      ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-user-agent", "amz-sdk-invocation-id"]
        .concat("amz-sdk-request").flatMap((name) =>
          headers[name] === undefined ? [] : [[name, headers[name]]]
        ),
    );
    const status = async (path: string) => {
      const answer = await fetch(server.url + path, { headers: signed });
      return [answer.status, /<Code>(.*)<\/Code>/.exec(await answer.text())?.[1]];
    };
    assert.deepEqual(await status(`/${Bucket}/a%20b?x-id=GetObject`), [200, undefined]);
    assert.deepEqual(await status(`/${Bucket}/other?x-id=GetObject`), [403, "SignatureDoesNotMatch"]);
    assert.deepEqual(await status(`/${Bucket}/a%20b?x-id=Other`), [403, "SignatureDoesNotMatch"]);
  }));

Deno.test("without credentials of its own the server takes anybody's", () =>
  withS3({}, async (_client, _server, stateDir) => {
    const open = await startS3Server({ stateDir: `${stateDir}/open`, buckets: [Bucket] });
    const anybody = clientOf(open.url, { accessKeyId: "any", secretAccessKey: "thing" });
    try {
      await anybody.send(new PutObjectCommand({ Bucket, Key: "f", Body: "x" }));
      assert.equal((await listAll(anybody)).objects.length, 1);
    } finally {
      anybody.destroy();
      await open.stop();
    }
  }));
