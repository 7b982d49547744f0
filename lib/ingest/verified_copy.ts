import { createHash } from "node:crypto";
import { ConnectorError, giveBack } from "../base/mod.ts";
import { type FileMetadata, S3Error } from "../s3/mod.ts";
import type { Location } from "./location.ts";
import type { Work } from "./work.ts";

/** A file's key below another prefix: folders below the input prefix are mirrored. */
export function mirroredKey({ settings, request: { file, as } }: Work, prefix: string): string {
  const { key } = file;
  if (as) return prefix + as.name;
  return prefix + (key.startsWith(settings.s3Prefix) ? key.slice(settings.s3Prefix.length) : key);
}

/** The wanted name, or the first `name~2.csv`, `name~3.csv`, … that is free. */
export async function freeName(work: Work, wanted: string): Promise<string> {
  const dot = wanted.lastIndexOf(".");
  const cut = dot > wanted.lastIndexOf("/") + 1 ? dot : wanted.length;
  for (let n = 1;; n++) {
    const name = n === 1 ? wanted : `${wanted.slice(0, cut)}~${n}${wanted.slice(cut)}`;
    if ((await work.ports.store.statFile(name, work.signal)) === undefined) return name;
  }
}

/**
 * Copies a file and makes sure that the copy is whole. Undefined when it can't be copied any more: another version has
 * taken its place, or it is gone.
 *
 * @throws ConnectorError `archive-not-verified` when the copy is something else
 */
export async function copyVerified(
  work: Work,
  from: Location,
  target: string,
): Promise<FileMetadata | undefined> {
  const { store } = work.ports;
  await work.checkClaim(true);
  try {
    await store.copyFile(from.key, target, { ifMatch: from.etag, ...work.signal });
  } catch (error) {
    const gone = error instanceof S3Error &&
      (error.code === "s3-precondition-failed" || error.code === "s3-not-found");
    if (gone) return undefined;
    throw error;
  }
  const copy = await copyAt(work, from, target);
  if (copy) return copy;
  throw new ConnectorError(
    `Cannot move '${from.key}': expected the same ${from.size} bytes at '${target}', found something else; ` +
      "the source was left in place",
    { code: "archive-not-verified", retry: "later", details: { key: from.key, target } },
  );
}

/**
 * The object at `target`, if it has the file's content: by ETag, or, where ETags differ in kind (a multipart upload's is
 * no digest of the content), by reading it again.
 */
export async function copyAt(work: Work, from: Location, target: string): Promise<FileMetadata | undefined> {
  const { ports, run } = work;
  const copy = await ports.store.statFile(target, work.signal);
  if (!copy || copy.size !== from.size) return undefined;
  if (copy.etag === from.etag) return copy;
  const wanted = run.sha256 ?? await sha256Of(work, from);
  return await sha256Of(work, copy) === wanted ? copy : undefined;
}

async function sha256Of(work: Work, { key, etag }: { key: string; etag: string }): Promise<string> {
  const hash = createHash("sha256");
  const { body } = await work.ports.store.openFile(key, { ifMatch: etag, ...work.signal });
  for await (const chunk of body) {
    hash.update(chunk);
    giveBack(chunk);
  }
  return hash.digest("hex");
}
