import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { OpenedFile, OpenOptions } from "./object_store.ts";
import { fileMetadata, quoted, unquoted } from "./_names.ts";
import { type BodyStream, ResumableBody } from "./_object_body.ts";
import type { Call, S3Gateway, Sdk } from "./_gateway.ts";

/** {@link ObjectStore.openFile} over the SDK. */
export async function openObject(
  gateway: S3Gateway,
  key: string,
  options: OpenOptions,
): Promise<OpenedFile> {
  const { range, ifMatch, signal, onProgress } = options;
  const call: Call = { operation: "read", key, signal };
  const unexpected = (reason: string) => gateway.fail(call, reason, { code: "s3-unexpected" });
  if (
    range && !(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && range.start >= 0 &&
      range.start < range.end)
  ) {
    throw gateway.fail(call, `bytes ${range.start} to ${range.end} are not a range`, {
      code: "s3-invalid-argument",
    });
  }

  const get =
    (bytes: { start: number; end: number } | undefined, etag: string | undefined) =>
    async ({ client, s3 }: Sdk, send: { abortSignal: AbortSignal }) => {
      const output = await client.send(
        new s3.GetObjectCommand({
          Bucket: gateway.settings.bucket,
          Key: key,
          ...(bytes ? { Range: `bytes=${bytes.start}-${bytes.end - 1}` } : {}),
          ...(etag === undefined ? {} : { IfMatch: quoted(etag) }),
        }),
        send,
      );
      try {
        return read(output, bytes?.start ?? 0, bytes !== undefined);
      } catch (error) {
        streamOf(output)?.destroy();
        throw error;
      }
    };

  function read(output: GetObjectCommandOutput, start: number, ranged: boolean) {
    const { ContentLength: length, ContentRange, LastModified: lastModified, ETag: etag } = output;
    if (length === undefined || !lastModified || !etag) {
      throw unexpected("the answer lacks size, date or ETag");
    }
    const stream = streamOf(output);
    if (!stream) throw unexpected("the answer has no body");
    if (!ranged) {
      return { file: fileMetadata(key, { size: length, lastModified, etag }), end: length, stream };
    }
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? "") ?? [];
    if (Number(from) !== start || Number(to) - start + 1 !== length) {
      throw unexpected(
        `bytes from ${start} on were wanted, the server sent '${ContentRange ?? "all of them"}'`,
      );
    }
    const size = Number(total);
    return { file: fileMetadata(key, { size, lastModified, etag }), end: start + length, stream };
  }

  function changed(etag: string, wanted: string) {
    return gateway.fail(call, "the object was changed meanwhile: it has another ETag than wanted", {
      code: "s3-precondition-failed",
      facts: { wanted: unquoted(wanted), found: etag },
    });
  }

  const start = range?.start ?? 0;
  const opened = await gateway.call(call, get(range, ifMatch));
  const { file, end } = opened;
  const tooMuch = range !== undefined && end > range.end;
  // Also where the server knows no conditions.
  if (tooMuch || (ifMatch !== undefined && file.etag !== unquoted(ifMatch))) {
    opened.stream.destroy();
    throw tooMuch
      ? unexpected(`bytes up to ${range.end} were wanted, the server sent ${end}`)
      : changed(file.etag, ifMatch ?? "");
  }
  const body = new ResumableBody({
    gateway,
    call,
    start,
    end,
    first: opened.stream,
    reopen: async (at) => {
      const again = await gateway.once(call, get({ start: at, end }, file.etag));
      if (again.file.etag === file.etag && again.file.size === file.size && again.end === end) {
        return again.stream;
      }
      again.stream.destroy();
      throw changed(again.file.etag, file.etag);
    },
    onProgress,
  });
  return { file, body };
}

function streamOf(output: GetObjectCommandOutput): BodyStream | undefined {
  // The SDK's type covers browsers too; over the handler used here it is a node stream.
  return output.Body as unknown as BodyStream | undefined;
}
