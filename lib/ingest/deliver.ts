import { messageOf } from "../base/mod.ts";
import { FluentApiError } from "../fluent/mod.ts";
import { BatchReader, type BatchRow, readRange } from "./batch_reader.ts";
import { writeFailedRows } from "./failed_rows.ts";
import { Journal } from "./journal.ts";
import { type Manifest, type ManifestBatch, readManifest } from "./manifest.ts";
import { Prefetch } from "./prefetch.ts";
import type { FluentPort } from "./ports.ts";
import type { StepOutcome, Work } from "./work.ts";

/** Bytes of the source fetched at a time: one group is in use while the next is on its way. */
const GROUP_BYTES = 1024 * 1024;

/**
 * Sends every batch that Fluent hasn't accepted yet, several at a time, and stores each answer before the next batch
 * takes its place: after a crash, only batches that were in flight are sent again, with the same bytes.
 */
export async function deliver(work: Work): Promise<StepOutcome> {
  const { ports, settings, request } = work;
  if (!(await work.state.feeds.mayDeliver(request.feed, request.jobId, request.file))) {
    await work.showProgress({ stage: "deliver", message: "Waiting for an earlier file of the feed" }, true);
    return { kind: "again", afterMs: 1_000 };
  }
  if (work.run.batches.total === 0) return { kind: "done" };
  await work.checkClaim(true);
  const fluent = ports.fluent();
  // Opening a Fluent job takes a call or two, which go on while the manifest is read and the first payloads are made.
  const opening = openFluentJob(work, fluent);
  // It may fail before it is awaited, and must not count as unhandled then: that would end the whole process.
  opening.catch(() => undefined);
  try {
    const manifest = await readManifest(ports.store, work.run.manifestKey, ports.signal);
    const journal = await Journal.open(ports.kv, request.jobId, manifest.batches.length);
    const pending = [...journal].filter(([, entry]) => entry.state === "planned").map(([index]) => index);
    work.run.batches.sent = manifest.batches.length - pending.length;
    // Payloads are made while others are on their way, so that a free place is taken at once.
    const payloads = new Prefetch(makePayloads(work, manifest, pending), settings.sendConcurrency);
    try {
      await opening;
      return await sendAll(work, { manifest, journal, fluent, payloads });
    } finally {
      await payloads.close();
    }
  } finally {
    // Whatever failed first is thrown; this only keeps the step from ending before its calls have.
    await Promise.allSettled([opening]);
  }
}

/** One batch, ready to be sent. */
interface Payload {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly rows: readonly BatchRow[];
}

/** Sends payloads, several at a time, until there are no more, the slice is over, or something is wrong. */
async function sendAll(
  work: Work,
  tools: { manifest: Manifest; journal: Journal; fluent: FluentPort; payloads: Prefetch<Payload> },
): Promise<StepOutcome> {
  const { settings } = work;
  const { manifest, journal, fluent, payloads } = tools;
  const job = work.run.fluentJobs.length - 1;
  const fluentJobId = work.run.fluentJobs[job]!;
  let failure: unknown;
  let stopped = false;
  let jobClosed = false;
  const sendOne = async ({ index, bytes, rows }: Payload): Promise<void> => {
    const batch = manifest.batches[index]!;
    const resent = journal.inDoubt(index);
    await work.checkClaim();
    await journal.issue(index, settings.sendConcurrency);
    try {
      const { id } = await fluent.sendBatch(fluentJobId, {
        action: "UPSERT",
        entityType: manifest.mapping.entityType,
        source: settings.fluentSource,
        event: settings.fluentEvent,
        entities: rows.map((row) => row.entity),
      }, work.signal);
      await journal.set(index, { state: "accepted", job, batchId: id });
    } catch (error) {
      if (!(error instanceof FluentApiError)) throw error;
      if (error.code === "fluent-job-closed") {
        jobClosed = true;
        stopped = true;
        return;
      }
      if (error.code !== "fluent-bad-request") throw error;
      const reason = error.reason ?? messageOf(error);
      const results = rows.map((row) => ({ row, code: "fluent-batch-refused", message: reason }));
      await writeFailedRows(work, index, bytes, batch, results);
      await journal.set(index, { state: "refused", reason });
    }
    if (resent) work.run.batches.resent++;
    work.run.batches.sent++;
    work.run.stalls = 0;
    await work.showProgress({ stage: "deliver", message: progressMessage(work) });
  };
  const worker = async (): Promise<void> => {
    while (!stopped && !work.expired) {
      const payload = await payloads.next();
      if (!payload) return;
      await sendOne(payload);
    }
  };
  const workers = Array.from(
    { length: settings.sendConcurrency },
    () =>
      worker().catch((error: unknown) => {
        failure ??= error;
        stopped = true;
      }),
  );
  await Promise.all(workers);
  await work.save({ ...(jobClosed ? { fluentJobClosed: true } : {}) });
  if (failure !== undefined) throw failure;
  const left = [...journal].some(([, entry]) => entry.state === "planned");
  await work.showProgress({ stage: "deliver", message: progressMessage(work) }, true);
  return left ? { kind: "again", afterMs: 0 } : { kind: "done" };
}

/** The run's Fluent job: the open one, or a new one. An orphan without batches is all a crash in here leaves behind. */
async function openFluentJob(
  work: Work,
  fluent: FluentPort,
): Promise<void> {
  if (work.run.fluentJobs.length > 0 && !work.run.fluentJobClosed) return;
  const name = work.request.file.key.split("/").at(-1) ?? work.request.file.key;
  const { id } = await fluent.createJob({
    name: `Inventory ${name} (${work.request.jobId})`,
    retailerId: work.settings.fluentRetailerId,
    meta: { preprocessing: work.settings.fluentPreprocessing },
  }, work.signal);
  await work.save({ fluentJobs: [...work.run.fluentJobs, id], fluentJobClosed: false });
}

/** The pending batches in order: their bytes fetched in large ranges, one range ahead, and their rows mapped again. */
async function* makePayloads(
  work: Work,
  manifest: Manifest,
  pending: readonly number[],
): AsyncGenerator<Payload, void, void> {
  const reader = new BatchReader(manifest, work.ports.customResolvers);
  const abort = new AbortController();
  const signal = work.ports.signal ? AbortSignal.any([abort.signal, work.ports.signal]) : abort.signal;
  const fetchGroup = (group: Group) => readRange(work.ports.store, manifest.source, group, signal);
  const groups = groupBatches(manifest.batches, pending);
  let ahead: Promise<Uint8Array> | undefined = groups[0] && fetchGroup(groups[0]);
  try {
    for (const [i, group] of groups.entries()) {
      const bytes: Uint8Array = await ahead!;
      const next = groups[i + 1];
      ahead = next && fetchGroup(next);
      // Until it is awaited, a failure of the fetch ahead must not count as unhandled; awaiting it throws it.
      ahead?.catch(() => undefined);
      for (const index of group.indexes) {
        const batch = manifest.batches[index]!;
        const from = batch[0] - group.start;
        const own = bytes.subarray(from, from + batch[1]);
        yield { index, bytes: own, rows: reader.rows(batch, own) };
      }
    }
  } finally {
    abort.abort();
  }
}

interface Group {
  readonly start: number;
  readonly end: number;
  readonly indexes: number[];
}

/** Puts neighbouring batches together into ranges of about `GROUP_BYTES`. */
function groupBatches(batches: readonly ManifestBatch[], pending: readonly number[]): Group[] {
  const groups: Group[] = [];
  for (const index of pending) {
    const [start, length] = batches[index]!;
    const open = groups.at(-1);
    if (open && start + length - open.start <= GROUP_BYTES) {
      open.indexes.push(index);
      groups[groups.length - 1] = { ...open, end: start + length };
    } else {
      groups.push({ start, end: start + length, indexes: [index] });
    }
  }
  return groups;
}

function progressMessage(work: Work): string {
  const { sent, total } = work.run.batches;
  return `Sent ${sent} of ${total} batches`;
}
