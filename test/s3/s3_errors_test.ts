import assert from "node:assert/strict";
import { messageOf } from "../../lib/base/mod.ts";
import type { S3DataSource, S3ErrorCode } from "../../lib/s3/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { startFauxqsBucket } from "./fauxqs_store.ts";
import { failure } from "./object_store_conformance.ts";
import { errorXml, objectHeaders, type RawAnswer, RawS3Server } from "./raw_s3_server.ts";

interface Case {
  readonly answer: Exclude<RawAnswer, string>;
  readonly code: S3ErrorCode;
  /** With `{server}` for the endpoint. */
  readonly reason: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "an unknown access key": {
    answer: { status: 403, body: errorXml("InvalidAccessKeyId") },
    code: "s3-bad-credentials",
    reason: "the access key id is not known to {server}; check AWS_ACCESS_KEY_ID / the 's3' connection",
  },
  "a wrong secret": {
    answer: { status: 403, body: errorXml("SignatureDoesNotMatch") },
    code: "s3-bad-credentials",
    reason:
      "{server} refuses the signature; check AWS_SECRET_ACCESS_KEY / the 's3' connection, and the region",
  },
  "an expired session": {
    answer: { status: 400, body: errorXml("ExpiredToken") },
    code: "s3-bad-credentials",
    reason: "the session token has expired; renew AWS_SESSION_TOKEN / the 's3' connection",
  },
  "a missing permission": {
    answer: { status: 403, body: errorXml("AccessDenied") },
    code: "s3-access-denied",
    reason: "{server} denies access; the credentials need s3:ListBucket on bucket 'inventory'",
  },
  "a missing bucket": {
    answer: { status: 404, body: errorXml("NoSuchBucket") },
    code: "s3-no-bucket",
    reason: "bucket 'inventory' does not exist at {server}; create it or correct its name",
  },
  "a missing bucket without an explanation": {
    answer: { status: 404 },
    code: "s3-no-bucket",
    reason: "bucket 'inventory' does not exist at {server}; create it or correct its name",
  },
  "another region": {
    answer: {
      status: 301,
      headers: { "x-amz-bucket-region": "eu-west-1" },
      body: errorXml("PermanentRedirect"),
    },
    code: "s3-wrong-region",
    reason: "bucket 'inventory' is not in region 'us-east-1' but in 'eu-west-1'; correct the region",
  },
  "an endpoint that is some web page": {
    answer: { status: 200, body: "<!doctype html><p>Welcome" },
    code: "s3-unexpected",
    reason: "what {server} answered (200) is not what S3 answers; check the endpoint",
  },
  "an overloaded server": {
    answer: { status: 503, body: errorXml("SlowDown") },
    code: "s3-throttled",
    reason: "{server} asks to slow down (503 SlowDown)",
  },
  "a broken server": {
    answer: { status: 500, body: errorXml("InternalError") },
    code: "s3-unavailable",
    reason: "{server} could not do it now (500 InternalError)",
  },
  "anything else": {
    answer: { status: 400, body: errorXml("InvalidArgument", "That\nis wrong") },
    code: "s3-unexpected",
    reason: "unexpected answer of {server} (400 InvalidArgument: That is wrong)",
  },
};

for (const [what, { answer, code, reason }] of Object.entries(CASES)) {
  Deno.test(`validateConnection says in one line what to do about ${what}`, async () => {
    await using server = new RawS3Server(() => answer);
    const source = server.source({ clock: new VirtualClock(), maxAttempts: 2 });
    const error = await failure(source.validateConnection("in/"));
    assert.equal(error.code, code);
    assert.equal(
      error.message,
      `Cannot connect to s3://inventory/in/: ${reason.replace("{server}", server.endpoint)}`,
    );
    const passing = code === "s3-throttled" || code === "s3-unavailable";
    assert.equal(error.retry, passing ? "later" : "never");
    assert.equal(server.requests.length, passing ? 2 : 1);
    assert.equal(server.requests[0]?.query.get("max-keys"), "1");
  });
}

Deno.test("validateConnection is true for a bucket that answers, empty or not, and names the one that is missing", async () => {
  const bucket = await startFauxqsBucket();
  try {
    assert.equal(await bucket.source().validateConnection(), true);
    await bucket.source().uploadFile("in/a.csv", "x");
    assert.equal(await bucket.source().validateConnection("in/"), true);
  } finally {
    await bucket.close();
  }
});

Deno.test("a missing bucket is an error to every operation, to stat also, and never just a missing object", async () => {
  const bucket = await startFauxqsBucket("other");
  const { S3DataSource } = await import("../../lib/s3/mod.ts");
  const source = new S3DataSource({
    ...bucket.config,
    s3Config: { ...bucket.config.s3Config, bucket: "missing" },
  });
  try {
    const operations: Record<string, () => Promise<unknown>> = {
      list: () => source.listFiles(),
      stat: () => source.statFile("a"),
      read: () => source.openFile("a"),
      write: () => source.uploadFile("a", "x"),
      copy: () => source.copyFile("a", "b"),
      delete: () => source.deleteFile("a"),
      "connect to": () => source.validateConnection(),
    };
    for (const [operation, run] of Object.entries(operations)) {
      const error = await failure(run());
      assert.equal(error.code, "s3-no-bucket", `${operation}: ${error.message}`);
      assert.match(error.message, new RegExp(`^Cannot ${operation} s3://missing/`));
    }
  } finally {
    await source.dispose();
    await bucket.close();
  }
});

Deno.test("a stat that is refused without a reason finds the reason out", async () => {
  await using server = new RawS3Server(({ method }) =>
    method === "HEAD" ? { status: 403 } : { status: 403, body: errorXml("InvalidAccessKeyId") }
  );
  assert.equal((await failure(server.source().statFile("a"))).code, "s3-bad-credentials");
});

Deno.test("a stat that is refused while listing is allowed is denied access to the object", async () => {
  await using server = new RawS3Server(({ method }) =>
    method === "HEAD"
      ? { status: 403 }
      : { body: "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>" }
  );
  const error = await failure(server.source().statFile("a"));
  assert.equal(error.code, "s3-access-denied");
  assert.match(error.message, /s3:GetObject/);
});

Deno.test("a clock that is wrong is corrected by the server's, also for a stat", async () => {
  const serverTime = new Date(Date.UTC(2031, 5, 1));
  await using server = new RawS3Server(({ method, headers }) => {
    const date = { date: serverTime.toUTCString() };
    if (!headers.get("x-amz-date")?.startsWith("2031")) {
      return { status: 403, headers: date, body: method === "HEAD" ? "" : errorXml("RequestTimeTooSkewed") };
    }
    if (method === "HEAD") return { status: 404 };
    return { body: "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>" };
  });
  assert.equal(await server.source({ clock: new VirtualClock() }).statFile("a"), undefined);
});

Deno.test("a short access key does not blank out parts of the endpoint in a message", async () => {
  await using server = new RawS3Server(() => ({ status: 400, body: errorXml("Strange", "for key 127") }));
  const error = await failure(server.source({ accessKeyId: "127" }).validateConnection());
  assert.equal(
    error.message,
    `Cannot connect to s3://inventory/: unexpected answer of ${server.endpoint} (400 Strange: for key ***)`,
  );
});

Deno.test("an https endpoint that speaks http only is named as such, without a retry", async () => {
  const clock = new VirtualClock();
  await using server = new RawS3Server(() => "hang up");
  const endpoint = server.endpoint.replace("http:", "https:");
  const error = await failure(server.source({ endpoint, clock }).validateConnection());
  assert.equal(error.code, "s3-unreachable");
  assert.match(error.message, /check http or https in the endpoint, and its certificate$/);
  assert.equal(clock.slept.length, 0);
});

Deno.test({
  name: "a TLS handshake that is not answered is given up on after the time limit",
  // Deno 2.3 keeps a TLS connection that is destroyed before its handshake is over.
  sanitizeResources: false,
  async fn() {
    await using server = new RawS3Server(() => "hang up", { answersTls: false });
    const endpoint = server.endpoint.replace("http:", "https:");
    const source = server.source({ endpoint, clock: new VirtualClock(), maxAttempts: 2, timeoutMs: 50 });
    assert.equal((await failure(source.validateConnection())).code, "s3-unreachable");
  },
});

Deno.test("an error carries operation, bucket, key, status and request id as fields", async () => {
  await using server = new RawS3Server(() => ({
    status: 403,
    headers: { "x-amz-request-id": "REQ42" },
    body: errorXml("AccessDenied"),
  }));
  const error = await failure(server.source().openFile("in/a.csv"));
  assert.deepEqual(error.details, {
    operation: "read",
    bucket: "inventory",
    key: "in/a.csv",
    status: 403,
    requestId: "REQ42",
  });
});

Deno.test("a key with line breaks stays on one line of the message", async () => {
  await using server = new RawS3Server(() => ({ status: 404, body: errorXml("NoSuchKey") }));
  const error = await failure(server.source().openFile("a\nb\r\u2028c"));
  assert.equal(error.message, "Cannot read s3://inventory/a b c: there is no such object");
});

Deno.test("no secret is in an error, its details, its cause or the log, even when the server repeats it", async () => {
  const secrets = {
    accessKeyId: "AKIACANARY",
    secretAccessKey: "canary/secret+key",
    sessionToken: "canary.session",
  };
  const canary = /AKIACANARY|canary/;
  const body =
    `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>with ${secrets.secretAccessKey}` +
    ` and ${secrets.sessionToken}</Message><AWSAccessKeyId>${secrets.accessKeyId}</AWSAccessKeyId>` +
    `<CanonicalRequest>x-amz-security-token:${secrets.sessionToken}</CanonicalRequest></Error>`;
  const logged: unknown[] = [];
  const log = (...entry: unknown[]) => void logged.push(entry);
  const answers: RawAnswer[] = [
    { status: 403, body },
    { status: 400, body: body.replace("SignatureDoesNotMatch", "InvalidArgument") },
    { status: 500, body: body.replace("SignatureDoesNotMatch", secrets.secretAccessKey) },
    { status: 200, body: `<html>${secrets.secretAccessKey}</html>` },
    "hang up",
  ];
  for (const answer of answers) {
    await using server = new RawS3Server(() => answer);
    const source = server.source({
      ...secrets,
      clock: new VirtualClock(),
      maxAttempts: 2,
      logger: { debug: log, info: log, warn: log, error: log },
    });
    const operations: ((source: S3DataSource) => Promise<unknown>)[] = [
      (s3) => s3.validateConnection(),
      (s3) => s3.listFiles(),
      (s3) => s3.openFile("a").then(({ body }) => body.cancel()).then(() => s3.moveFile("a", "a")),
      (s3) => s3.uploadFile("a", "x"),
      (s3) => s3.moveFile("a", "b"),
    ];
    for (const run of operations) {
      const error = await failure(run(source));
      const everything = [
        messageOf(error),
        JSON.stringify(error.details),
        Deno.inspect(error, { depth: 20, showHidden: true, getters: true }),
        String(error.stack),
      ].join("\n");
      assert.doesNotMatch(everything, canary);
    }
    // What goes over the wire is a signature, and the token only as the header it belongs into.
    for (const { path, query, headers } of server.requests) {
      assert.doesNotMatch(`${path}?${query}`, canary);
      assert.doesNotMatch(JSON.stringify([...headers.values()]), /canary\/secret/);
    }
    assert.doesNotMatch(Deno.inspect(source, { depth: 20, showHidden: true }), /canary/);
  }
  assert.ok(logged.length > 0);
  assert.doesNotMatch(Deno.inspect(logged, { depth: 20 }), canary);
});

Deno.test("a stored object's body is not part of an error about it", async () => {
  await using server = new RawS3Server(() => ({
    headers: objectHeaders("a".repeat(32)),
    body: new Uint8Array([...new TextEncoder().encode("secret row,1\n"), 0xff]),
  }));
  const error = await failure(server.source().downloadFile("a"));
  assert.equal(error.code, "s3-not-utf8");
  assert.equal(
    error.message,
    "Cannot read s3://inventory/a: it is not valid UTF-8; use encoding 'binary' and decode it",
  );
  assert.doesNotMatch(Deno.inspect(error), /secret row/);
});
