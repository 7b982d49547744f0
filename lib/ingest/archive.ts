import type { Location } from "./location.ts";
import { finalStatus } from "./report.ts";
import { removeSources } from "./set_aside.ts";
import { copyAt, copyVerified, freeName, mirroredKey } from "./verified_copy.ts";
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
  await removeSources(work);
  if (work.run.places) await work.save({ places: undefined });
  return { kind: "done" };
}

/** Remembers a delivered snapshot: the next one of its feed is held against it. */
async function noteSnapshot(work: Work): Promise<void> {
  const { request, run, state } = work;
  if (run.isSnapshot === false) return;
  const { key, lastModified, time } = request.file;
  const rows = run.rows.sendable;
  await state.history.noteSnapshot(request.feed, { jobId: request.jobId, key, lastModified, time, rows });
}

/**
 * Makes sure that the archive has the file. False when it can't have it any more: another version has taken the
 * file's place meanwhile, and is a file of its own.
 */
async function copyToArchive(work: Work): Promise<boolean> {
  const from: Location = await work.source() ?? work.request.file;
  if (work.run.archivedAs !== undefined && await copyAt(work, from, work.run.archivedAs)) return true;
  const target = await freeName(work, mirroredKey(work, work.settings.s3ArchivePrefix));
  await work.save({ archivedAs: target });
  return await copyVerified(work, from, target) !== undefined;
}
