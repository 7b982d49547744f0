import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { S3DataSource, type S3DataSourceConfig } from "../../lib/s3/mod.ts";
import { startFauxqsBucket } from "./fauxqs_store.ts";
import { failure } from "./object_store_conformance.ts";
import { objectHeaders, RawS3Server } from "./raw_s3_server.ts";

const s3Config = { accessKeyId: "id", secretAccessKey: "canary", region: "eu-west-1", bucket: "b" };

const WRONG: readonly (readonly [unknown, string])[] = [
  [undefined, "the configuration is missing"],
  [{ s3Config }, "type is missing"],
  [{ type: "S3_XML", s3Config }, "type is wrong"],
  [{ type: "S3_CSV" }, "s3Config is missing"],
  [{ type: "S3_CSV", s3Config: { ...s3Config, bucket: undefined } }, "s3Config.bucket is missing"],
  [{ type: "S3_CSV", s3Config: { ...s3Config, accessKeyId: "" } }, "s3Config.accessKeyId is missing"],
  [
    { type: "S3_CSV", s3Config: { bucket: "b", accessKeyId: "id" } },
    "s3Config.secretAccessKey is missing; s3Config.region is missing",
  ],
  [{ type: "S3_CSV", s3Config: { ...s3Config, maxAttempts: 0 } }, "s3Config.maxAttempts is wrong"],
  [
    { type: "S3_CSV", s3Config: { ...s3Config, endpoint: "localhost:9000" } },
    "s3Config.endpoint is not an http://",
  ],
  [
    { type: "S3_CSV", s3Config: { ...s3Config, endpoint: "http://user:canary@host" } },
    "s3Config.endpoint holds a user name or password",
  ],
];
for (const [config, problem] of WRONG) {
  Deno.test(`a configuration is refused with the keys to change: ${problem}`, () => {
    assert.throws(() => new S3DataSource(config as S3DataSourceConfig), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.ok(error.message.startsWith(`Cannot use the S3 data source: ${problem}`), error.message);
      assert.doesNotMatch(Deno.inspect(error), /canary/);
      return true;
    });
  });
}

Deno.test("making a data source neither loads the SDK nor opens a connection", async () => {
  await using server = new RawS3Server(() => "hang up");
  const source = server.source();
  await source.dispose();
  assert.equal(server.requests.length, 0);
});

Deno.test("path style is used with an endpoint", async () => {
  await using server = new RawS3Server(() => ({ headers: objectHeaders("e") }));
  await server.source().uploadFile("a.csv", "x");
  assert.deepEqual(server.requests.map(({ path }) => path), ["/inventory/a.csv"]);
});

Deno.test("the guide's calls work as the guide prints them", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    const content = "sku,qty\nA,1\n";
    await s3.uploadFile("inventory/updates/inventory.csv", content);
    await s3.uploadFile("inventory/other.csv", "");
    const files = await s3.listFiles("inventory/updates/");
    assert.deepEqual(files.map(({ path, name, size }) => ({ path, name, size })), [
      { path: "inventory/updates/inventory.csv", name: "inventory.csv", size: content.length },
    ]);
    assert.equal(await s3.downloadFile("inventory/updates/inventory.csv"), content);
    assert.deepEqual(
      await s3.downloadFile("inventory/updates/inventory.csv", { encoding: "binary" }),
      new TextEncoder().encode(content),
    );
    await s3.moveFile("inventory/updates/inventory.csv", "inventory/archive/inventory.csv");
    assert.deepEqual(await s3.listFiles({ prefix: "inventory/updates/" }), []);
    assert.equal(
      await new Response(await s3.downloadStream("inventory/archive/inventory.csv")).text(),
      content,
    );
  } finally {
    await bucket.close();
  }
});

Deno.test("text is decoded strictly: a byte order mark is left out, other encodings are errors and never U+FFFD", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    const cases: readonly (readonly [string, Uint8Array, string | undefined])[] = [
      ["BOM", new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), "a"],
      ["a real U+FFFD", new Uint8Array([0xef, 0xbf, 0xbd]), "\ufffd"],
      ["Latin-1", new Uint8Array([0x43, 0x41, 0x46, 0xc9]), undefined],
      ["UTF-16", new Uint8Array([0xff, 0xfe, 0x61, 0x00]), undefined],
      ["cut off", new Uint8Array([0x61, 0xc3]), undefined],
    ];
    for (const [what, bytes, text] of cases) {
      await s3.uploadFile("a", bytes);
      if (text === undefined) assert.equal((await failure(s3.downloadFile("a"))).code, "s3-not-utf8", what);
      else assert.equal(await s3.downloadFile("a"), text, what);
      assert.deepEqual(await s3.downloadFile("a", { encoding: "binary" }), bytes, what);
    }
    const latin1 = { encoding: "latin1" } as unknown as { encoding: "utf8" };
    assert.equal((await failure(s3.downloadFile("a", latin1))).code, "s3-invalid-argument");
  } finally {
    await bucket.close();
  }
});

Deno.test("a stream that is cancelled releases its connection", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    await s3.uploadFile("a", new Uint8Array(5_000_000));
    for (let i = 0; i < 3; i++) {
      const reader = (await s3.downloadStream("a")).getReader();
      assert.equal((await reader.read()).done, false);
      await reader.cancel();
    }
  } finally {
    await bucket.close();
  }
});

Deno.test("a data source that was disposed of can be used again", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    await s3.uploadFile("a", "1");
    await s3.dispose();
    assert.equal(await s3.downloadFile("a"), "1");
  } finally {
    await bucket.close();
  }
});

Deno.test("a listing of more than one page of a real server is complete", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    const keys = Array.from({ length: 1001 }, (_, i) => `in/${String(i).padStart(4, "0")}.csv`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => s3.uploadFile(key, "")));
    }
    assert.deepEqual((await s3.listFiles("in/")).map((file) => file.key), keys);
  } finally {
    await bucket.close();
  }
});
