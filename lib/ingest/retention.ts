import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import { errorFields } from "../telemetry/mod.ts";
import { type KVStore, type LedgerEntry, readRecord } from "../state/mod.ts";
import {
  isFinal,
  isOfOne,
  isWorkedOn,
  jobsOf,
  nameOfObject,
  placesLeft,
  releaseJob,
  type RemainsPorts,
  removeRemains,
} from "./remains.ts";
import { stagedKey } from "./staging.ts";

const DAY_MS = 86_400_000;
/** How long after a pass over the ledger the next one begins, in milliseconds: an entry is late by a day at most. */
const PASS_EVERY_MS = DAY_MS;

/** Where a pass over a list of records stands. */
const passSchema = z.object({
  v: z.literal(1),
  /** Where the next page starts; absent when the pass is over. */
  after: z.string().optional(),
  /** Milliseconds since the epoch: when it began. */
  began: z.number(),
});
type Pass = z.output<typeof passSchema>;

const payloadSchema = z.object({ at: z.string() });
const sightingSchema = z.object({ since: z.number() });

/** What was removed. */
export interface Retained {
  readonly jobs: number;
  /** Files of the ledger. */
  readonly files: number;
  /** Idempotency keys of payloads. */
  readonly payloads: number;
}

/**
 * Removes jobs whose time is over, with all they keep beside their records.
 *
 * @param most jobs removed at most
 * @returns how many were removed
 */
export function releaseJobs(most: number, tools: RemainsPorts): Promise<number> {
  return tools.state.tracker.sweep(most, async (job) => {
    try {
      return await releaseJob(job, tools);
    } catch (error) {
      if (!isOfOne(error)) throw error;
      // One job's objects must not keep all others from going.
      tools.ports.log.warn("what a job keeps could not be removed", {
        jobId: job.jobId,
        ...errorFields(error),
      });
      return false;
    }
  });
}

/**
 * Removes what is over, a little at a time: jobs, files of the ledger and idempotency keys, and fencing tokens nobody
 * will look at. To be called now and then; broken off anywhere, the next call goes on.
 *
 * A file is forgotten `ledgerRetentionDays` after it was last heard of, and only if nothing can be taken for new by it:
 * none of its jobs is known any more, and that version of it no longer lies where it arrived. What a feed has sent last
 * is never forgotten, so that the guard against old files remembers.
 *
 * @param tools one for each feed, the first one's first
 * @param endsAt milliseconds since the epoch
 */
export async function retain(
  tools: readonly [RemainsPorts, ...RemainsPorts[]],
  { most, endsAt }: { readonly most: number; readonly endsAt: number },
): Promise<Retained> {
  const [first] = tools;
  const { clock, kv, log } = first.ports;
  const isOver = () => clock.now() >= endsAt;
  const jobs = await releaseJobs(most, first);
  for (const { settings, state } of tools) if (!isOver()) await state.claims.trim(`feed-${settings.feed}`);
  const days = first.settings.ledgerRetentionDays;
  if (days === 0) return { jobs, files: 0, payloads: 0 };
  const before = new Date(clock.now() - days * DAY_MS).toISOString();
  const files = await pass("files", kv, clock.now(), isOver, async (after) => {
    const { entries, next } = await first.state.ledger.page(after);
    let removed = 0;
    for (const { id, entry } of entries) {
      if (isOver()) return { removed, next: after };
      if (entry.at < before && await forgetFile(id, entry, first)) removed++;
    }
    return { removed, next };
  });
  const payloads = await pass("payloads", kv, clock.now(), isOver, async (after) => {
    const { entries, next } = await kv.page(["payloads"], after);
    let removed = 0;
    for (const { key, value } of entries) {
      if (isOver()) return { removed, next: after };
      const { success, data } = payloadSchema.safeParse(value);
      if (success && data.at < before && await forgetPayload(key.at(-1)!, tools)) removed++;
    }
    return { removed, next };
  });
  // Of an object that was removed before it was taken; one that still waits is seen anew.
  await pass("seen", kv, clock.now(), isOver, async (after) => {
    const { entries, next } = await kv.page(["seen"], after);
    for (const { key, value } of entries) {
      const { success, data } = sightingSchema.safeParse(value);
      if (success && data.since < Date.parse(before)) await kv.delete(key);
    }
    return { removed: 0, next };
  });
  if (jobs + files + payloads > 0) log.info("what is over was removed", { jobs, files, payloads });
  return { jobs, files, payloads };
}

/** Goes on with a pass over a list of records, or begins one when it is time. */
async function pass(
  name: string,
  kv: KVStore,
  now: number,
  isOver: () => boolean,
  page: (
    after: string | undefined,
  ) => Promise<{ readonly removed: number; readonly next: string | undefined }>,
): Promise<number> {
  const key = ["retention", name];
  const last = await readRecord(kv, key, passSchema);
  const goesOn = last?.after !== undefined;
  if (last && !goesOn && now - last.began < PASS_EVERY_MS) return 0;
  const began = goesOn ? last.began : now;
  let removed = 0;
  let after = last?.after;
  // Where a pass is lost, because the store no longer knows its place, the next one begins anew.
  if (goesOn) await kv.set(key, { v: 1, began } satisfies Pass);
  do {
    const done = await page(after);
    removed += done.removed;
    after = done.next;
  } while (after !== undefined && !isOver());
  await kv.set(key, { v: 1, began, ...(after === undefined ? {} : { after }) } satisfies Pass);
  return removed;
}

/** @returns whether the file is forgotten */
async function forgetFile(id: string, entry: LedgerEntry, tools: RemainsPorts): Promise<boolean> {
  const { ports, state } = tools;
  // Of a bucket the connector no longer looks into, nothing is known.
  if (entry.bucket !== undefined && entry.bucket !== ports.store.bucket) return false;
  const jobs = jobsOf(id, entry);
  try {
    for (const jobId of jobs) {
      if (await ports.kv.get(["jobs", jobId]) !== undefined || await isWorkedOn(jobId, tools)) return false;
    }
    if (await nameOfObject(entry.key, ports) === id) return false;
    // Held or failed, it lies aside and waits for somebody.
    for (const jobId of jobs) {
      if (!isFinal(entry) && (await placesLeft(jobId, ports)).length > 0) return false;
    }
    // Its name would be given to the next job of the same content, which must find nothing of an earlier one.
    for (const jobId of jobs) await removeRemains(jobId, tools);
  } catch (error) {
    if (!isOfOne(error)) throw error;
    ports.log.warn("a file of the ledger could not be looked for", {
      key: entry.key,
      error: messageOf(error),
    });
    return false;
  }
  await state.ledger.forgetFile(id);
  return true;
}

/** As long as the payload's file waits, its key stands for it. */
async function forgetPayload(name: string, tools: readonly RemainsPorts[]): Promise<boolean> {
  for (const { settings, ports } of tools) {
    if (await nameOfObject(stagedKey(settings, "payloads", name), ports) !== undefined) return false;
  }
  await tools[0]!.ports.kv.delete(["payloads", name]);
  return true;
}
