import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import { FluentApiError } from "../fluent/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";
import { FluentSession } from "./fluent_session.ts";
import type { Work } from "./work.ts";

/** Files remembered as users of a shared Fluent job: their batches in it are known ones. */
const MAX_USERS = 100;
/** A new job whose answer is unreadable is asked for again, at most so often: each may leave an empty orphan. */
const CREATE_ATTEMPTS = 3;

/** A Fluent job that several files of a feed share. */
const sharedJobSchema = z.object({
  v: z.literal(1),
  fluentJobId: z.string(),
  /** The UTC day it was opened on, `YYYY-MM-DD`. */
  day: z.string(),
  /** The jobs whose batches are in it, the latest last. */
  users: z.array(z.string()),
});

/**
 * Makes sure that the run has an open Fluent job, by the feed's strategy: one per file, one per day, or one kept until
 * Fluent closes it. An orphan without batches is all that a crash or an ambiguous failure in here leaves behind: no batch
 * is sent before the job's id is stored.
 */
export async function openFluentJob(
  work: Work,
  session: FluentSession,
  attempts = CREATE_ATTEMPTS,
): Promise<void> {
  const { run, settings, request, ports } = work;
  const open = run.fluentJobs.at(-1);
  if (open !== undefined && !run.fluentJobClosed) return;
  const strategy = settings.fluentJobStrategy;
  const day = new Date(ports.clock.now()).toISOString().slice(0, 10);
  if (strategy === "per-file") {
    const file = request.file.key.split("/").at(-1) ?? request.file.key;
    return await join(work, await create(work, session, `Inventory ${file} (${request.jobId})`, attempts));
  }
  const shared = await readSharedJob(ports.kv, request.feed);
  const usable = shared !== undefined && !run.fluentJobs.includes(shared.fluentJobId) &&
    (strategy === "long-running" || shared.day === day);
  if (usable) {
    const users = [...shared.users.filter((user) => user !== request.jobId), request.jobId].slice(-MAX_USERS);
    await writeSharedJob(ports.kv, request.feed, { ...shared, users });
    return await join(work, shared.fluentJobId);
  }
  const name = strategy === "daily"
    ? `Inventory ${request.feed} ${day}`
    : `Inventory ${request.feed} since ${day}`;
  const fluentJobId = await create(work, session, name, attempts);
  await writeSharedJob(ports.kv, request.feed, { v: 1, fluentJobId, day, users: [request.jobId] });
  await join(work, fluentJobId);
}

/**
 * Opens the file's own Fluent job while the manifest of a file that passed its guards is stored, so that delivering need
 * not wait for it. If that fails, deliver opens one, and says why it could not.
 */
export async function openFluentJobAhead(work: Work): Promise<void> {
  if (!hasOwnJobs(work)) return;
  try {
    const session = new FluentSession(work);
    await openFluentJob(work, session, 1);
    session.keep();
  } catch (error) {
    work.ports.log.debug("no Fluent job could be opened ahead", {
      jobId: work.request.jobId,
      error: messageOf(error),
    });
  }
}

/** The other jobs whose batches are in a Fluent job of this run. */
export async function otherUsers(work: Work, fluentJobId: string): Promise<readonly string[]> {
  if (work.settings.fluentJobStrategy === "per-file") return [];
  const shared = await readSharedJob(work.ports.kv, work.request.feed);
  if (shared?.fluentJobId !== fluentJobId) return [];
  return shared.users.filter((user) => user !== work.request.jobId);
}

/** Whether another run may still have to tell this job's batches from its own, in the Fluent job the feed shares. */
export async function isSharedUser(kv: KVStore, feed: string, jobId: string): Promise<boolean> {
  return (await readSharedJob(kv, feed))?.users.includes(jobId) ?? false;
}

/** Whether only this run sends batches to its Fluent jobs. */
export function hasOwnJobs(work: Work): boolean {
  return work.settings.fluentJobStrategy === "per-file";
}

function join(work: Work, fluentJobId: string): Promise<void> {
  return work.save({ fluentJobs: [...work.run.fluentJobs, fluentJobId], fluentJobClosed: false });
}

async function create(work: Work, session: FluentSession, name: string, attempts: number): Promise<string> {
  const { settings } = work;
  for (let attempt = 1;; attempt++) {
    try {
      const { id } = await session.port.createJob({
        name,
        retailerId: settings.fluentRetailerId,
        meta: { preprocessing: settings.fluentPreprocessing },
      }, attempts > 1 ? session.options : session.once);
      return id;
    } catch (error) {
      const unreadable = error instanceof FluentApiError && error.code === "fluent-bad-answer";
      if (!unreadable || attempt >= attempts) throw error;
      await work.ports.clock.sleep(1_000 * attempt, work.ports.signal);
    }
  }
}

function readSharedJob(kv: KVStore, feed: string) {
  return readRecord(kv, ["fluent-jobs", feed], sharedJobSchema);
}

function writeSharedJob(kv: KVStore, feed: string, job: z.output<typeof sharedJobSchema>): Promise<void> {
  return kv.set(["fluent-jobs", feed], job);
}
