import { ConnectorError, messageOf } from "../base/mod.ts";
import { FluentApiError, getPollingInterval, progressOf } from "../fluent/mod.ts";
import { traceRefusals, type UnansweredRows, unansweredRows } from "../recovery/mod.ts";
import { BatchReader } from "./batch_reader.ts";
import { NO_ANSWER, writeFailedRows } from "./failed_rows.ts";
import { hasOwnJobs } from "./fluent_jobs.ts";
import { FluentSession } from "./fluent_session.ts";
import { Journal, type Unit } from "./journal.ts";
import type { UnitEntry } from "./journal_record.ts";
import type { Manifest } from "./manifest.ts";
import { readPayload, rowsIn } from "./payloads.ts";
import type { StepOutcome, Work } from "./work.ts";

type Accepted = Unit & { readonly entry: Extract<UnitEntry, { state: "accepted" }> };

interface Tools {
  readonly manifest: Manifest;
  readonly journal: Journal;
  readonly reader: BatchReader;
  readonly session: FluentSession;
}

const NONE_UNANSWERED: UnansweredRows = { at: [], exact: true };

/**
 * Asks Fluent once what became of every batch not settled yet, and counts the rows of those that are complete. While
 * some are not, it asks to be called again after the polling interval, until the deadline has passed. A poll that fails
 * in a way that may pass is not a failed job: the next one follows.
 */
export async function confirm(work: Work): Promise<StepOutcome> {
  const { ports, settings, request } = work;
  const now = ports.clock.now();
  if (work.run.confirmingSince === undefined) {
    await work.save({ confirmingSince: new Date(now).toISOString() });
  }
  const manifest = await work.manifest();
  const journal = await Journal.open(ports.kv, request.jobId, manifest.batches.length, {
    window: manifest.journalWindow,
  });
  const session = new FluentSession(work);
  const tools = { manifest, journal, session, reader: new BatchReader(manifest, ports) };
  const failure = await settleAll(work, tools);
  session.keep();
  await journal.flush();
  await work.save({ rows: { ...work.run.rows, ...countRows(manifest, journal) }, ...byBatch(journal) });
  if (failure && !mayPass(failure.error)) throw failure.error;
  // A stray write of a delivery that was thought dead may have hidden what was accepted.
  if ([...journal.units()].some(Journal.isOpen)) return { kind: "back", to: "deliver" };

  const total = manifest.batches.length;
  const left = new Set([...journal.units()].filter(isAccepted).map(({ index }) => index)).size;
  const said = `${total - left} of ${total} batches complete`;
  if (failure) {
    ports.log.warn("a poll failed, another one follows", {
      jobId: request.jobId,
      error: messageOf(failure.error),
    });
  }
  await work.showProgress({
    stage: "confirm",
    message: failure ? `${said}; the last look failed: ${messageOf(failure.error)}` : said,
  }, true);
  const deadline = Date.parse(work.run.confirmingSince ?? "") + settings.pollTimeoutMinutes * 60_000;
  const remaining = deadline - ports.clock.now();
  if (left === 0 && (remaining <= 0 || !(await hasStrays(work, session)))) return { kind: "done" };
  if (remaining <= 0) return { kind: "unfinished" };
  if (work.expired && !failure) return { kind: "again", afterMs: 0 };
  const interval = settings.pollIntervalSeconds > 0
    ? settings.pollIntervalSeconds * 1_000
    : getPollingInterval(left);
  return { kind: "again", afterMs: Math.min(Math.max(interval, waitOf(failure?.error)), remaining) };
}

/**
 * Whether Fluent still has a batch of this file to process that no answer told of: the twin of one that was sent again.
 * It must not be processed after the feed's next file.
 */
async function hasStrays(work: Work, session: FluentSession): Promise<boolean> {
  const { run } = work;
  if ((run.disturbedAt === undefined && run.batches.resent === 0) || !hasOwnJobs(work)) return false;
  for (const fluentJobId of run.fluentJobs) {
    const { batches = [] } = await session.port.getJob(fluentJobId, session.options);
    if (batches.some(({ status }) => status !== undefined && progressOf(status) !== "complete")) return true;
  }
  return false;
}

/** Looks at every accepted batch; gives back what the first look that failed failed with. */
async function settleAll(work: Work, tools: Tools): Promise<{ readonly error: unknown } | undefined> {
  const open = [...tools.journal.units()].filter(isAccepted);
  let failure: { readonly error: unknown } | undefined;
  let statuses: Map<string, string>;
  try {
    statuses = await listedStatuses(work, tools, open);
  } catch (error) {
    return { error };
  }
  const settleNext = async (): Promise<void> => {
    for (let next = open.shift(); next && !failure && !work.expired; next = open.shift()) {
      const status = statuses.get(next.entry.batchId);
      if (status !== undefined && progressOf(status) !== "complete") continue;
      try {
        await work.checkClaim();
        await settle(work, tools, next, status !== undefined);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: work.settings.sendConcurrency }, settleNext));
  return failure;
}

/**
 * What the Fluent jobs themselves say of their batches, by batch id: one call instead of one per batch. A batch that is
 * not listed, or listed without a status, has to be asked for by itself.
 */
async function listedStatuses(
  work: Work,
  { session }: Tools,
  open: readonly Accepted[],
): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  for (const job of new Set(open.map(({ entry }) => entry.job))) {
    const id = work.run.fluentJobs[job]!;
    const answer = await session.inTurn((options) => session.port.getJob(id, options));
    for (const { batchId, status } of answer?.batches ?? []) {
      if (status !== undefined) statuses.set(batchId, status);
    }
  }
  return statuses;
}

/** Fetches the results of one batch if it is complete, traces what failed to its lines, and settles it. */
async function settle(work: Work, tools: Tools, unit: Accepted, knownComplete: boolean): Promise<void> {
  const { manifest, journal, reader, session } = tools;
  const { job, batchId } = unit.entry;
  const jobId = work.run.fluentJobs[job]!;
  const preprocessed = work.settings.fluentPreprocessing === "enabled";
  if (!knownComplete || preprocessed) {
    const page = await session.inTurn((options) =>
      session.port.getBatch(jobId, batchId, { ...options, count: 1 })
    );
    if (!page || progressOf(page.status) !== "complete") return;
    if (preprocessed && !page.total && page.results.length === 0) {
      const confirmed = rowsOf(manifest, unit);
      await settled(work, journal, unit, { confirmed, failed: 0, unconfirmed: 0, by: "batch" });
      return;
    }
  }
  const results = await session.inTurn((options) => session.port.getBatchResults(jobId, batchId, options));
  if (!results) return;
  const promised = rowsOf(manifest, unit);
  const failed = results.filter(({ responseCode }) => responseCode !== 200).length;
  const silent = promised - results.length;
  if (failed > 0 || (silent > 0 && !preprocessed)) {
    const { bytes, rows: all } = await readPayload(work.ports, manifest, reader, unit.index);
    const rows = rowsIn(all, unit.range);
    const entities = rows.map(({ entity }) => entity);
    const refused = traceRefusals(entities, results).map(({ at, responseCode, message }) => ({
      row: rows[at]!,
      code: `fluent-${responseCode}`,
      message,
    }));
    const unanswered = silent > 0 && !preprocessed ? unansweredRows(entities, results) : NONE_UNANSWERED;
    const message = unanswered.exact
      ? "Fluent gave no answer for this row"
      : `Fluent answered for ${results.length} of the ${promised} rows of its batch, and this may be one of the others`;
    await writeFailedRows(
      work,
      { index: unit.index, from: unit.range?.from },
      bytes,
      manifest.batches[unit.index]!,
      [...refused, ...unanswered.at.map((at) => ({ row: rows[at]!, code: NO_ANSWER, message }))],
      batchId,
    );
  }
  if (results.length > promised) {
    throw new ConnectorError(
      `Cannot settle Fluent batch ${batchId}: expected results for ${promised} rows, found ${results.length}`,
      { code: "fluent-too-many-results", retry: "never", details: { jobId, batchId } },
    );
  }
  const confirmed = results.length - failed;
  // Pre-processing drops rows that change nothing, and answers for the batch.
  const counts = preprocessed && silent > 0
    ? { confirmed: confirmed + silent, failed, unconfirmed: 0, by: "batch" as const }
    : { confirmed, failed, unconfirmed: silent };
  await settled(work, journal, unit, counts);
}

function settled(
  work: Work,
  journal: Journal,
  unit: Accepted,
  counts: { confirmed: number; failed: number; unconfirmed: number; by?: "batch" },
): Promise<void> {
  work.progressed();
  const { job, batchId } = unit.entry;
  return journal.set(unit, { state: "settled", job, batchId, ...counts });
}

function isAccepted(unit: Unit): unit is Accepted {
  return unit.entry.state === "accepted";
}

function rowsOf(manifest: Manifest, unit: Unit): number {
  return unit.range?.rows ?? manifest.batches[unit.index]![3];
}

/** Whether the next poll may go better: everything but refusals that a person has to see to. */
function mayPass(error: unknown): boolean {
  if (error instanceof FluentApiError) return error.retry === "later" || error.code === "fluent-bad-answer";
  return false;
}

function waitOf(error: unknown): number {
  return error instanceof ConnectorError ? error.retryAfterMs ?? 0 : 0;
}

/** How many rows Fluent confirmed only as part of their batch. */
function byBatch(journal: Journal): { confirmedByBatch?: number } {
  let rows = 0;
  for (const { entry } of journal.units()) {
    if (entry.state === "settled" && entry.by === "batch") rows += entry.confirmed;
  }
  return rows > 0 ? { confirmedByBatch: rows } : {};
}

/** The row counts the journal stands for. */
function countRows(
  manifest: Manifest,
  journal: Journal,
): { confirmed: number; failed: number; unconfirmed: number } {
  const rows = { confirmed: 0, failed: 0, unconfirmed: 0 };
  for (const unit of journal.units()) {
    const { entry } = unit;
    switch (entry.state) {
      case "planned":
      case "sending":
      case "ambiguous":
      case "accepted":
        rows.unconfirmed += rowsOf(manifest, unit);
        break;
      case "refused":
        rows.failed += rowsOf(manifest, unit);
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
