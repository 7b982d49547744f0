import { type Clock, messageOf } from "../base/mod.ts";
import {
  BatchReader,
  isOwnCopy,
  Journal,
  type Manifest,
  manifestKey,
  readManifest,
  readRange,
  rowsFrom,
  type Settings,
} from "../ingest/mod.ts";
import { factsOf, isTerminal, type JobRecord, type JobTracker, timelineOf } from "../jobs/mod.ts";
import type { CustomResolvers } from "../mapping/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import type { KVStore } from "../state/mod.ts";
import {
  type Appearance,
  appearanceSchema,
  becauseOf,
  type Explanation,
  explanationSchema,
} from "./explanation.ts";
import { OutOfTime } from "./file_parts.ts";
import { rowsAbout } from "./rows_about.ts";

export { type Appearance, appearanceSchema, type Explanation, explanationSchema };

/** Longest time an explanation takes, in milliseconds: inside the platform's 30 s for a webhook. */
const BUDGET_MS = 20_000;

/** Which position is to be explained. */
export interface ExplainQuery {
  readonly sku: string;
  readonly location: string;
  /** The moment: only what was delivered by then counts. Default now. ISO 8601. */
  readonly at?: string | undefined;
  /** Files of this feed only. */
  readonly feed?: string | undefined;
}

export interface ExplainPorts {
  readonly kv: KVStore;
  readonly store: ObjectStore;
  readonly tracker: JobTracker;
  readonly clock: Clock;
  /** The settings of a feed, undefined: of the first. */
  readonly settingsOf: (feed: string | undefined) => Settings;
  /** The mapping files' own resolvers. */
  readonly customResolvers?: CustomResolvers | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds every row of every known file about one position, says what became of each, and so why Fluent's figure is what
 * it is.
 *
 * Nothing is kept for this beside what a job keeps anyway: its manifest, its journal, its report and the file or its
 * archived copy. So an explanation looks through each file of the time once for the SKU, and reads as rows what lies around
 * it. Newest files come first. After twenty seconds it stops, also in the middle of a file, and the answer says whether all
 * were looked into.
 */
export async function explain(query: ExplainQuery, ports: ExplainPorts): Promise<Explanation> {
  const endsAt = ports.clock.now() + BUDGET_MS;
  const at = query.at ?? new Date(ports.clock.now()).toISOString();
  const found: Appearance[] = [];
  const gaps: { jobId: string; file?: string; reason: string }[] = [];
  let files = 0;
  let complete = true;
  for await (const job of jobsBefore(query, at, ports)) {
    if (ports.clock.now() >= endsAt) {
      complete = false;
      break;
    }
    const file = factsOf(job).file?.key;
    try {
      found.push(...await inJob(query, job, ports, () => ports.clock.now() >= endsAt));
      files++;
    } catch (error) {
      if (error instanceof OutOfTime) {
        complete = false;
        break;
      }
      gaps.push({ jobId: job.jobId, ...(file === undefined ? {} : { file }), reason: messageOf(error) });
    }
  }
  const appearances = found.sort(newestFirst);
  const figure = appearances.find(({ outcome }) => outcome === "confirmed");
  return {
    sku: query.sku,
    location: query.location,
    at,
    ...(figure ? { figure } : {}),
    because: becauseOf(appearances, figure),
    appearances,
    files,
    gaps,
    complete,
  };
}

/** The jobs whose files may have brought a row by that moment, newest first. */
async function* jobsBefore(
  { feed }: ExplainQuery,
  at: string,
  { tracker }: ExplainPorts,
): AsyncGenerator<JobRecord> {
  let cursor: string | undefined;
  do {
    const page = await tracker.history.list({
      ...(feed === undefined ? {} : { feed }),
      to: new Date(Date.parse(at) + 1).toISOString(),
      limit: 100,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { jobId, dryRun, file } of page.jobs) {
      if (dryRun || !file) continue;
      const job = await tracker.getJob(jobId);
      if (!job || job.status === "queued") continue;
      const deliveredAt = deliveredAtOf(job);
      if (deliveredAt === undefined || deliveredAt <= at) yield job;
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** When its delivery began; of a job that was opened again, when it went on. */
function deliveredAtOf(job: JobRecord): string | undefined {
  return timelineOf(job).findLast(({ stage, status }) => stage === "deliver" && !isTerminal(status))?.at;
}

async function inJob(
  query: ExplainQuery,
  job: JobRecord,
  ports: ExplainPorts,
  isOver: () => boolean,
): Promise<Appearance[]> {
  const { store, signal, customResolvers } = ports;
  const { feed, file, reports, archivedAs, movedTo, rows } = factsOf(job);
  const settings = ports.settingsOf(feed);
  const manifest = await readManifest(store, manifestKey(settings.s3WorkPrefix, job.jobId), signal);
  const source = await sourceOf(manifest, archivedAs ?? movedTo ?? undefined, store, signal);
  const about = await rowsAbout(query, manifest, source, { store, signal, customResolvers, isOver });
  if (about.length === 0) return [];
  const deliveredAt = deliveredAtOf(job);
  const last = about.findLast(({ mapped }) => mapped !== undefined);
  const told = rows.failed + rows.unconfirmed > 0 && last && reports
    ? await toldOf(store, reports, last.line, signal)
    : { namesUnanswered: false };
  const appearances: Appearance[] = [];
  for (const { line, endLine, raw, cells, offset, mapped, errors } of about) {
    const shared = {
      jobId: job.jobId,
      status: job.status,
      file: file?.key ?? manifest.file.key,
      line,
      endLine,
      raw,
      cells,
      ...(deliveredAt === undefined ? {} : { deliveredAt }),
    };
    if (!mapped) {
      appearances.push({ ...shared, outcome: "rejected", ...errors });
      continue;
    }
    const own = { ...shared, entity: mapped };
    if (line !== last?.line) {
      appearances.push({ ...own, outcome: "superseded", reason: `line ${last?.line} has the same key` });
      continue;
    }
    const fate = await fateOf(job, manifest, { source, offset, line }, ports);
    const outcome = told.row === undefined && told.namesUnanswered && fate.outcome === "no-answer"
      ? "confirmed"
      : fate.outcome;
    appearances.push({ ...own, ...fate, outcome, ...told.row });
  }
  return appearances;
}

/** Where the bytes are that the manifest's ranges refer to: the file, its plain copy, or where it was moved to. */
async function sourceOf(
  manifest: Manifest,
  movedTo: string | undefined,
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<Manifest["source"]> {
  const { source } = manifest;
  if (isOwnCopy(source, manifest.jobId) || movedTo === undefined || movedTo === source.key) return source;
  const found = await store.statFile(movedTo, signal ? { signal } : {});
  if (!found || found.size !== source.size) {
    throw new Error(`'${movedTo}' is not there, or is another file`);
  }
  return { key: movedTo, etag: found.etag, size: found.size };
}

type Fate = Pick<Appearance, "outcome" | "batch" | "batchId" | "code" | "reason">;

/** What the journal says of the last row with the key. */
async function fateOf(
  job: JobRecord,
  manifest: Manifest,
  row: { readonly source: Manifest["source"]; readonly offset: number; readonly line: number },
  ports: ExplainPorts,
): Promise<Fate> {
  const index = manifest.batches.findIndex(([start, length]) =>
    row.offset >= start && row.offset < start + length
  );
  const batch = manifest.batches[index];
  if (!batch) return { outcome: "not-sent" };
  const journal = await Journal.open(ports.kv, job.jobId, manifest.batches.length, {
    window: manifest.journalWindow,
  });
  const units = journal.unitsOf(index);
  let unit = units[0];
  if (units.length > 1) {
    const range = { start: batch[0], end: batch[0] + batch[1] };
    const bytes = await readRange(ports.store, row.source, range, ports.signal);
    const rows = await new BatchReader(manifest, ports).rows(batch, bytes);
    const position = rows.findIndex(({ line }) => line === row.line);
    unit = units.find(({ range: part }) => part && position >= part.from && position < part.from + part.rows);
  }
  const entry = unit?.entry;
  switch (entry?.state) {
    case undefined:
    case "planned":
      return { outcome: "not-sent", batch: index };
    case "sending":
    case "ambiguous":
      return { outcome: "no-answer", batch: index };
    case "accepted":
      return { outcome: "no-answer", batch: index, batchId: entry.batchId };
    case "refused":
      return { outcome: "failed", batch: index, code: "fluent-batch-refused", reason: entry.reason };
    case "settled":
      return entry.unconfirmed > 0
        ? { outcome: "no-answer", batch: index, batchId: entry.batchId }
        : { outcome: "confirmed", batch: index, batchId: entry.batchId };
  }
}

/** What a job's report tells of its rows. */
interface Told {
  /** What it says of the row that is asked about; absent when that is not in it. */
  readonly row?: Pick<Appearance, "outcome" | "code" | "reason">;
  /** Whether it names the rows without an answer: then one that is not in it was confirmed. */
  readonly namesUnanswered: boolean;
}

async function toldOf(
  store: ObjectStore,
  reports: { readonly rejectsJsonl: string },
  line: number,
  signal: AbortSignal | undefined,
): Promise<Told> {
  let namesUnanswered = false;
  for await (const { row } of rowsFrom(store, reports.rejectsJsonl, 0, signal)) {
    if (row.outcome === "unconfirmed") namesUnanswered = true;
    if (row.outcome === "rejected" || row.line !== line) continue;
    const outcome = row.outcome === "failed" ? "failed" : "no-answer";
    return { row: { outcome, code: row.code, reason: row.message }, namesUnanswered };
  }
  return { namesUnanswered };
}

function newestFirst(a: Appearance, b: Appearance): number {
  const of = ({ deliveredAt }: Appearance) => deliveredAt ?? "";
  if (of(a) !== of(b)) return of(a) < of(b) ? 1 : -1;
  if (a.jobId !== b.jobId) return a.jobId < b.jobId ? 1 : -1;
  return b.line - a.line;
}
