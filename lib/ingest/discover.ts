import type { Trigger } from "../jobs/mod.ts";
import { comesBefore, type IngestFile, type LedgerEntry } from "../state/mod.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import type { Look } from "./discovery_request.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { type IngestRequest, jobIdOf } from "./request.ts";
import { findFiles, type Waiting } from "./waiting_files.ts";

/** What to look for, and how to treat it. */
export interface DiscoverOptions {
  readonly triggeredBy: Trigger;
  /** Exactly this object, wherever it is in the bucket. */
  readonly key?: string | undefined;
  /** Exactly this version of a file, wherever it lies now. */
  readonly file?: IngestFile | undefined;
  /** Where that is, when it has been moved from where it arrived. */
  readonly at?: IngestRequest["at"];
  /** What its sender says of the file, to be held against it once it is read. */
  readonly expected?: IngestRequest["expected"];
  /** Whether a file that is asked for by its key is left to a later look, too, while it may not be whole. */
  readonly onlyWhole?: boolean | undefined;
  /** Overrides `s3Prefix`. */
  readonly prefix?: string | undefined;
  /** Overrides `filePattern`: a glob on the file's name. */
  readonly pattern?: string | undefined;
  /** Overrides `maxFilesPerRun`; 0 = all. */
  readonly maxFiles?: number | undefined;
  readonly force?: { readonly by: string; readonly reason: string } | undefined;
  readonly dryRun?: boolean | undefined;
  /** What the caller calls the job. */
  readonly reference?: string | undefined;
  /** The job that is repeated. */
  readonly parent?: IngestRequest["parent"];
  /** How a file made by the connector is to be taken. */
  readonly as?: IngestRequest["as"];
  /** Whether a file below the prefix may be taken: another feed's may lie there too. Default: all may. */
  readonly owned?: ((key: string) => boolean) | undefined;
  /** Longest time to work, in milliseconds; where a look goes on, beside listing. Default: as long as it takes. */
  readonly budgetMs?: number | undefined;
  /** How far an earlier look came: this one goes on behind it, by at least one file however little time it has. */
  readonly from?: Omit<Look, "feed"> | undefined;
  /** Milliseconds since the epoch: what was taken since is not forced again. */
  readonly since?: number | undefined;
}

/** A file that was found, and what was decided about it. */
export interface Discovered {
  readonly key: string;
  readonly jobId: string;
  /**
   * `started`: a run was started. `resumed`: a run of an earlier job goes on. `running`: one is at it. `ingested`: this
   * version was delivered before, by that job. `held`: a guard stopped it, and nobody has forced it. `arriving`: it may
   * not be whole yet, and is left to a later look.
   */
  readonly decision: "started" | "resumed" | "running" | "ingested" | "held" | "arriving";
  /** Of what is `arriving`: what it waits for. */
  readonly because?: string;
}

export interface Discovery {
  readonly files: readonly Discovered[];
  /** False when time or `maxFiles` ran out first. */
  readonly complete: boolean;
  /** Where to go on, when time ran out; what `maxFiles` leaves is for the next trigger. */
  readonly next?: Omit<Look, "feed">;
}

/** After this long without a sign of life, in milliseconds, a job's run is taken for lost and started again. */
const LOST_AFTER_MS = 30 * 60_000;

/**
 * Finds the files that wait in the bucket, oldest first, and starts one durable run for each that has none.
 *
 * @param start starts a durable run; called at most once per file
 */
export async function discover(
  options: DiscoverOptions,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  start: (request: IngestRequest) => Promise<void>,
): Promise<Discovery> {
  let endsAt = ports.clock.now() + (options.budgetMs ?? Infinity);
  const isOver = () => ports.clock.now() >= endsAt;
  const { from } = options;
  const maxFiles = options.maxFiles ?? settings.maxFilesPerRun;
  const listed = await findFiles(options, settings, ports, state, () => !from && isOver());
  if (!listed) return { files: [], complete: false, next: { begun: 0 } };
  if (from) endsAt = ports.clock.now() + (options.budgetMs ?? Infinity);
  const { files: found, manifests } = listed;
  const look = async ({ file, at, isNamed }: Waiting): Promise<Discovered> => {
    const entry = options.dryRun ? undefined : await state.ledger.getFile(file);
    // What has a job was whole when it was taken, and is the same still.
    const arrival: Arrival = entry || (isNamed && !options.onlyWhole)
      ? { kind: "whole" }
      : await arrivalOf(file, settings, ports, state, manifests);
    if (arrival.kind === "arriving") {
      return { key: file.key, jobId: "", decision: "arriving", because: arrival.because };
    }
    const { expected } = arrival;
    const wanted = { ...options, ...(at ? { at } : {}), ...(expected ? { expected } : {}) };
    const discovered = await decide(file, entry, wanted, settings, ports, state, start);
    if (settings.stableSeconds > 0) await state.sightings.forget(file);
    return discovered;
  };
  const files: Discovered[] = [];
  let begun = from?.begun ?? 0;
  let after = from?.after;
  for (const waiting of found) {
    if (from?.after && !comesBefore(from.after, waiting.file)) continue;
    if (maxFiles > 0 && begun >= maxFiles) return { files, complete: false };
    if (isOver() && !(from && files.length === 0)) {
      return { files, complete: false, next: { begun, ...(after ? { after } : {}) } };
    }
    const discovered = await look(waiting);
    if (discovered.decision === "started" || discovered.decision === "resumed") begun++;
    files.push(discovered);
    const { lastModified, time, key } = waiting.file;
    after = { lastModified, key, ...(time === undefined ? {} : { time }) };
  }
  return { files, complete: true };
}

async function decide(
  file: IngestFile,
  entry: LedgerEntry | undefined,
  options: DiscoverOptions,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  start: (request: IngestRequest) => Promise<void>,
): Promise<Discovered> {
  const { triggeredBy, force } = options;
  const request = (jobId: string, dryRun = false): IngestRequest => ({
    v: 1,
    jobId,
    feed: settings.feed,
    file,
    triggeredBy,
    dryRun,
    ...(options.at ? { at: options.at } : {}),
    ...(options.expected ? { expected: options.expected } : {}),
    ...(force ? { force } : {}),
    ...(options.reference === undefined ? {} : { reference: options.reference }),
    ...(options.parent ? { parent: options.parent } : {}),
    ...(options.as ? { as: options.as } : {}),
  });
  if (options.dryRun) {
    const jobId = `dry-${jobIdOf(file, 1).slice(4)}-${(options.since ?? ports.clock.now()).toString(36)}`;
    await createJob(state, request(jobId, true));
    await start(request(jobId, true));
    return { key: file.key, jobId, decision: "started" };
  }
  const verdict = await judge(entry, ports, state, {
    forced: force !== undefined && !(entry && Date.parse(entry.at) >= (options.since ?? Infinity)),
    made: options.as !== undefined,
  });
  if (verdict.kind === "leave") {
    return { key: file.key, jobId: entry?.jobId ?? "", decision: verdict.decision };
  }

  const jobs = verdict.kind === "new" ? (entry?.jobs ?? 0) + 1 : entry?.jobs ?? 1;
  const jobId = verdict.kind === "new" ? jobIdOf(file, jobs) : entry?.jobId ?? jobIdOf(file, jobs);
  await createJob(state, request(jobId));
  if (verdict.kind === "resume") {
    await state.tracker.reopenJob(jobId, { triggeredBy, message: "Queued again" });
  }
  // Its place first: whoever finds it in the ledger may rely on its being waited for.
  await state.feeds.enter(settings.feed, jobId, file);
  await state.ledger.markFile(file, { jobId, status: "active", jobs });
  await start(request(jobId));
  return { key: file.key, jobId, decision: verdict.kind === "new" ? "started" : "resumed" };
}

type Verdict =
  | { readonly kind: "new" }
  | { readonly kind: "resume" }
  | { readonly kind: "leave"; readonly decision: "running" | "ingested" | "held" };

async function judge(
  entry: LedgerEntry | undefined,
  ports: IngestPorts,
  state: IngestState,
  { forced, made }: { readonly forced: boolean; readonly made: boolean },
): Promise<Verdict> {
  if (!entry) return { kind: "new" };
  switch (entry.status) {
    case "active": {
      const job = await state.tracker.getJob(entry.jobId);
      const seen = job ? Date.parse(job.updatedAt) : Date.parse(entry.at);
      const lost = ports.clock.now() - seen > LOST_AFTER_MS;
      return lost ? { kind: "resume" } : { kind: "leave", decision: "running" };
    }
    case "unfinished":
    case "failed":
      return { kind: "resume" };
    case "replaced":
      // What was sent of it has been written over since: it is sent anew.
      return { kind: "new" };
    case "held":
      return forced ? { kind: "resume" } : { kind: "leave", decision: "held" };
    case "completed":
    case "completed_with_errors":
    case "cancelled":
      // A file the connector made stands for one request: force lets it pass the guards, not go twice.
      return forced && !made ? { kind: "new" } : { kind: "leave", decision: "ingested" };
  }
}

async function createJob(state: IngestState, request: IngestRequest): Promise<void> {
  await state.tracker.createJob(request.jobId, {
    triggeredBy: request.triggeredBy,
    reference: request.reference,
    parent: request.parent,
    stage: "queued",
    message: "Queued",
    details: {
      file: request.file,
      feed: request.feed,
      dryRun: request.dryRun,
    },
  });
}
