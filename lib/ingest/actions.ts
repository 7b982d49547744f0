import { createHash } from "node:crypto";
import { ConnectorError } from "../base/mod.ts";
import { factsOf, fileNameOf, isTerminal, type JobRecord, type Relation } from "../jobs/mod.ts";
import { csvLine } from "../report/mod.ts";
import { askToCancel } from "./cancel.ts";
import type { Discovered } from "./discover.ts";
import type { FeedsOptions } from "./discover_feeds.ts";
import { rowsFrom } from "./job_rows.ts";
import { locate } from "./location.ts";
import { type Manifest, manifestKey, readManifest } from "./manifest.ts";
import { ingestFileSchema } from "../state/mod.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { JobAction } from "./possible_actions.ts";
import { readRun } from "./run_record.ts";
import { stagedKey } from "./staging.ts";

/** Who wants something done with a job. */
export interface ActionOptions {
  /** For the record. */
  readonly by: string;
  readonly reason?: string | undefined;
  readonly reference?: string | undefined;
  /** The caller's name for this request: the same again is the same job. Default: one replay at a time. */
  readonly idempotencyKey?: string | undefined;
}

/** The job that does what was asked for. */
export interface ActionResult {
  /** The new job; for `release` and `cancel` the job itself. */
  readonly jobId: string;
  readonly action: JobAction;
  /** The job it was asked of, where that is another one. */
  readonly parentJobId?: string;
  /** `accepted`; `already`: this was asked before, and the same job answers for it. */
  readonly decision: "accepted" | "already";
  /** Of `replay-failed`: what it sends again. */
  readonly rows?: ReplayedRows;
}

/** Which rows `replay-failed` sends again. */
export interface ReplayedRows {
  /** Fluent refused them. */
  readonly failed: number;
  /** Fluent gave no answer for them: an upsert of the same bytes changes nothing where they have landed. */
  readonly unconfirmed: number;
  /** Rows without an answer that the report doesn't name, because an earlier version wrote it: they are not sent. */
  readonly leftOut: number;
}

/** What an action works with, for the feed of its job. */
export interface ActionPorts {
  readonly settings: Settings;
  readonly ports: IngestPorts;
  readonly state: IngestState;
  /** Starts the job of one file, as a trigger does. */
  readonly take: (options: FeedsOptions) => Promise<{ readonly files: readonly Discovered[] }>;
}

/**
 * Does something with a job. Asking twice does it once: a replay that is still under way answers for the next one, and
 * a caller with an idempotency key gets the same job as often as he asks.
 *
 * @throws ConnectorError `job-running`, `job-has-no-file`, `nothing-to-replay`, `job-not-held`, `not-forcible`,
 * `job-over`, `file-gone`, `file-changed`
 */
export async function actOnJob(
  action: JobAction,
  job: JobRecord,
  options: ActionOptions,
  { settings, ports, state, take }: ActionPorts,
): Promise<ActionResult> {
  const { jobId } = job;
  if (action === "cancel") {
    await cancelJob(job, ports, options.by);
    return { jobId, action, decision: job.status === "cancelled" ? "already" : "accepted" };
  }
  if (action === "release") {
    const plan = await planRelease(job, ports, options);
    if (!plan) return { jobId, action, decision: "already" };
    await take(plan.take);
    return { jobId, action, decision: "accepted" };
  }
  const running = options.idempotencyKey === undefined ? await runningChild(job, action, state) : undefined;
  if (running) return { jobId: running, action, parentJobId: jobId, decision: "already" };
  const plan = action === "replay"
    ? await planReplay(job, settings, ports, options)
    : await planReplayFailed(job, settings, ports, options);
  const { files } = await take(plan.take);
  const found = files[0];
  if (!found) throw gone(job, plan.take.key ?? "");
  // It was archived long ago, so that nothing will take this copy.
  if (found.decision === "ingested" && plan.take.parent) {
    await ports.store.deleteFile(found.key, signalOf(ports));
  }
  const decision = found.decision === "started" || found.decision === "resumed" ? "accepted" : "already";
  if (found.jobId === jobId) return { jobId, action, decision };
  await state.tracker.linkChild(jobId, { jobId: found.jobId, relation: action });
  const rows = plan.rows ? { rows: plan.rows } : {};
  return { jobId: found.jobId, action, parentJobId: jobId, decision, ...rows };
}

/** The replay of a job that is under way, if there is one. */
async function runningChild(
  job: JobRecord,
  relation: Relation,
  state: IngestState,
): Promise<string | undefined> {
  const last = (job.children ?? []).findLast((child) => child.relation === relation);
  const child = last && await state.tracker.getJob(last.jobId);
  return child && !isTerminal(child.status) ? child.jobId : undefined;
}

/** What an action comes to: a file to be taken by `discoverFeeds`. */
export interface ActionPlan {
  readonly take: FeedsOptions;
  readonly rows?: ReplayedRows;
}

/**
 * Makes a job's whole file ready to be sent again, as a new file with a job of its own: from the archive, or from where
 * it still lies. Doing it again gives the same file.
 *
 * @throws ConnectorError `job-running`, `job-has-no-file`, `file-gone`, `file-changed`
 */
async function planReplay(
  job: JobRecord,
  settings: Settings,
  ports: IngestPorts,
  options: ActionOptions,
): Promise<ActionPlan> {
  const file = endedFileOf(job);
  const { archivedAs, feed, as } = factsOf(job);
  if (archivedAs === undefined) {
    // A failed or held job is opened again; a dry run's or a cancelled job's file gets a new one.
    const where = await checkSame(job, file, ports);
    return { take: { ...takeOf(job, options), ...where, key: file.key, feed, as } };
  }
  const key = stagedKey(settings, idOf(job, "replay", options), fileNameOf(file.key));
  if (!(await exists(ports, key))) {
    if (!(await exists(ports, archivedAs))) throw gone(job, archivedAs);
    await ports.store.copyFile(archivedAs, key, signalOf(ports));
  }
  return {
    take: {
      ...takeOf(job, options),
      key,
      feed,
      parent: { jobId: job.jobId, relation: "replay" },
      as: { name: `replays/${job.jobId}/${fileNameOf(file.key)}` },
    },
  };
}

/**
 * Makes a new file of the rows Fluent refused or gave no answer for, as they stand in the job's file, to be sent once
 * more. A row without an answer may have landed; sent again it is the same upsert.
 *
 * @throws ConnectorError `job-running`, `job-has-no-file`, `nothing-to-replay`
 */
async function planReplayFailed(
  job: JobRecord,
  settings: Settings,
  ports: IngestPorts,
  options: ActionOptions,
): Promise<ActionPlan> {
  const file = endedFileOf(job);
  const { feed, rows, reports } = factsOf(job);
  const nothing = (reason: string) =>
    new ConnectorError(`Cannot replay the failed rows of job '${job.jobId}': ${reason}`, {
      code: "nothing-to-replay",
      retry: "never",
      details: { jobId: job.jobId },
    });
  if (rows.failed + rows.unconfirmed === 0 || job.status !== "completed_with_errors" || !reports) {
    throw nothing("Fluent refused none, and answered for all that were sent");
  }
  const again = await replayed(ports, reports.rejectsJsonl, rows.unconfirmed);
  if (again.failed + again.unconfirmed === 0) {
    throw nothing(
      `its report, of an earlier version, doesn't name the rows Fluent gave no answer for (${again.leftOut}). Replay ` +
        "the whole file",
    );
  }
  const key = stagedKey(
    settings,
    idOf(job, "replay-failed", options),
    `failed-rows-of-${fileNameOf(file.key)}`,
  );
  const manifest = await readManifest(
    ports.store,
    manifestKey(settings.s3WorkPrefix, job.jobId),
    ports.signal,
  );
  if (!(await exists(ports, key))) {
    await ports.store.uploadFile(key, failedRows(ports, reports.rejectsJsonl, manifest), {
      contentType: "text/csv; charset=utf-8",
      ...signalOf(ports),
    });
  }
  return {
    take: {
      ...takeOf(job, options),
      key,
      feed,
      parent: { jobId: job.jobId, relation: "replay-failed" },
      as: {
        name: `replays/${job.jobId}/${fileNameOf(key)}`,
        // The rows were kept as text: whatever the feed's files are, this one is UTF-8.
        encoding: "utf-8",
        delimiter: manifest.dialect.delimiter,
      },
    },
    rows: again,
  };
}

/**
 * Lets a held file pass. Releasing it again changes nothing.
 *
 * @throws ConnectorError `job-not-held`, `not-forcible`, `file-gone`, `file-changed`
 */
async function planRelease(
  job: JobRecord,
  ports: IngestPorts,
  options: ActionOptions,
): Promise<ActionPlan | undefined> {
  const { file, feed, heldBecause, forced, as } = factsOf(job);
  if (job.status !== "held" && (forced || job.reopened > 0)) return undefined;
  if (job.status !== "held" || !file) {
    throw new ConnectorError(
      `Cannot release job '${job.jobId}': it is not held, its status is '${job.status}'`,
      {
        code: "job-not-held",
        retry: "never",
        details: { jobId: job.jobId },
      },
    );
  }
  if (heldBecause?.forcible === false) {
    throw new ConnectorError(
      `Cannot release job '${job.jobId}': its file cannot be sent as it is (${heldBecause.code}); replace the file`,
      { code: "not-forcible", retry: "never", details: { jobId: job.jobId } },
    );
  }
  const where = await checkSame(job, file, ports);
  return { take: { ...takeOf(job, options), ...where, key: file.key, feed, as } };
}

/**
 * Asks a job to stop. Asking again changes nothing, and a job that was cancelled stays so.
 *
 * @throws ConnectorError `job-over` when it has ended in another way
 */
async function cancelJob(job: JobRecord, ports: IngestPorts, by: string): Promise<void> {
  if (job.status === "cancelled") return;
  if (isTerminal(job.status)) {
    throw new ConnectorError(`Cannot cancel job '${job.jobId}': it has ended as '${job.status}'`, {
      code: "job-over",
      retry: "never",
      details: { jobId: job.jobId, status: job.status },
    });
  }
  await askToCancel(ports.kv, job, by);
}

type JobFile = NonNullable<ReturnType<typeof factsOf>["file"]>;

/** @throws ConnectorError `job-running`, `job-has-no-file` */
function endedFileOf(job: JobRecord): JobFile {
  const { file } = factsOf(job);
  if (!file) {
    throw new ConnectorError(`Job '${job.jobId}' is about no file: there is nothing to send again`, {
      code: "job-has-no-file",
      retry: "never",
    });
  }
  if (!isTerminal(job.status) && job.stage !== "unfinished") {
    throw new ConnectorError(`Job '${job.jobId}' has not ended yet: wait for it, or cancel it first`, {
      code: "job-running",
      retry: "never",
    });
  }
  return file;
}

function takeOf(job: JobRecord, { by, reason, reference }: ActionOptions): FeedsOptions {
  return {
    triggeredBy: "webhook",
    ...(reference === undefined ? {} : { reference }),
    force: { by, reason: reason ?? `asked for, of job ${job.jobId}` },
  };
}

/** The same request, the same file: by the caller's name for it, or by how many replays there were before. */
function idOf(job: JobRecord, relation: Relation, { idempotencyKey }: ActionOptions): string {
  const earlier = (job.children ?? []).filter((child) => child.relation === relation).length;
  const request = idempotencyKey === undefined
    ? String(earlier + 1)
    : createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 16);
  return `${job.jobId}/${relation}-${request}`;
}

/** Makes sure that the version of the file the job is about still exists, and says where. */
async function checkSame(
  job: JobRecord,
  file: JobFile,
  ports: IngestPorts,
): Promise<Pick<FeedsOptions, "file" | "at">> {
  const places = (await readRun(ports.kv, job.jobId))?.places ?? [];
  const known = ingestFileSchema.safeParse({ bucket: ports.store.bucket, ...file });
  const where = known.data && await locate(ports.store, known.data, places, ports.signal);
  if (known.data && where) {
    const at = places.find(({ key }) => key === where.key);
    return { file: known.data, ...(at ? { at } : {}) };
  }
  const found = await ports.store.statFile(file.key, signalOf(ports));
  if (!found) throw gone(job, places.at(-1)?.key ?? file.key);
  if (found.etag === file.etag && found.size === file.size) return {};
  throw new ConnectorError(
    `The file '${file.key}' of job '${job.jobId}' has been replaced since: ingest the new one instead`,
    { code: "file-changed", retry: "never", details: { jobId: job.jobId } },
  );
}

function gone(job: JobRecord, key: string): ConnectorError {
  return new ConnectorError(`The file of job '${job.jobId}' is gone: there is no '${key}'`, {
    code: "file-gone",
    retry: "never",
    details: { jobId: job.jobId },
  });
}

async function exists(ports: IngestPorts, key: string): Promise<boolean> {
  return (await ports.store.statFile(key, signalOf(ports))) !== undefined;
}

async function* failedRows(
  ports: IngestPorts,
  report: string,
  { header, dialect }: Manifest,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(csvLine(header, dialect));
  for await (const { row } of rowsFrom(ports.store, report, 0, ports.signal)) {
    if (row.outcome !== "rejected") yield encoder.encode(row.raw + "\r\n");
  }
}

/** @param unconfirmed how many rows got no answer, by the job's books */
async function replayed(ports: IngestPorts, report: string, unconfirmed: number): Promise<ReplayedRows> {
  const named = { failed: 0, unconfirmed: 0 };
  for await (const { row } of rowsFrom(ports.store, report, 0, ports.signal)) {
    if (row.outcome !== "rejected") named[row.outcome]++;
  }
  return { ...named, leftOut: Math.max(0, unconfirmed - named.unconfirmed) };
}

function signalOf(ports: IngestPorts): { signal?: AbortSignal } {
  return ports.signal ? { signal: ports.signal } : {};
}
