import type { FileMetadata } from "./object_store.ts";

/** The parts of a server's answer that describe an object. */
export interface RawObject {
  readonly size: number;
  readonly lastModified: Date;
  readonly etag: string;
}

export function fileMetadata(key: string, object: RawObject): FileMetadata {
  return {
    key,
    path: key,
    name: key.slice(key.lastIndexOf("/") + 1),
    size: object.size,
    lastModified: object.lastModified,
    etag: unquoted(object.etag),
  };
}

/** An ETag as the connector keeps it: without quotes, without the mark of a weak one. */
export function unquoted(etag: string): string {
  return etag.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

/** An ETag as a condition header wants it. */
export function quoted(etag: string): string {
  return `"${unquoted(etag)}"`;
}

/** Whether an ETag has the form of the MD5 of the content; that of a multipart upload has not (`…-7`). */
export function isPlainMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/i.test(etag);
}

/**
 * The value of `x-amz-copy-source`, which has to be percent-encoded
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html); the SDK passes it on as it is.
 */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split("/").map(percentEncoded).join("/")}`;
}

/** RFC 3986: everything but unreserved characters, encoded. */
export function percentEncoded(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
