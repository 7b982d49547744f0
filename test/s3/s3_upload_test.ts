import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { VirtualClock } from "../virtual_clock.ts";
import { startFauxqsBucket } from "./fauxqs_store.ts";
import { failure } from "./object_store_conformance.ts";
import { errorXml, objectHeaders, type RawAnswer, type RawRequest, RawS3Server } from "./raw_s3_server.ts";

const MIB = 1024 * 1024;
const PART = 8 * MIB;
const md5 = (data: string | Uint8Array) => createHash("md5").update(data).digest("hex");

/** Bytes that differ from place to place, so that parts in the wrong order would show. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, length);
}

async function* inChunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

Deno.test("bodies around the part size arrive unchanged, as one put up to 8 MiB and in parts above", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    for (
      const [size, parts] of [[PART - 1, 1], [PART, 1], [PART + 1, 2], [2 * PART, 2], [
        20 * MIB + 3,
        3,
      ]] as const
    ) {
      const bytes = pattern(size);
      const bodies = {
        bytes,
        stream: inChunks(bytes, 1_000_003),
        "stream of one chunk": inChunks(bytes, size),
      };
      for (const [what, body] of Object.entries(bodies)) {
        const progress: number[] = [];
        const uploaded = await s3.uploadFile("big", body, {
          onProgress: (p) => progress.push(p.transferredBytes),
        });
        assert.equal(uploaded.size, size);
        const file = await s3.statFile("big");
        assert.equal(file?.size, size, `${size} as ${what}`);
        assert.equal(file?.etag, uploaded.etag);
        assert.equal(uploaded.etag.includes("-"), parts > 1);
        assert.equal(progress.length, parts);
        assert.equal(progress.at(-1), size);
        assert.equal(
          md5(await s3.downloadFile("big", { encoding: "binary" })),
          md5(bytes),
          `${size} as ${what}`,
        );
      }
    }
  } finally {
    await bucket.close();
  }
});

Deno.test("an object uploaded in parts is moved with its bytes compared", async () => {
  const bucket = await startFauxqsBucket();
  try {
    const s3 = bucket.source();
    const bytes = pattern(PART + 5);
    await s3.uploadFile("in/big.csv", bytes);
    const { file } = await s3.archiveFile("in/big.csv");
    assert.equal(file.key, "archive/big.csv");
    assert.equal(md5(await s3.downloadFile(file.key, { encoding: "binary" })), md5(bytes));
    assert.equal(await s3.statFile("in/big.csv"), undefined);
  } finally {
    await bucket.close();
  }
});

/** A server for multipart uploads that answers as `faults` says before it answers well. */
function partsServer(faults: (request: RawRequest, number: number) => RawAnswer | undefined) {
  return new RawS3Server((request, number) => {
    const fault = faults(request, number);
    if (fault) return fault;
    if (request.method === "POST" && request.query.has("uploads")) {
      return {
        body: "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>",
      };
    }
    if (request.method === "PUT") return { headers: { etag: `"${md5(request.body)}"` } };
    if (request.method === "POST") {
      return {
        body: '<CompleteMultipartUploadResult><ETag>"whole-2"</ETag></CompleteMultipartUploadResult>',
      };
    }
    if (request.method === "DELETE") return { status: 204 };
    return { status: 404 };
  });
}

const short = ({ requests }: RawS3Server) =>
  requests.map(({ method, query }) =>
    `${method}${query.has("partNumber") ? ` part ${query.get("partNumber")}` : ""}`
  );

Deno.test("a part that fails for a moment is sent again, byte for byte", async () => {
  let failed = false;
  await using server = partsServer(({ query }) => {
    if (query.get("partNumber") !== "2" || failed) return undefined;
    failed = true;
    return { status: 500, body: errorXml("InternalError") };
  });
  const bytes = pattern(PART + 7);
  const uploaded = await server.source({ clock: new VirtualClock() }).uploadFile(
    "a",
    inChunks(bytes, 300_000),
  );
  assert.deepEqual(uploaded, { etag: "whole-2", size: bytes.length });
  assert.deepEqual(short(server), ["POST", "PUT part 1", "PUT part 2", "PUT part 2", "POST"]);
  const sent = server.requests.filter(({ method }) => method === "PUT").map(({ body }) => md5(body));
  assert.deepEqual(sent, [
    md5(bytes.subarray(0, PART)),
    md5(bytes.subarray(PART)),
    md5(bytes.subarray(PART)),
  ]);
  const complete = new TextDecoder().decode(server.requests.at(-1)?.body);
  assert.match(complete, /<PartNumber>1<\/PartNumber>[^]*<PartNumber>2<\/PartNumber>/);
});

Deno.test("an upload in parts that cannot go on is aborted, so that nothing is left to pay for", async () => {
  const reasons: Record<string, (source: ReturnType<RawS3Server["source"]>) => Promise<unknown>> = {
    "a refused part": (s3) => s3.uploadFile("a", pattern(2 * PART)),
    "a broken source": (s3) =>
      s3.uploadFile(
        "a",
        (async function* () {
          yield* inChunks(pattern(PART + 1), MIB);
          throw new Error("the source broke");
        })(),
      ),
  };
  for (const [what, run] of Object.entries(reasons)) {
    await using server = partsServer(({ query }) =>
      what === "a refused part" && query.get("partNumber") === "2"
        ? { status: 403, body: errorXml("AccessDenied") }
        : undefined
    );
    await assert.rejects(
      run(server.source()),
      what === "a refused part" ? /denies access/ : /the source broke/,
    );
    assert.equal(short(server).at(-1), "DELETE", what);
    assert.equal(server.requests.at(-1)?.query.get("uploadId"), "U1");
  }
});

Deno.test("an upload in parts that is aborted by its signal throws the signal's reason and cleans up", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  await using server = partsServer(({ query }) => {
    if (query.get("partNumber") !== "2") return undefined;
    queueMicrotask(() => controller.abort(reason));
    return "silence";
  });
  const upload = server.source().uploadFile("a", pattern(2 * PART), { signal: controller.signal });
  await assert.rejects(upload, (error) => error === reason);
  assert.equal(short(server).at(-1), "DELETE");
});

Deno.test("a completion answered 200 with an <Error> body is an error", async () => {
  await using server = partsServer(({ method, query }) =>
    method === "POST" && query.has("uploadId") ? { body: errorXml("InternalError") } : undefined
  );
  const upload = server.source({ clock: new VirtualClock(), maxAttempts: 2 }).uploadFile(
    "a",
    pattern(PART + 1),
  );
  assert.equal((await failure(upload)).code, "s3-unavailable");
});

Deno.test("a completion whose answer was lost is recognised by the object it made", async () => {
  const bytes = pattern(PART + 1);
  const etag = `${
    createHash("md5").update(md5(bytes.subarray(0, PART)), "hex").update(md5(bytes.subarray(PART)), "hex")
      .digest("hex")
  }-2`;
  for (const found of [etag, "another-2"]) {
    let completions = 0;
    await using server = partsServer(({ method, query }) => {
      if (method === "HEAD") {
        return { headers: { ...objectHeaders(found), "content-length": String(bytes.length) } };
      }
      if (method !== "POST" || !query.has("uploadId")) return undefined;
      return ++completions === 1 ? "hang up" : { status: 404, body: errorXml("NoSuchUpload") };
    });
    const upload = server.source({ clock: new VirtualClock() }).uploadFile("a", bytes);
    if (found === etag) assert.deepEqual(await upload, { etag, size: bytes.length });
    else assert.equal((await failure(upload)).code, "s3-unexpected");
  }
});

Deno.test("a conditional put sends If-None-Match, and a 412 means that the target exists", async () => {
  for (const [status, outcome] of [[200, "created"], [412, "s3-target-exists"]] as const) {
    await using server = new RawS3Server(() =>
      status === 200 ? { headers: objectHeaders("e") } : { status, body: errorXml("PreconditionFailed") }
    );
    const put = server.source({ conditionalPut: true }).uploadFile("claim", "mine", { ifNoneMatch: true });
    if (outcome === "created") assert.equal((await put).etag, "e");
    else assert.equal((await failure(put)).code, outcome);
    assert.equal(server.requests[0]?.headers.get("if-none-match"), "*");
    assert.equal(server.requests.length, 1);
  }
});

Deno.test("a conditional put whose answer was lost knows its own object from that of another", async () => {
  for (const [content, outcome] of [["mine", "created"], ["theirs", "s3-target-exists"]] as const) {
    await using server = new RawS3Server(({ method }, number) => {
      if (method === "HEAD") return { headers: { ...objectHeaders(md5(content)), "content-length": "4" } };
      return number === 1 ? "hang up" : { status: 412, body: errorXml("PreconditionFailed") };
    });
    const source = server.source({ conditionalPut: true, clock: new VirtualClock() });
    const put = source.uploadFile("claim", "mine", { ifNoneMatch: true });
    if (outcome === "created") assert.deepEqual(await put, { etag: md5("mine"), size: 4 });
    else assert.equal((await failure(put)).code, outcome);
  }
});

Deno.test("a write confirmed without an ETag is an error", async () => {
  await using server = new RawS3Server(() => ({ status: 200 }));
  assert.equal((await failure(server.source().uploadFile("a", "x"))).code, "s3-unexpected");
});
