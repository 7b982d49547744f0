import type { IncomingHttpHeaders } from "node:http";
import { noSuchBucket, S3Failure } from "./_errors.ts";
import type { FileObjectStore } from "./_object_store.ts";

/**
 * The conditions of a write that fauxqs passes over: `If-None-Match: *` and `If-Match` on a put (an option, because
 * not every store has them), the source's ETag on a copy, and S3's refusal to copy an object onto itself unchanged.
 *
 * @throws S3Failure `PreconditionFailed`, `NoSuchKey`, `NotImplemented` or `InvalidRequest`.
 */
export function checkWrite(
  store: FileObjectStore,
  bucket: string,
  key: string,
  headers: IncomingHttpHeaders,
  conditionalPut: boolean,
): void {
  if (!store.hasBucket(bucket)) throw noSuchBucket(bucket);
  const copySource = headers["x-amz-copy-source"];
  if (typeof copySource === "string") return checkCopy(store, bucket, key, copySource, headers);

  const ifNoneMatch = headers["if-none-match"];
  const ifMatch = headers["if-match"];
  if (ifNoneMatch === undefined && ifMatch === undefined) return;
  if (!conditionalPut || (ifNoneMatch !== undefined && ifNoneMatch !== "*")) {
    throw new S3Failure("NotImplemented", "A header you provided implies functionality not implemented", 501);
  }
  const etag = store.etagOf(bucket, key);
  if (ifNoneMatch !== undefined && etag !== undefined) throw preconditionFailed();
  if (ifMatch !== undefined && etag === undefined) {
    throw new S3Failure("NoSuchKey", "The specified key does not exist.", 404);
  }
  if (ifMatch !== undefined && unquoted(ifMatch) !== unquoted(etag ?? "")) throw preconditionFailed();
}

function checkCopy(
  store: FileObjectStore,
  bucket: string,
  key: string,
  source: string,
  headers: IncomingHttpHeaders,
): void {
  const [sourceBucket = "", ...rest] = decodeURIComponent(source).replace(/^\//, "").split("/");
  const sourceKey = rest.join("/");
  const isReplaced = headers["x-amz-metadata-directive"] === "REPLACE";
  if (sourceBucket === bucket && sourceKey === key && !isReplaced) {
    throw new S3Failure(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing anything.",
      400,
    );
  }
  const wanted = headers["x-amz-copy-source-if-match"];
  if (
    typeof wanted === "string" && unquoted(wanted) !== unquoted(store.etagOf(sourceBucket, sourceKey) ?? "")
  ) {
    throw preconditionFailed();
  }
}

function preconditionFailed(): S3Failure {
  return new S3Failure(
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold",
    412,
  );
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', "");
}
