import { createHash } from "node:crypto";
import type { UploadOptions } from "./object_store.ts";
import { S3Error } from "./s3_error.ts";
import { quoted, unquoted } from "./_names.ts";
import type { Call, S3Gateway } from "./_gateway.ts";

/** Up to this size one put, above it parts of this size. S3 wants parts of at least 5 MiB, at most 10,000 of them. */
export const PART_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** A piece of a body, and whether it is the last. */
interface Part {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/** Stores a body of any size with at most one part of it in memory. */
export async function uploadObject(
  gateway: S3Gateway,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<{ etag: string; size: number }> {
  const parts = body instanceof Uint8Array ? slices(body) : gathered(body, options.signal);
  const total = body instanceof Uint8Array ? body.length : undefined;
  const upload = { gateway, key, options, total };
  try {
    const first = await parts.next();
    // Both generators yield at least one part.
    const part = first.value ?? { bytes: new Uint8Array(0), last: true };
    return part.last ? await putWhole(upload, part.bytes) : await putParts(upload, part, parts);
  } finally {
    await parts.return(undefined);
  }
}

interface Upload {
  readonly gateway: S3Gateway;
  readonly key: string;
  readonly options: UploadOptions;
  readonly total: number | undefined;
}

async function putWhole(upload: Upload, bytes: Uint8Array): Promise<{ etag: string; size: number }> {
  const { gateway, key, options } = upload;
  const md5 = createHash("md5").update(bytes);
  const contentMd5 = md5.copy().digest("base64");
  const call: Call = { operation: "write", key, signal: options.signal, sendBytes: bytes.length };
  const output = await gateway.call(call, async ({ client, s3 }, send, attempt) => {
    try {
      return await client.send(
        new s3.PutObjectCommand({
          Bucket: gateway.settings.bucket,
          Key: key,
          Body: bytes,
          ContentLength: bytes.length,
          ContentMD5: contentMd5,
          ContentType: options.contentType ?? "application/octet-stream",
          ...(options.ifNoneMatch ? { IfNoneMatch: "*" } : {}),
        }),
        send,
      );
    } catch (error) {
      if (!options.ifNoneMatch || statusOf(error) !== 412) throw error;
      // Our own first attempt may have succeeded without its answer reaching us.
      const ours = attempt > 1 && await hasEtag(upload, md5.digest("hex"));
      if (ours) return { ETag: ours };
      throw targetExists(upload);
    }
  });
  options.onProgress?.({ transferredBytes: bytes.length, totalBytes: bytes.length });
  return { etag: etagOf(upload, output.ETag), size: bytes.length };
}

async function putParts(
  upload: Upload,
  first: Part,
  rest: AsyncIterator<Part>,
): Promise<{ etag: string; size: number }> {
  const { gateway, key, options } = upload;
  const { signal } = options;
  const Bucket = gateway.settings.bucket;
  const call: Call = { operation: "write", key, signal };
  const created = await gateway.call(
    call,
    ({ client, s3 }, send) =>
      client.send(
        new s3.CreateMultipartUploadCommand({
          Bucket,
          Key: key,
          ContentType: options.contentType ?? "application/octet-stream",
        }),
        send,
      ),
  );
  const UploadId = created.UploadId;
  if (!UploadId) {
    throw gateway.fail(call, "the server began a multipart upload without an id", { code: "s3-unexpected" });
  }
  try {
    const done: { PartNumber: number; ETag: string }[] = [];
    let size = 0;
    for (let part: Part | undefined = first; part;) {
      const { bytes, last }: Part = part;
      const PartNumber = done.length + 1;
      if (PartNumber > MAX_PARTS) {
        throw gateway.fail(call, `it is larger than ${MAX_PARTS} parts of ${PART_BYTES} bytes`, {
          code: "s3-unsupported",
        });
      }
      const ContentMD5 = createHash("md5").update(bytes).digest("base64");
      const output = await gateway.call(
        { ...call, sendBytes: bytes.length },
        ({ client, s3 }, send) =>
          client.send(
            new s3.UploadPartCommand({
              Bucket,
              Key: key,
              UploadId,
              PartNumber,
              Body: bytes,
              ContentLength: bytes.length,
              ContentMD5,
            }),
            send,
          ),
      );
      done.push({ PartNumber, ETag: quoted(etagOf(upload, output.ETag)) });
      size += bytes.length;
      options.onProgress?.({ transferredBytes: size, totalBytes: upload.total });
      part = last ? undefined : (await rest.next()).value as Part | undefined;
    }
    return { etag: await complete(upload, UploadId, done), size };
  } catch (error) {
    await abandon(upload, UploadId);
    throw error;
  }
}

async function complete(
  upload: Upload,
  UploadId: string,
  parts: { PartNumber: number; ETag: string }[],
): Promise<string> {
  const { gateway, key, options } = upload;
  const call: Call = { operation: "write", key, signal: options.signal };
  const output = await gateway.call(call, async ({ client, s3 }, send, attempt) => {
    try {
      return await client.send(
        new s3.CompleteMultipartUploadCommand({
          Bucket: gateway.settings.bucket,
          Key: key,
          UploadId,
          MultipartUpload: { Parts: parts },
          ...(options.ifNoneMatch ? { IfNoneMatch: "*" } : {}),
        }),
        send,
      );
    } catch (error) {
      const status = statusOf(error);
      const refused = options.ifNoneMatch === true && status === 412;
      // Our own first attempt may have succeeded without its answer reaching us; then the upload is gone.
      const ours = (refused || status === 404) && attempt > 1 && await hasEtag(upload, multipartEtag(parts));
      if (ours) return { ETag: ours };
      if (refused) throw targetExists(upload);
      if (status !== 404) throw error;
      throw gateway.fail(call, "the server has no longer the upload that was to be completed", {
        code: "s3-unexpected",
        cause: error,
      });
    }
  });
  return etagOf(upload, output.ETag);
}

/** Frees what the server keeps of a failed upload. Its failure must not hide the reason of the first one. */
async function abandon({ gateway, key }: Upload, UploadId: string): Promise<void> {
  const call: Call = { operation: "write", key };
  try {
    await gateway.call(
      call,
      ({ client, s3 }, send) =>
        client.send(
          new s3.AbortMultipartUploadCommand({ Bucket: gateway.settings.bucket, Key: key, UploadId }),
          send,
        ),
    );
  } catch (error) {
    if (error instanceof S3Error && error.code === "s3-not-found") return;
    gateway.logger.warn("An unfinished multipart upload was left behind", {
      key,
      code: error instanceof S3Error ? error.code : undefined,
    });
  }
}

/** The ETag of the object at the upload's key when it is the wanted one. */
async function hasEtag({ gateway, key, options }: Upload, etag: string): Promise<string | undefined> {
  const head = await gateway.call(
    { operation: "write", key, signal: options.signal },
    ({ client, s3 }, send) =>
      client.send(new s3.HeadObjectCommand({ Bucket: gateway.settings.bucket, Key: key }), send),
  );
  return head.ETag !== undefined && unquoted(head.ETag) === etag ? head.ETag : undefined;
}

/** What S3 makes of the parts' ETags: the MD5 of their MD5s, and their number. */
function multipartEtag(parts: readonly { ETag: string }[]): string {
  const md5 = createHash("md5");
  for (const { ETag } of parts) md5.update(unquoted(ETag), "hex");
  return `${md5.digest("hex")}-${parts.length}`;
}

function etagOf({ gateway, key }: Upload, etag: string | undefined): string {
  if (etag) return unquoted(etag);
  throw gateway.fail({ operation: "write", key }, "the server confirmed the write without an ETag", {
    code: "s3-unexpected",
  });
}

function targetExists({ gateway, key }: Upload): S3Error {
  return gateway.fail({ operation: "write", key }, "an object of this name exists already", {
    code: "s3-target-exists",
  });
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Part, undefined> {
  for (let at = 0;; at += PART_BYTES) {
    const last = at + PART_BYTES >= bytes.length;
    yield { bytes: bytes.subarray(at, at + PART_BYTES), last };
    if (last) return;
  }
}

/** Chunks of any size gathered into parts; a full part is held back until it is known whether it is the last. */
async function* gathered(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part, undefined> {
  let buffer = new Uint8Array(64 * 1024);
  let filled = 0;
  for await (let chunk of chunks) {
    signal?.throwIfAborted();
    while (chunk.length > 0) {
      if (filled === PART_BYTES) {
        yield { bytes: buffer, last: false };
        buffer = new Uint8Array(PART_BYTES);
        filled = 0;
      }
      const taken = Math.min(chunk.length, PART_BYTES - filled);
      if (filled + taken > buffer.length) {
        const larger = new Uint8Array(Math.min(PART_BYTES, Math.max(filled + taken, buffer.length * 2)));
        larger.set(buffer.subarray(0, filled));
        buffer = larger;
      }
      buffer.set(chunk.subarray(0, taken), filled);
      filled += taken;
      chunk = chunk.subarray(taken);
    }
  }
  yield { bytes: buffer.subarray(0, filled), last: true };
}
