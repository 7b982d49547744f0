import { S3Error } from "../s3/mod.ts";
import { factsOf, type JobFacts, type JobRecord } from "../jobs/mod.ts";
import { fileId, type IngestFile, type LedgerEntry, StateError } from "../state/mod.ts";
import { forgetCancel } from "./cancel.ts";
import { isSharedUser } from "./fluent_jobs.ts";
import { locate, type PlaceAside } from "./location.ts";
import { manifestKey } from "./manifest.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { jobIdOf } from "./request.ts";
import { partitionClaim } from "./partition_record.ts";
import { readRun, type RunRecord, writeRun } from "./run_record.ts";
import { stagedPrefix } from "./staging.ts";
import { claimsPrefix } from "./sweep.ts";

/** What removing needs. */
export interface RemainsPorts {
  /** Of any feed: what a job's own run says of its place goes first. */
  readonly settings: Settings;
  readonly ports: IngestPorts;
  readonly state: IngestState;
}

/**
 * Removes what a job whose time is over keeps beside its record: its run, journal and claim, its manifest and the plain
 * copy of its file. Kept is what may be needed once more: when a trigger may take the job up again, because its file
 * still waits, and when another file shares its Fluent job. What is kept goes with the file's entry in the ledger. Reports
 * and archived files are nobody's but the user's.
 *
 * @returns false when somebody is at work on the job, so that its record has to stay
 */
export async function releaseJob(job: JobRecord, tools: RemainsPorts): Promise<boolean> {
  const { ports, state } = tools;
  const facts = factsOf(job);
  const file = fileOf(facts, ports.store.bucket);
  if (await isWorkedOn(job.jobId, tools)) return false;
  // A discovery that failed has a record and nothing else.
  if (!file) return true;
  const entry = await state.ledger.getFile(file);
  const mayGoOn = entry?.jobId === job.jobId && !isFinal(entry) && await isSomewhere(file, job.jobId, ports);
  if (mayGoOn) {
    await startAnother(job.jobId, ports);
    return true;
  }
  if (facts.feed !== undefined && await isSharedUser(ports.kv, facts.feed, job.jobId)) return true;
  await removeRemains(job.jobId, tools);
  if (facts.as && (entry === undefined || isFinal(entry))) await removeStaged(file, tools);
  return true;
}

/** A job that is taken up again has another life: how the last one ended, or was to, is no business of it. */
async function startAnother(jobId: string, { kv }: IngestPorts): Promise<void> {
  await forgetCancel(kv, jobId);
  const run = await readRun(kv, jobId);
  if (run?.failure) await writeRun(kv, { ...run, failure: undefined });
}

/** Removes everything a job keeps beside its record. Doing it again, or going on with it after a crash, does no harm. */
export async function removeRemains(jobId: string, { settings, ports, state }: RemainsPorts): Promise<void> {
  const { kv, store } = ports;
  const run = await readRun(kv, jobId);
  const claims = claimsOf(jobId, run);
  const ownEnd = manifestKey("", jobId);
  const workPrefix = run?.manifestKey.endsWith(ownEnd)
    ? run.manifestKey.slice(0, -ownEnd.length)
    : settings.s3WorkPrefix;
  for (
    const prefix of [`${workPrefix}${jobId}/`, `${claimsPrefix(workPrefix)}${encodeURIComponent(jobId)}/`]
  ) {
    for await (const { key } of store.listObjects({ prefix, ...signalOf(ports) })) {
      await store.deleteFile(key, signalOf(ports));
    }
  }
  for (const name of ["journal", "partitions"]) {
    for await (const { key } of kv.list([name, jobId])) await kv.delete(key);
  }
  for (const name of ["cancels", "traces"]) await kv.delete([name, jobId]);
  for (const name of claims) await state.claims.forget(name);
  for (const place of run?.places ?? []) await state.aside.forgetCopy(store.bucket, place);
  // The run last: it says where the rest is.
  await kv.delete(["runs", jobId]);
}

/** Whether somebody works on a job, or on a partition of it. */
export async function isWorkedOn(jobId: string, { ports, state }: RemainsPorts): Promise<boolean> {
  for (const name of claimsOf(jobId, await readRun(ports.kv, jobId))) {
    if (await state.claims.isHeld(name)) return true;
  }
  return false;
}

/** The claims on a job and on its partitions. */
function claimsOf(jobId: string, run: RunRecord | undefined): readonly string[] {
  const partitions = Array.from({ length: run?.partitions?.count ?? 0 }, (_, n) => partitionClaim(jobId, n));
  return [jobId, ...partitions];
}

/** A file made by the connector is nobody else's; once its job is over and forgotten, nothing will ever take it. */
async function removeStaged(file: IngestFile, { settings, ports }: RemainsPorts): Promise<void> {
  if (!file.key.startsWith(stagedPrefix(settings)) || !(await isThere(file, ports))) return;
  await ports.store.deleteFile(file.key, signalOf(ports));
}

/** Whether this version of a file still lies where it arrived. */
export async function isThere(
  file: Pick<IngestFile, "key" | "etag" | "size">,
  ports: Pick<IngestPorts, "store" | "signal">,
): Promise<boolean> {
  const found = await ports.store.statFile(file.key, signalOf(ports));
  return found !== undefined && found.etag === file.etag && found.size === file.size;
}

/** Whether this version of a file still lies where it arrived, or where its job has moved it. */
async function isSomewhere(file: IngestFile, jobId: string, ports: IngestPorts): Promise<boolean> {
  const places = (await readRun(ports.kv, jobId))?.places ?? [];
  return await locate(ports.store, file, places, ports.signal) !== undefined;
}

/** Where a job has moved its file, as far as a copy of it still lies there. */
export async function placesLeft(jobId: string, { kv, store, signal }: IngestPorts): Promise<PlaceAside[]> {
  const left: PlaceAside[] = [];
  for (const place of (await readRun(kv, jobId))?.places ?? []) {
    if ((await store.statFile(place.key, signal ? { signal } : {}))?.etag === place.etag) left.push(place);
  }
  return left;
}

/** Every job a file has had, by its name in the ledger. */
export function jobsOf(id: string, { jobs, jobId }: LedgerEntry): readonly string[] {
  return [...new Set([...Array.from({ length: jobs }, (_, i) => jobIdOf(id, i + 1)), jobId])];
}

/** Whether the job of a file in this state never goes on. */
export function isFinal({ status }: LedgerEntry): boolean {
  return status === "completed" || status === "completed_with_errors" || status === "cancelled" ||
    status === "replaced";
}

/** Whether a failure is about one job or file, so that the others may go on: not when the state store doesn't answer. */
export function isOfOne(error: unknown): boolean {
  return error instanceof S3Error || (error instanceof StateError && error.code === "state-unreadable");
}

/** What is at a key now, as the ledger would name it. */
export async function nameOfObject(key: string, ports: Pick<IngestPorts, "store" | "signal">) {
  const found = await ports.store.statFile(key, signalOf(ports));
  return found && fileId({ bucket: ports.store.bucket, key, etag: found.etag, size: found.size });
}

function fileOf({ file }: JobFacts, bucket: string): IngestFile | undefined {
  if (!file || file.etag === "") return undefined;
  return { ...file, bucket: file.bucket ?? bucket, lastModified: file.lastModified ?? "" };
}

function signalOf({ signal }: Pick<IngestPorts, "signal">): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
