import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { VirtualClock } from "../virtual_clock.ts";
import { bytesOf, failure, keysOf } from "./object_store_conformance.ts";
import { errorXml, objectHeaders, type RawHandler, type RawRequest, RawS3Server } from "./raw_s3_server.ts";

const ETAG = createHash("md5").update("0123456789").digest("hex");
const describe = { headers: { ...objectHeaders(ETAG), "content-length": "10" } };
const COPIED = `<CopyObjectResult><ETag>&quot;${ETAG}&quot;</ETag></CopyObjectResult>`;

/** Serves the ten bytes `0123456789`, honouring ranges. */
function tenBytes(request: RawRequest) {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
  if (!range) return { headers: objectHeaders(ETAG), body: "0123456789" };
  const [from, to] = [Number(range[1]), Math.min(Number(range[2]), 9)];
  return {
    status: 206,
    headers: { ...objectHeaders(ETAG), "content-range": `bytes ${from}-${to}/10` },
    body: "0123456789".slice(from, to + 1),
  };
}

const text = async (body: AsyncIterable<Uint8Array>) => new TextDecoder().decode(await bytesOf(body));

Deno.test("a copy answered 200 with an <Error> body is an error, and the source is not deleted", async () => {
  await using server = new RawS3Server(({ method, path }) => {
    if (method === "PUT") return { body: errorXml("InternalError") };
    if (method === "HEAD" && path === "/inventory/in/f.csv") return describe;
    return { status: 404 };
  });
  const source = server.source({ clock: new VirtualClock(), maxAttempts: 2 });
  const error = await failure(source.moveFile("in/f.csv", "archive/f.csv"));
  assert.equal(error.code, "s3-unavailable");
  assert.deepEqual(
    server.calls.filter((call) => !call.startsWith("HEAD")),
    [
      "GET /", // whether the bucket is there at all, asked after the 404 of the target
      "PUT /archive/f.csv",
      "PUT /archive/f.csv",
    ].filter((call) => server.calls.includes(call)),
  );
  assert.ok(!server.calls.some((call) => call.startsWith("DELETE")));
});

for (
  const [body, what] of [
    ["", "an empty body"],
    ["<html><body>proxy</body></html>", "an HTML page"],
    ["<CopyObjectResult></CopyObjectResult>", "no ETag"],
    ["<CopyObjectResult><ETag>", "a truncated body"],
  ] as const
) {
  Deno.test(`a copy answered 200 with ${what} is an error, and the source is not deleted`, async () => {
    await using server = new RawS3Server(({ method, path }) => {
      if (method === "PUT") return { body };
      if (method === "HEAD" && path === "/inventory/in/f.csv") return describe;
      return { status: 404 };
    });
    const source = server.source({ clock: new VirtualClock(), maxAttempts: 1 });
    await failure(source.moveFile("in/f.csv", "archive/f.csv"));
    assert.ok(!server.calls.some((call) => call.startsWith("DELETE")));
  });
}

Deno.test("a copy that is confirmed but not there, or differs, is found out before the source is deleted", async () => {
  for (
    const copy of [{ status: 404 }, { headers: { ...objectHeaders("0".repeat(32)), "content-length": "9" } }]
  ) {
    let copied = false;
    await using server = new RawS3Server(({ method, path }) => {
      if (method === "PUT") {
        copied = true;
        return { body: COPIED };
      }
      if (method === "GET") {
        return { body: `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>` };
      }
      if (path === "/inventory/in/f.csv") return describe;
      return copied ? copy : { status: 404 };
    });
    const error = await failure(server.source().moveFile("in/f.csv", "archive/f.csv"));
    assert.equal(error.code, "s3-verify-failed");
    assert.ok(!server.calls.some((call) => call.startsWith("DELETE")));
  }
});

Deno.test("a move compares the bytes where the ETags are no MD5s", async () => {
  for (const [content, outcome] of [["0123456789", "moved"], ["012345678X", "s3-verify-failed"]] as const) {
    let copied = false;
    const handler: RawHandler = ({ method, path }) => {
      const isCopy = path.startsWith("/inventory/archive");
      const headers = objectHeaders(isCopy ? "bbb-1" : "aaa-2");
      if (method === "PUT") {
        copied = true;
        return { body: COPIED };
      }
      if (method === "DELETE") return { status: 204 };
      if (path === "/inventory/") return { body: listing([], false) };
      if (isCopy && !copied) return { status: 404 };
      return { headers: { ...headers, "content-length": "10" }, body: isCopy ? content : "0123456789" };
    };
    await using server = new RawS3Server(handler);
    const move = server.source().moveFile("in/f.csv", "archive/f.csv");
    if (outcome === "moved") assert.equal((await move).copied, true);
    else assert.equal((await failure(move)).code, outcome);
    assert.equal(server.calls.some((call) => call.startsWith("DELETE")), outcome === "moved");
  }
});

Deno.test("a source replaced while it is copied is not deleted", async () => {
  let copied = false;
  await using server = new RawS3Server(({ method, path }) => {
    if (method === "PUT") {
      copied = true;
      return { body: COPIED };
    }
    if (path === "/inventory/") return { body: listing([], false) };
    if (path.startsWith("/inventory/archive")) return copied ? describe : { status: 404 };
    return copied ? { headers: { ...objectHeaders("f".repeat(32)), "content-length": "10" } } : describe;
  });
  const error = await failure(server.source().moveFile("in/f.csv", "archive/f.csv"));
  assert.equal(error.code, "s3-precondition-failed");
  assert.ok(!server.calls.some((call) => call.startsWith("DELETE")));
  const copy = server.requests.find((request) => request.method === "PUT");
  assert.equal(copy?.headers.get("x-amz-copy-source-if-match"), `"${ETAG}"`);
});

Deno.test("the copy source is percent-encoded, so that + and % name the same object there as elsewhere", async () => {
  await using server = new RawS3Server(() => ({ body: COPIED }));
  await server.source().copyFile("in/a+b %2F/ü'?.csv", "x");
  assert.equal(
    server.requests[0]?.headers.get("x-amz-copy-source"),
    "inventory/in/a%2Bb%20%252F/%C3%BC%27%3F.csv",
  );
});

function listing(keys: readonly string[], truncated: boolean | undefined, token?: string): string {
  return `<?xml version="1.0"?><ListBucketResult>` +
    (truncated === undefined ? "" : `<IsTruncated>${truncated}</IsTruncated>`) +
    (token === undefined ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`) +
    keys.map((key) =>
      `<Contents><Key>${key}</Key><Size>1</Size><ETag>&quot;${ETAG}&quot;</ETag>` +
      `<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`
    ).join("") + `</ListBucketResult>`;
}

Deno.test("a listing follows every continuation token to the last page", async () => {
  await using server = new RawS3Server(({ query }) => {
    const page = Number(query.get("continuation-token") ?? 0);
    const keys = Array.from({ length: 1000 }, (_, i) => `in/${page}-${String(i).padStart(4, "0")}`);
    return { body: page < 2 ? listing(keys, true, String(page + 1)) : listing(["in/last"], false) };
  });
  const keys = await keysOf(server.source().listObjects({ prefix: "in/" }));
  assert.equal(keys.length, 2001);
  assert.equal(keys.at(-1), "in/last");
  assert.deepEqual(server.requests.map((request) => request.query.get("prefix")), ["in/", "in/", "in/"]);
});

Deno.test("a string given to listFiles is its prefix", async () => {
  await using server = new RawS3Server(() => ({ body: listing(["in/a.csv"], false) }));
  await server.source().listFiles("in/");
  assert.equal(server.requests[0]?.query.get("prefix"), "in/");
});

Deno.test("XML entities in keys and ETags are decoded once", async () => {
  await using server = new RawS3Server(() => ({
    body: listing(["in/A&amp;B &lt;1&gt; &quot;x&quot;.csv", "in/A&amp;amp;B.csv", "in/&#252;.csv"], false),
  }));
  const files = await server.source().listFiles();
  assert.deepEqual(
    new Set(files.map((file) => file.key)),
    new Set(['in/A&B <1> "x".csv', "in/A&amp;B.csv", "in/ü.csv"]),
  );
  assert.equal(files[0]?.etag, ETAG);
});

const INCOMPLETE: Readonly<Record<string, string>> = {
  "says that more follows but not where": listing(["a"], true),
  "leads in a circle": listing(["a"], true, "again"),
  "does not say whether it is complete": listing(["a"], undefined),
  "is an HTML page": "<html><body>Welcome</body></html>",
  "lacks a size":
    `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>`,
};
for (const [what, body] of Object.entries(INCOMPLETE)) {
  Deno.test(`a listing that ${what} is an error, never a shorter list`, async () => {
    await using server = new RawS3Server(() => ({ body }));
    const error = await failure(server.source().listFiles());
    assert.equal(error.code, "s3-incomplete-listing", error.message);
  });
}

Deno.test("a listing whose second page fails is an error, never the first page", async () => {
  await using server = new RawS3Server(({ query }) =>
    query.has("continuation-token")
      ? { status: 403, body: errorXml("AccessDenied") }
      : { body: listing(["a"], true, "t") }
  );
  assert.equal((await failure(server.source().listFiles())).code, "s3-access-denied");
});

const PASSING: Readonly<Record<string, ReturnType<RawHandler>>> = {
  "hanging up": "hang up",
  "500 InternalError": { status: 500, body: errorXml("InternalError") },
  "502 without a body": { status: 502, body: "<html>bad gateway</html>" },
  "503 SlowDown": { status: 503, body: errorXml("SlowDown") },
  "504": { status: 504 },
  "429": { status: 429 },
  "400 RequestTimeout": { status: 400, body: errorXml("RequestTimeout") },
};
for (const [what, fault] of Object.entries(PASSING)) {
  Deno.test(`every operation outlives ${what}, waiting longer each time`, async () => {
    const clock = new VirtualClock();
    let faults = 2;
    await using server = new RawS3Server((request) => {
      if (faults-- > 0) return fault;
      if (request.method === "GET" && request.path === "/inventory/") return { body: listing(["a"], false) };
      if (request.method === "GET") return tenBytes(request);
      if (request.method === "PUT" && request.headers.has("x-amz-copy-source")) return { body: COPIED };
      if (request.method === "PUT") return { headers: objectHeaders(ETAG) };
      return request.method === "HEAD" ? describe : { status: 204 };
    });
    const source = server.source({ clock });
    const operations: Record<string, () => Promise<unknown>> = {
      list: () => source.listFiles(),
      // Without a body a 400 says nothing; servers send this one to uploads only.
      ...(what.startsWith("400") ? {} : { stat: () => source.statFile("a") }),
      read: () => source.downloadFile("a"),
      write: () => source.uploadFile("a", "0123456789"),
      copy: () => source.copyFile("a", "b"),
      delete: () => source.deleteFile("a"),
    };
    for (const [name, run] of Object.entries(operations)) {
      faults = 2;
      clock.slept.length = 0;
      await run();
      assert.deepEqual(clock.slept, [150, 300], name);
    }
  });
}

Deno.test("a server that stays unreachable costs as many attempts as configured, and the error says so", async () => {
  const clock = new VirtualClock();
  let endpoint = "";
  {
    await using closed = new RawS3Server(() => "hang up");
    endpoint = closed.endpoint;
  }
  await using server = new RawS3Server(() => "hang up");
  const source = server.source({ clock, endpoint, maxAttempts: 3 });
  const error = await failure(source.validateConnection());
  assert.equal(clock.slept.length, 2);
  assert.equal(error.code, "s3-unreachable");
  assert.equal(error.retry, "later");
  assert.equal(
    error.message,
    `Cannot connect to s3://inventory/: the connection to ${endpoint} failed (ECONNREFUSED); check the endpoint and the network`,
  );
});

Deno.test("a server that says how long to wait is waited for", async () => {
  const clock = new VirtualClock();
  await using server = new RawS3Server((_, n) =>
    n === 1 ? { status: 503, headers: { "retry-after": "7" }, body: errorXml("SlowDown") } : describe
  );
  await server.source({ clock }).statFile("a");
  assert.deepEqual(clock.slept, [7000]);
});

Deno.test("a server that stays silent is given up on after the time limit", async () => {
  await using server = new RawS3Server(() => "silence");
  const source = server.source({ clock: new VirtualClock(), maxAttempts: 2, timeoutMs: 20 });
  const error = await failure(source.statFile("a"));
  assert.equal(error.code, "s3-unreachable");
  assert.equal(server.requests.length, 2);
});

Deno.test("waiting for a retry and for an answer ends at once when the signal aborts", async () => {
  const reason = new Error("stop");
  for (const answer of ["silence", "hang up"] as const) {
    const controller = new AbortController();
    await using server = new RawS3Server(() => {
      queueMicrotask(() => controller.abort(reason));
      return answer;
    });
    const source = server.source({ clock: new VirtualClock() });
    await assert.rejects(source.statFile("a", { signal: controller.signal }), (error) => error === reason);
  }
});

Deno.test("a download that breaks half-way goes on at the byte reached, of the same object only", async () => {
  const clock = new VirtualClock();
  await using server = new RawS3Server((request, n) => {
    if (n === 1) return { headers: objectHeaders(ETAG), body: "0123", promisedBytes: 10 };
    if (n === 2) return { status: 503, body: errorXml("SlowDown") };
    if (n === 3) return { ...tenBytes(request), body: "45", promisedBytes: 6 };
    return tenBytes(request);
  });
  const progress: number[] = [];
  const { file, body } = await server.source({ clock }).openFile("a", {
    onProgress: ({ transferredBytes, totalBytes }) => {
      assert.equal(totalBytes, 10);
      progress.push(transferredBytes);
    },
  });
  assert.equal(file.size, 10);
  assert.equal(await text(body), "0123456789");
  assert.deepEqual(progress, [4, 6, 10]);
  assert.deepEqual(server.requests.map(({ headers }) => [headers.get("range"), headers.get("if-match")]), [
    [null, null],
    ["bytes=4-9", `"${ETAG}"`],
    ["bytes=4-9", `"${ETAG}"`],
    ["bytes=6-9", `"${ETAG}"`],
  ]);
});

Deno.test("a ranged download that breaks goes on within its range", async () => {
  await using server = new RawS3Server((request, n) =>
    n === 1 ? { ...tenBytes(request), body: "2", promisedBytes: 5 } : tenBytes(request)
  );
  const { body } = await server.source({ clock: new VirtualClock() }).openFile("a", {
    range: { start: 2, end: 7 },
  });
  assert.equal(await text(body), "23456");
  assert.equal(server.requests[1]?.headers.get("range"), "bytes=3-6");
});

Deno.test("a download that keeps breaking is an error, never a truncated file", async () => {
  await using server = new RawS3Server((_, n) =>
    n === 1 ? { headers: objectHeaders(ETAG), body: "0123", promisedBytes: 10 } : "hang up"
  );
  const source = server.source({ clock: new VirtualClock(), maxAttempts: 3 });
  const error = await failure(source.downloadFile("a"));
  assert.equal(error.code, "s3-unreachable");
  assert.equal(server.requests.length, 3);
});

Deno.test("a download whose object was replaced meanwhile is an error, never a mixture", async () => {
  // The second server knows no conditions and sends the new object's bytes.
  const answers = [
    { status: 412, body: errorXml("PreconditionFailed") },
    {
      status: 206,
      headers: { ...objectHeaders("f".repeat(32)), "content-range": "bytes 4-9/10" },
      body: "456789",
    },
    {
      status: 206,
      headers: { ...objectHeaders(ETAG), "content-range": "bytes 4-9/12" },
      body: "456789",
    },
  ];
  for (const answer of answers) {
    await using server = new RawS3Server((_, n) =>
      n === 1 ? { headers: objectHeaders(ETAG), body: "0123", promisedBytes: 10 } : answer
    );
    const error = await failure(server.source({ clock: new VirtualClock() }).downloadFile("a"));
    assert.equal(error.code, "s3-precondition-failed");
  }
});

Deno.test("a server that ignores ranges or conditions is found out", async () => {
  await using server = new RawS3Server(() => ({ headers: objectHeaders(ETAG), body: "0123456789" }));
  const source = server.source();
  assert.equal((await failure(source.openFile("a", { range: { start: 2, end: 4 } }))).code, "s3-unexpected");
  assert.equal((await failure(source.openFile("a", { ifMatch: "other" }))).code, "s3-precondition-failed");
});

Deno.test("an object stored with a Content-Encoding is read as the bytes that are stored", async () => {
  const stored = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 5, 0]);
  await using server = new RawS3Server(() => ({
    headers: { ...objectHeaders(ETAG), "content-encoding": "gzip" },
    body: stored,
  }));
  assert.deepEqual(await server.source().downloadFile("a", { encoding: "binary" }), stored);
});

Deno.test("a key with . and .. segments is asked for as it is", async () => {
  await using server = new RawS3Server(tenBytes);
  await server.source().downloadFile("in/../a/./b//c.csv");
  assert.deepEqual(server.calls, ["GET /in/../a/./b//c.csv"]);
});

Deno.test("requests keep to the plain subset: no chunked signatures, no checksum trailers, no Expect", async () => {
  await using server = new RawS3Server(() => ({ headers: objectHeaders(ETAG) }));
  await server.source().uploadFile("a", new Uint8Array(3 * 1024 * 1024), { contentType: "text/csv" });
  const [put] = server.requests;
  assert.ok(put);
  assert.equal(put.body.length, 3 * 1024 * 1024);
  assert.equal(put.headers.get("content-md5"), createHash("md5").update(put.body).digest("base64"));
  assert.equal(put.headers.get("content-type"), "text/csv");
  for (const name of put.headers.keys()) {
    assert.ok(
      !/^(expect|transfer-encoding|content-encoding|x-amz-trailer|x-amz-checksum.*|x-amz-sdk-checksum.*|if-none-match)$/
        .test(name),
      name,
    );
  }
  assert.doesNotMatch(put.headers.get("x-amz-content-sha256") ?? "", /STREAMING/);
});
