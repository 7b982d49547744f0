import {
  type Clock,
  ConnectorError,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "../base/mod.ts";
import { type KVStore, parseRecord, readRecord } from "../state/mod.ts";
import { JobHistory } from "./job_history.ts";
import { JobIndex, type Release } from "./job_index.ts";
import {
  isTerminal,
  type JobRecord,
  jobRecordSchema,
  type JobStatus,
  mayBecome,
  type Relation,
  type Trigger,
} from "./job_record.ts";
import { withEvent } from "./timeline.ts";

/** Seven days, in seconds. */
export const DEFAULT_JOB_TTL_SECONDS = 604_800;

/**
 * How late a job's time to live may be renewed by progress alone, in seconds: an hour, or a tenth of a short one. A
 * change of status renews it at once.
 */
const RENEW_AFTER_SECONDS = 3_600;

/** What a job starts with. */
export interface JobMetadata {
  /** Default `manual`. */
  triggeredBy?: Trigger;
  /** What the caller calls it. */
  reference?: string | undefined;
  /** The job it repeats. */
  parent?: { jobId: string; relation: Relation } | undefined;
  stage?: string;
  message?: string;
  details?: Record<string, unknown>;
}

/** What an update may change. `details` are merged into those the job has. */
export interface JobUpdate {
  status?: JobStatus;
  stage?: string;
  message?: string;
  details?: Record<string, unknown>;
}

/** Jobs one sweep removes unless it is told otherwise. */
const MOST_SWEPT = 200;

/** Most children kept of a job: the latest. */
const MOST_CHILDREN = 50;

/** A job id is a key segment, a path segment and part of object names: letters, digits, `.`, `_` and `-`. */
const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * The life of every job, kept in the key-value store.
 *
 * Updates of one tracker to one job are applied one after the other, so none is lost; `details` are merged; a job that
 * is over stays over. The store has no expiry of its own, so the time to live is kept inside the record.
 *
 * @example
 * ```ts ignore
 * const tracker = new JobTracker(new VersoriKVAdapter(ctx.openKv(":workspace:")), ctx.log);
 * await tracker.createJob("job-1", { triggeredBy: "schedule", stage: "start" });
 * await tracker.updateJob("job-1", { status: "processing", details: { recordCount: 1000 } });
 * await tracker.markCompleted("job-1", { successCount: 1000 });
 * ```
 */
export class JobTracker {
  readonly #kv: KVStore;
  readonly #log: Logger;
  readonly #ttlSeconds: number;
  readonly #clock: Clock;
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #index: JobIndex;
  /** Questions about all jobs. */
  readonly history: JobHistory;
  #indexBegun = false;

  /** @param ttlSeconds how long a job is known after its last change; default seven days, 0 = for ever */
  constructor(
    kv: KVStore,
    logger: Logger = silentLogger,
    ttlSeconds: number = DEFAULT_JOB_TTL_SECONDS,
    clock: Clock = systemClock,
  ) {
    if (!Number.isFinite(ttlSeconds) || ttlSeconds < 0) {
      throw new ConnectorError(
        `Cannot track jobs: expected a time to live of 0 or more seconds, found ${ttlSeconds}`,
        { code: "job-ttl-invalid", retry: "never" },
      );
    }
    this.#kv = kv;
    this.#log = logger;
    this.#ttlSeconds = ttlSeconds;
    this.#clock = clock;
    this.#index = new JobIndex(kv, clock, logger);
    this.history = new JobHistory(kv, this.#index, clock);
  }

  /**
   * Removes some of the jobs whose time is over, with their entries in the history. To be called now and then.
   *
   * @param most jobs removed at most: it shares the time of whoever calls it
   * @param release removes what a job keeps beside its record, before that goes; false when the record has to stay
   * @returns how many were removed
   */
  sweep(most = MOST_SWEPT, release?: Release): Promise<number> {
    return this.#index.sweep(this.#ttlSeconds, most, release);
  }

  /**
   * Creates a job as `queued`. A job that exists already is left as it is and returned.
   *
   * @throws ConnectorError `job-id-invalid`; StateError when the store doesn't answer
   */
  createJob(jobId: string, metadata: JobMetadata = {}): Promise<JobRecord> {
    return this.#alone(jobId, async () => {
      const kept = await this.#kept(jobId);
      if (kept && !this.#expired(kept)) return kept;
      const now = this.#time();
      if (!this.#indexBegun) await this.#index.begin(now);
      this.#indexBegun = true;
      const record: JobRecord = {
        v: 1,
        jobId,
        status: "queued",
        triggeredBy: metadata.triggeredBy ?? "manual",
        ...(metadata.reference === undefined ? {} : { reference: metadata.reference }),
        ...(metadata.parent === undefined ? {} : { parent: metadata.parent }),
        ...(metadata.stage === undefined ? {} : { stage: metadata.stage }),
        ...(metadata.message === undefined ? {} : { message: metadata.message }),
        details: metadata.details ?? {},
        createdAt: now,
        updatedAt: now,
        // What is left of a life that is over must not be taken for this one's.
        reopened: kept ? kept.reopened + 1 : 0,
      };
      return await this.#write(record, undefined, kept);
    });
  }

  /**
   * Changes a job.
   *
   * @throws ConnectorError `job-unknown` when there is no such job, `job-over` when it has ended
   */
  updateJob(jobId: string, update: JobUpdate): Promise<JobRecord> {
    return this.#alone(jobId, async () => {
      const record = await this.#existing(jobId);
      const status = update.status ?? record.status;
      if (isTerminal(record.status) || !mayBecome(record.status, status)) {
        throw new ConnectorError(
          `Cannot change job '${jobId}' to '${status}': it has ended as '${record.status}'`,
          { code: "job-over", retry: "never", details: { jobId, status: record.status } },
        );
      }
      const now = this.#time();
      return await this.#write({
        ...record,
        status,
        ...(update.stage === undefined ? {} : { stage: update.stage }),
        ...(update.message === undefined ? {} : { message: update.message }),
        details: { ...record.details, ...update.details },
        ...(status === "processing" && record.startedAt === undefined ? { startedAt: now } : {}),
        ...(isTerminal(status) ? { completedAt: now } : {}),
      }, record);
    });
  }

  /** The job, or undefined when it is unknown or expired. */
  getJob(jobId: string): Promise<JobRecord | undefined> {
    return this.#read(jobId);
  }

  /**
   * The job that somebody asks for.
   *
   * @throws ConnectorError `job-id-invalid`, `job-unknown`
   */
  findJob(jobId: string): Promise<JobRecord> {
    return this.#existing(jobId);
  }

  /** Ends a job as `completed`, or as `completed_with_errors` or another end when the details call for it. */
  markCompleted(
    jobId: string,
    details: Record<string, unknown> = {},
    end: { status?: JobStatus; message?: string } = {},
  ): Promise<JobRecord> {
    return this.updateJob(jobId, {
      status: end.status ?? "completed",
      stage: "finished",
      details,
      ...(end.message === undefined ? {} : { message: end.message }),
    });
  }

  /** Ends a job as `failed`, with the reason. */
  markFailed(jobId: string, error: unknown, details: Record<string, unknown> = {}): Promise<JobRecord> {
    return this.#alone(jobId, async () => {
      const record = await this.#existing(jobId);
      if (isTerminal(record.status)) {
        throw new ConnectorError(`Cannot fail job '${jobId}': it has ended as '${record.status}'`, {
          code: "job-over",
          retry: "never",
          details: { jobId, status: record.status },
        });
      }
      const now = this.#time();
      return await this.#write({
        ...record,
        status: "failed",
        message: `Failed: ${messageOf(error)}`,
        error: messageOf(error),
        errorCode: error instanceof ConnectorError ? error.code : "unexpected",
        ...(error instanceof Error && error.stack ? { errorStack: error.stack.slice(0, 4_000) } : {}),
        details: { ...record.details, ...details },
        failedAt: now,
        completedAt: now,
      }, record);
    });
  }

  /** Opens a failed or held job again as `queued`; any other job is returned as it is. */
  reopenJob(jobId: string, metadata: { triggeredBy: Trigger; message: string }): Promise<JobRecord> {
    return this.#alone(jobId, async () => {
      const record = await this.#existing(jobId);
      if (record.status !== "failed" && record.status !== "held") return record;
      const {
        error: _error,
        errorCode: _code,
        errorStack: _stack,
        failedAt: _failed,
        completedAt: _done,
        ...rest
      } = record;
      return await this.#write({
        ...rest,
        status: "queued",
        triggeredBy: metadata.triggeredBy,
        stage: "queued",
        message: metadata.message,
        reopened: record.reopened + 1,
      }, record);
    });
  }

  /** Notes that another job repeats this one, which may have ended. Noting it again changes nothing. */
  linkChild(jobId: string, child: { jobId: string; relation: Relation }): Promise<JobRecord> {
    return this.#alone(jobId, async () => {
      const record = await this.#existing(jobId);
      const children = record.children ?? [];
      if (children.some((known) => known.jobId === child.jobId)) return record;
      return await this.#write({ ...record, children: [...children, child].slice(-MOST_CHILDREN) }, record);
    });
  }

  /** Every job that is known, newest first by creation. */
  async *listJobs(): AsyncIterable<JobRecord> {
    for await (const { key, value } of this.#kv.list(["jobs"])) {
      const record = parseRecord(key, value, jobRecordSchema);
      if (!this.#expired(record)) yield record;
    }
  }

  async #read(jobId: string): Promise<JobRecord | undefined> {
    const record = await this.#kept(jobId);
    return record && !this.#expired(record) ? record : undefined;
  }

  /** The record as it is kept, expired or not. */
  #kept(jobId: string): Promise<JobRecord | undefined> {
    checkJobId(jobId);
    return readRecord(this.#kv, ["jobs", jobId], jobRecordSchema);
  }

  async #existing(jobId: string): Promise<JobRecord> {
    const record = await this.#read(jobId);
    if (record) return record;
    throw new ConnectorError(`Cannot find job '${jobId}': it was never created, or it has expired`, {
      code: "job-unknown",
      retry: "never",
      details: { jobId },
    });
  }

  /**
   * @param before the job until now; undefined for a new one
   * @param leftover what is kept of an expired job of the same id
   */
  async #write(record: JobRecord, before: JobRecord | undefined, leftover = before): Promise<JobRecord> {
    const now = this.#clock.now();
    const written: JobRecord = { ...record, updatedAt: new Date(now).toISOString() };
    written.events = withEvent(before, written);
    const changed = before === undefined || before.status !== written.status ||
      before.stage !== written.stage;
    if (this.#ttlSeconds === 0) delete written.expiresAt;
    else if (changed || this.#isDue(before, now)) {
      written.expiresAt = new Date(now + this.#ttlSeconds * 1_000).toISOString();
    }
    const write = () => this.#kv.set(["jobs", record.jobId], written);
    // Progress alone is not in the index: it would cost several writes each time.
    const shown = changed || before.expiresAt !== written.expiresAt;
    if (shown) await this.#index.change(leftover, written, write);
    else await write();
    this.#log.debug("job written", { jobId: record.jobId, status: record.status, stage: record.stage });
    return written;
  }

  /** Whether a job's time to live has to be renewed although nothing but its progress changes. */
  #isDue(job: JobRecord, now: number): boolean {
    if (job.expiresAt === undefined) return true;
    const renewed = Date.parse(job.expiresAt) - this.#ttlSeconds * 1_000;
    return now - renewed >= Math.min(RENEW_AFTER_SECONDS, this.#ttlSeconds / 10) * 1_000;
  }

  /** Runs one job's changes one after the other. */
  #alone<T>(jobId: string, change: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(jobId) ?? Promise.resolve();
    const running = before.then(change, change);
    const settled = running.then(() => {}, () => {});
    this.#queues.set(jobId, settled);
    settled.then(() => {
      if (this.#queues.get(jobId) === settled) this.#queues.delete(jobId);
    });
    return running;
  }

  #expired(record: JobRecord): boolean {
    return record.expiresAt !== undefined && Date.parse(record.expiresAt) <= this.#clock.now();
  }

  #time(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

/** @throws ConnectorError `job-id-invalid` */
export function checkJobId(jobId: unknown): asserts jobId is string {
  if (typeof jobId === "string" && JOB_ID.test(jobId)) return;
  throw new ConnectorError(
    "Cannot use this job id: expected 1 to 128 letters, digits, '.', '_' or '-', starting with a letter or digit",
    { code: "job-id-invalid", retry: "never" },
  );
}
