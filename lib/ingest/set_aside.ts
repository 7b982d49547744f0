import { ConnectorError } from "../base/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import type { PlaceAside } from "./location.ts";
import { copyAt, copyVerified, freeName, mirroredKey } from "./verified_copy.ts";
import type { StepOutcome, Work } from "./work.ts";

/** What is wanted of a move. */
interface AsideOptions {
  readonly prefix: string;
  /** What is written beside the file, as `NAME.error.json`. */
  readonly errorLog?: Readonly<Record<string, unknown>>;
}

/**
 * Moves a held file to where a person finds it; its job is released from there. A move that can't be made leaves the file
 * where it is: that it is held counts for more than where it lies.
 */
export async function setHeldAside(work: Work): Promise<StepOutcome> {
  try {
    await setAside(work, { prefix: work.settings.s3HeldPrefix });
  } catch (error) {
    if (!(error instanceof ConnectorError) || (error.retry === "later" && !work.outOfPatience)) throw error;
    if (error.code === "claim-lost") throw error;
    const { request, ports } = work;
    ports.log.warn("held file could not be moved", { key: request.file.key, ...errorFields(error) });
  }
  return { kind: "done" };
}

/**
 * Moves a file below another prefix: copies it, verifies the copy, remembers where it lies, and only then removes the
 * source. Nothing is overwritten, and every part may be repeated. A version that is nowhere any more stays so.
 */
export async function setAside(work: Work, { prefix, errorLog }: AsideOptions): Promise<void> {
  const { ports, request, state } = work;
  await work.checkClaim(true);
  const from = await work.source();
  if (!from) {
    return ports.log.warn("the file was replaced or removed before it could be moved", {
      key: request.file.key,
    });
  }
  const last = (work.run.places ?? []).at(-1);
  const isThere = last?.key.startsWith(prefix) === true && await copyAt(work, from, last.key) !== undefined;
  if (!isThere) {
    const planned = work.run.moving;
    // An earlier slice may have come as far as the copy.
    const made = planned?.startsWith(prefix) ? await copyAt(work, from, planned) : undefined;
    const target = made?.key ?? await freeName(work, mirroredKey(work, prefix));
    await work.save({ moving: target });
    const copy = made ?? await copyVerified(work, from, target);
    if (!copy) {
      return ports.log.warn("the file was replaced before it could be moved", { key: request.file.key });
    }
    const log = errorLog === undefined ? {} : { errorLog: `${target}.error.json` };
    if (log.errorLog !== undefined) await writeErrorLog(work, log.errorLog, { ...errorLog, file: target });
    const place: PlaceAside = { key: copy.key, etag: copy.etag, ...log };
    await work.save({ places: [...work.run.places ?? [], place], moving: undefined });
  }
  const place = work.run.places?.at(-1);
  if (!place) return;
  const { jobId, file } = request;
  await state.aside.note({ jobId, file, at: { key: place.key, etag: place.etag } });
  await removeSources(work, place);
  await work.save({ places: [place] });
}

/** Removes a version of a file from wherever it lies, but for one place. Another version by now is left alone. */
export async function removeSources(work: Work, keep?: PlaceAside): Promise<void> {
  const { ports: { store }, request: { file }, state } = work;
  const places: readonly PlaceAside[] = work.run.places ?? [];
  await work.checkClaim(true);
  for (const place of places) {
    if (place.key === keep?.key) continue;
    const found = await store.statFile(place.key, work.signal);
    if (found && found.etag === place.etag && found.size === file.size) {
      if (!keep) await work.save({ removingSource: true });
      if (place.errorLog !== undefined) await store.deleteFile(place.errorLog, work.signal);
      await store.deleteFile(place.key, work.signal);
    }
    if (!keep) await state.aside.forget(file, place);
  }
  const source = await store.statFile(file.key, work.signal);
  if (source && source.etag === file.etag && source.size === file.size) {
    if (!keep) await work.save({ removingSource: true });
    await store.deleteFile(file.key, work.signal);
  }
  work.moved();
}

async function writeErrorLog(work: Work, key: string, log: Readonly<Record<string, unknown>>): Promise<void> {
  await work.ports.store.uploadFile(key, JSON.stringify(log, undefined, 2) + "\n", {
    contentType: "application/json",
    ...work.signal,
  });
}
