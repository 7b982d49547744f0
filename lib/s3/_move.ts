import { createHash } from "node:crypto";
import { isPlainMd5 } from "./_names.ts";
import type { FileMetadata, MovedFile, MoveOptions, ObjectStore } from "./object_store.ts";
import { S3Error, type S3ErrorCode } from "./s3_error.ts";

/** What a move is made of. */
export type MovePrimitives = Pick<
  ObjectStore,
  "bucket" | "statFile" | "openFile" | "copyFile" | "deleteFile"
>;

/** {@link ObjectStore.moveFile} in terms of the other operations. */
export async function moveObject(
  store: MovePrimitives,
  from: string,
  to: string,
  options: MoveOptions = {},
): Promise<MovedFile> {
  const { signal, ifMatch } = options;
  const fail = (code: S3ErrorCode, reason: string, facts?: Record<string, unknown>) =>
    new S3Error(reason, {
      operation: "move",
      bucket: store.bucket,
      key: from,
      code,
      facts: { target: to, ...facts },
    });
  if (from === to) throw fail("s3-invalid-argument", "source and target are the same");

  const source = await store.statFile(from, { signal });
  const existing = await store.statFile(to, { signal });
  if (!source) {
    // An earlier move got as far as the delete: its copy is the proof.
    if (existing && ifMatch !== undefined && isPlainMd5(ifMatch) && existing.etag === ifMatch) {
      return { file: existing, copied: false };
    }
    throw fail("s3-not-found", "there is no such object", existing ? { targetEtag: existing.etag } : {});
  }
  if (ifMatch !== undefined && source.etag !== ifMatch) {
    throw fail("s3-precondition-failed", "the object was changed meanwhile: it has another ETag than wanted");
  }
  if (existing && !await sameContent(store, source, existing, signal)) {
    throw fail("s3-target-exists", `other content is at '${to}' already`, { targetEtag: existing.etag });
  }
  if (!existing) await store.copyFile(from, to, { ifMatch: source.etag, signal });

  const copy = await store.statFile(to, { signal });
  if (!copy || !await sameContent(store, source, copy, signal)) {
    throw fail(
      "s3-verify-failed",
      `the copy at '${to}' ${copy ? "differs from it" : "is missing"}; it was kept`,
    );
  }
  const now = await store.statFile(from, { signal });
  if (now && now.etag !== source.etag) {
    throw fail("s3-precondition-failed", "the object was replaced while it was copied; it was kept");
  }
  await store.deleteFile(from, { signal });
  return { file: copy, copied: !existing };
}

/**
 * Whether two objects hold the same bytes. Equal MD5s say so; anything else but a different size (an ETag of
 * a multipart upload or of an encrypted object is no MD5) is decided by reading both.
 */
async function sameContent(
  store: MovePrimitives,
  a: FileMetadata,
  b: FileMetadata,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (a.size !== b.size) return false;
  if (a.etag === b.etag && isPlainMd5(a.etag)) return true;
  return await sha256(store, a, signal) === await sha256(store, b, signal);
}

async function sha256(store: MovePrimitives, file: FileMetadata, signal: AbortSignal | undefined) {
  const hash = createHash("sha256");
  const { body } = await store.openFile(file.key, { ifMatch: file.etag, signal });
  for await (const chunk of body) hash.update(chunk);
  return hash.digest("hex");
}
