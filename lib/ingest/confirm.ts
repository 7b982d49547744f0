import { ConnectorError } from "../base/mod.ts";
import { getPollingInterval } from "../fluent/mod.ts";
import { BatchReader, type BatchRow, readRange } from "./batch_reader.ts";
import { writeFailedRows } from "./failed_rows.ts";
import { type BatchEntry, Journal } from "./journal.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { FluentPort } from "./ports.ts";
import type { StepOutcome, Work } from "./work.ts";

/** Fluent's word for a batch it has processed, with or without errors (its Batch API page). */
const COMPLETE = "COMPLETE";

type Accepted = Extract<BatchEntry, { state: "accepted" }>;
type Results = Awaited<ReturnType<FluentPort["getBatchResults"]>>;

/**
 * Asks Fluent once what became of every batch not settled yet, and counts the rows of those that are complete. While
 * some are not, it asks to be called again after the polling interval, until the deadline has passed.
 */
export async function confirm(work: Work): Promise<StepOutcome> {
  const { ports, settings, request } = work;
  const now = ports.clock.now();
  if (work.run.confirmingSince === undefined) {
    await work.save({ confirmingSince: new Date(now).toISOString() });
  }
  const manifest = await readManifest(ports.store, work.run.manifestKey, ports.signal);
  const journal = await Journal.open(ports.kv, request.jobId, manifest.batches.length);
  const reader = new BatchReader(manifest, ports.customResolvers);
  const fluent = ports.fluent();

  const statuses = await listedStatuses(work, fluent, journal);
  const open = [...journal].flatMap(([index, entry]) => entry.state === "accepted" ? [{ index, entry }] : []);
  let failure: unknown;
  const settleNext = async (): Promise<void> => {
    for (let next = open.shift(); next && failure === undefined && !work.expired; next = open.shift()) {
      const { index, entry } = next;
      const status = statuses.get(entry.batchId);
      if (status !== undefined && status !== COMPLETE) continue;
      try {
        await work.checkClaim();
        await settle(work, { manifest, journal, reader, fluent }, index, entry, status === COMPLETE);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: settings.sendConcurrency }, settleNext));

  const rows = countRows(manifest, journal);
  await work.save({ rows: { ...work.run.rows, ...rows } });
  if (failure !== undefined) throw failure;
  const left = [...journal].filter(([, entry]) => entry.state === "accepted").length;
  const total = manifest.batches.length;
  await work.showProgress(
    { stage: "confirm", message: `${total - left} of ${total} batches complete` },
    true,
  );
  if (left === 0) return { kind: "done" };
  const since = Date.parse(work.run.confirmingSince ?? "");
  const deadline = since + settings.pollTimeoutMinutes * 60_000;
  if (ports.clock.now() >= deadline) return { kind: "unfinished" };
  const interval = settings.pollIntervalSeconds > 0
    ? settings.pollIntervalSeconds * 1_000
    : getPollingInterval(total);
  return { kind: "again", afterMs: work.expired ? 0 : Math.min(interval, deadline - ports.clock.now()) };
}

/**
 * What the Fluent jobs themselves say of their batches, by batch id: one call instead of one per batch. A batch that is
 * not listed, or listed without a status, has to be asked for by itself.
 */
async function listedStatuses(
  work: Work,
  fluent: FluentPort,
  journal: Journal,
): Promise<Map<string, string>> {
  const jobs = new Set<number>();
  for (const [, entry] of journal) if (entry.state === "accepted") jobs.add(entry.job);
  const statuses = new Map<string, string>();
  for (const job of jobs) {
    const answer = await fluent.getJob(work.run.fluentJobs[job]!, work.signal);
    for (const { batchId, status } of answer.batches ?? []) {
      if (status !== undefined) statuses.set(batchId, status);
    }
  }
  return statuses;
}

/** Fetches the results of one batch if it is complete, traces what failed to its lines, and settles it. */
async function settle(
  work: Work,
  tools: { manifest: Manifest; journal: Journal; reader: BatchReader; fluent: FluentPort },
  index: number,
  entry: Accepted,
  knownComplete: boolean,
): Promise<void> {
  const { manifest, journal, reader, fluent } = tools;
  const jobId = work.run.fluentJobs[entry.job]!;
  if (!knownComplete) {
    const page = await fluent.getBatch(jobId, entry.batchId, { count: 1, ...work.signal });
    if (page.status !== COMPLETE) return;
  }
  const results = await fluent.getBatchResults(jobId, entry.batchId, work.signal);
  const batch = manifest.batches[index]!;
  const promised = batch[3];
  const refused = results.filter((result) => result.responseCode !== 200);
  if (refused.length > 0) {
    const range = { start: batch[0], end: batch[0] + batch[1] };
    const bytes = await readRange(work.ports.store, manifest.source, range, work.ports.signal);
    const failures = trace(reader.rows(batch, bytes), results);
    await writeFailedRows(work, index, bytes, batch, failures, entry.batchId);
  }
  if (results.length > promised) {
    throw new ConnectorError(
      `Cannot settle Fluent batch ${entry.batchId}: expected results for ${promised} rows, found ${results.length}`,
      { code: "fluent-bad-answer", retry: "never", details: { jobId, batchId: entry.batchId } },
    );
  }
  work.run.stalls = 0;
  await journal.set(index, {
    state: "settled",
    job: entry.job,
    batchId: entry.batchId,
    confirmed: results.length - refused.length,
    failed: refused.length,
    unconfirmed: promised - results.length,
  });
}

/** Which row each refusal belongs to: by the entity's reference where it names a row's key, else by its position. */
function trace(
  rows: readonly BatchRow[],
  results: Results,
): { row: BatchRow; code: string; message: string }[] {
  const byReference = new Map<string, BatchRow>();
  for (const row of rows) {
    const { locationRef, skuRef } = row.entity;
    byReference.set(`${locationRef}:${skuRef}`, row);
    byReference.set(`${skuRef}:${locationRef}`, row);
  }
  return results.flatMap((result, position) => {
    if (result.responseCode === 200) return [];
    const named = result.entityRef === undefined ? undefined : byReference.get(result.entityRef);
    const row = named ?? (results.length === rows.length ? rows[position] : undefined);
    if (!row) {
      throw new ConnectorError(
        `Cannot trace a failed row of Fluent to its line: it is named '${
          result.entityRef ?? ""
        }', and only ` +
          `${results.length} of ${rows.length} results came`,
        { code: "fluent-bad-answer", retry: "never" },
      );
    }
    return [{
      row,
      code: `fluent-${result.responseCode}`,
      message: result.message ?? "Fluent gave no reason",
    }];
  });
}

/** The row counts the journal stands for. */
function countRows(
  manifest: Manifest,
  journal: Journal,
): { confirmed: number; failed: number; unconfirmed: number } {
  const rows = { confirmed: 0, failed: 0, unconfirmed: 0 };
  for (const [index, entry] of journal) {
    const promised = manifest.batches[index]![3];
    switch (entry.state) {
      case "planned":
      case "accepted":
        rows.unconfirmed += promised;
        break;
      case "refused":
        rows.failed += promised;
        break;
      case "settled":
        rows.confirmed += entry.confirmed;
        rows.failed += entry.failed;
        rows.unconfirmed += entry.unconfirmed;
        break;
    }
  }
  return rows;
}
