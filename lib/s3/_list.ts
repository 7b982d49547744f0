import type { FileMetadata, ListOptions } from "./object_store.ts";
import { fileMetadata } from "./_names.ts";
import type { Call, S3Gateway } from "./_gateway.ts";

/** Every page of a listing, until the server says that there is no further one. */
export async function* listAllObjects(
  gateway: S3Gateway,
  options: ListOptions,
): AsyncGenerator<FileMetadata, undefined> {
  const { prefix, startAfter, signal } = options;
  const call: Call = { operation: "list", key: prefix ?? "", signal, onBucket: true };
  const incomplete = (reason: string) => gateway.fail(call, reason, { code: "s3-incomplete-listing" });
  const seen = new Set<string>();
  let token: string | undefined;
  for (;;) {
    const page = await gateway.call(call, ({ client, s3 }, send) =>
      client.send(
        new s3.ListObjectsV2Command({
          Bucket: gateway.settings.bucket,
          ...(prefix ? { Prefix: prefix } : {}),
          ...(startAfter && !token ? { StartAfter: startAfter } : {}),
          ...(token ? { ContinuationToken: token } : {}),
        }),
        send,
      ));
    for (const object of page.Contents ?? []) {
      const { Key: key, Size: size, LastModified: lastModified, ETag: etag } = object;
      if (key === undefined || size === undefined || !lastModified || !etag) {
        throw incomplete("an entry lacks key, size, date or ETag");
      }
      yield fileMetadata(key, { size, lastModified, etag });
    }
    if (page.IsTruncated === false) return;
    if (page.IsTruncated === undefined) {
      throw incomplete("the server does not say whether the listing is complete");
    }
    token = page.NextContinuationToken;
    if (!token) throw incomplete("the server says that more follows, but not where");
    if (seen.has(token)) throw incomplete("the server's pages lead back to one already read");
    seen.add(token);
  }
}
