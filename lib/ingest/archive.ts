import { createHash } from "node:crypto";
import { ConnectorError, giveBack } from "../base/mod.ts";
import { S3Error } from "../s3/mod.ts";
import { finalStatus } from "./report.ts";
import type { StepOutcome, Work } from "./work.ts";

/**
 * The last effect: copies the file to the archive, verifies the copy, closes the ledger, and only then removes the
 * source. Nothing in the archive is overwritten, and a source that has changed meanwhile is left where it is.
 */
export async function archive(work: Work): Promise<StepOutcome> {
  const { ports, request, state } = work;
  const { file } = request;
  await work.checkClaim(true);
  await work.showProgress({ stage: "archive", message: "Archiving the file" }, true);
  if (!(await copyToArchive(work))) {
    ports.log.warn("the file was replaced or removed before it could be archived", { key: file.key });
    await work.save({ archivedAs: undefined });
  }
  const status = finalStatus(work);
  await noteSnapshot(work);
  await state.ledger.markFileProcessed(file, {
    jobId: request.jobId,
    status: status === "completed" ? "completed" : "completed_with_errors",
  });
  await work.checkClaim(true);
  const source = await ports.store.statFile(file.key, work.signal);
  if (source && source.etag === file.etag && source.size === file.size) {
    await work.save({ removingSource: true });
    await ports.store.deleteFile(file.key, work.signal);
  }
  return { kind: "done" };
}

/** Remembers a delivered snapshot: the next one of its feed is held against it. */
async function noteSnapshot(work: Work): Promise<void> {
  const { request, run, state } = work;
  if (run.isSnapshot === false) return;
  const { key, lastModified } = request.file;
  const rows = run.rows.sendable;
  await state.history.noteSnapshot(request.feed, { jobId: request.jobId, key, lastModified, rows });
}

/**
 * Makes sure that the archive has the file. False when it can't have it any more: another version has taken the
 * file's place meanwhile, and is a file of its own.
 */
async function copyToArchive(work: Work): Promise<boolean> {
  const { store } = work.ports;
  const { file } = work.request;
  if (work.run.archivedAs !== undefined && await isCopy(work, work.run.archivedAs)) return true;
  const target = await freeName(work, archiveKey(work));
  await work.save({ archivedAs: target });
  await work.checkClaim(true);
  try {
    await store.copyFile(file.key, target, { ifMatch: file.etag, ...work.signal });
  } catch (error) {
    const gone = error instanceof S3Error &&
      (error.code === "s3-precondition-failed" || error.code === "s3-not-found");
    if (gone) return false;
    throw error;
  }
  if (await isCopy(work, target)) return true;
  throw new ConnectorError(
    `Cannot archive '${file.key}': expected the same ${file.size} bytes at '${target}', found something else; ` +
      "the source was left in place",
    { code: "archive-not-verified", retry: "later", details: { key: file.key, target } },
  );
}

/** Folders below the input prefix are mirrored below the archive prefix. */
function archiveKey(work: Work): string {
  const { s3Prefix, s3ArchivePrefix } = work.settings;
  const { file: { key }, as } = work.request;
  if (as) return s3ArchivePrefix + as.name;
  return s3ArchivePrefix + (key.startsWith(s3Prefix) ? key.slice(s3Prefix.length) : key);
}

/** The wanted name, or the first `name~2.csv`, `name~3.csv`, … that is free. */
async function freeName(work: Work, wanted: string): Promise<string> {
  const dot = wanted.lastIndexOf(".");
  const cut = dot > wanted.lastIndexOf("/") + 1 ? dot : wanted.length;
  for (let n = 1;; n++) {
    const name = n === 1 ? wanted : `${wanted.slice(0, cut)}~${n}${wanted.slice(cut)}`;
    if ((await work.ports.store.statFile(name, work.signal)) === undefined) return name;
  }
}

/**
 * Whether the object at `target` has the file's content: by ETag, or, where ETags differ in kind (a multipart upload's
 * is no digest of the content), by reading it again.
 */
async function isCopy(work: Work, target: string): Promise<boolean> {
  const { ports, request, run } = work;
  const copy = await ports.store.statFile(target, work.signal);
  if (!copy || copy.size !== request.file.size) return false;
  if (copy.etag === request.file.etag) return true;
  const hash = createHash("sha256");
  const { body } = await ports.store.openFile(target, { ifMatch: copy.etag, ...work.signal });
  for await (const chunk of body) {
    hash.update(chunk);
    giveBack(chunk);
  }
  return hash.digest("hex") === run.sha256;
}
