import { type Clock, ConfigError, ConnectorError, messageOf, systemClock } from "../base/mod.ts";
import { FluentApiError } from "./fluent_api_error.ts";
import type { CallOptions, FluentJobStatus, KnownBatch } from "./types.ts";

/** The guide's poll interval in milliseconds: 10 s below 10 batches, 30 s below 100, then 60 s. */
export function getPollingInterval(totalBatches: number): number {
  if (totalBatches < 10) return 10_000;
  return totalBatches < 100 ? 30_000 : 60_000;
}

/** What polling needs of a client. */
export interface JobStatusReader {
  getJobStatus(jobId: string, known?: readonly KnownBatch[], options?: CallOptions): Promise<FluentJobStatus>;
}

/** How to poll. Times are milliseconds. */
export interface PollOptions {
  /** Default: {@linkcode getPollingInterval} of the job's batches, looked at anew after every poll. */
  readonly interval?: number | undefined;
  /** Default 3,600,000 (an hour). 0 polls once. */
  readonly timeout?: number | undefined;
  /** Called after every poll that worked, the last one included. */
  readonly onProgress?: ((status: FluentJobStatus) => void) | undefined;
  /** Batches to look at, for a client that has not sent them itself. */
  readonly known?: readonly KnownBatch[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/** The job was not finished at the deadline. Not a failure: it goes on at Fluent and can be polled again. */
export class PollDeadlineError extends ConnectorError {
  override name = "PollDeadlineError";
  readonly jobId: string;
  /** The last status read; `undefined` when no poll worked. */
  readonly lastStatus: FluentJobStatus | undefined;

  constructor(jobId: string, timeoutMs: number, lastStatus: FluentJobStatus | undefined, cause?: unknown) {
    const found = lastStatus === undefined
      ? `no status could be read${cause === undefined ? "" : ` (${messageOf(cause)})`}`
      : `${lastStatus.completedBatches} of ${lastStatus.totalBatches} batches are complete`;
    super(
      `Fluent job ${jobId} has not finished within ${
        timeoutMs / 1000
      } s: ${found}; it goes on at Fluent, poll again`,
      { code: "fluent-poll-deadline", retry: "later", details: { jobId, timeoutMs, lastStatus }, cause },
    );
    this.jobId = jobId;
    this.lastStatus = lastStatus;
  }
}

/** The job finished and nothing of it, or a whole batch of it, was taken. */
export class FluentJobFailedError extends ConnectorError {
  override name = "FluentJobFailedError";
  readonly jobId: string;
  readonly status: FluentJobStatus;

  constructor(status: FluentJobStatus) {
    super(`Fluent job ${status.id} failed: ${status.errorSummary?.message ?? "Fluent gives no reason"}`, {
      code: "fluent-job-failed",
      retry: "never",
      details: { jobId: status.id, status },
    });
    this.jobId = status.id;
    this.status = status;
  }
}

/**
 * Polls a job until it is COMPLETED and gives its last status back; rows Fluent refused are in its `errorSummary`.
 *
 * A poll that fails in a way that may pass (network, 429, 5xx, and unreadable answers after a good one) is not a failed
 * job: the next poll follows. There is always a deadline, with a last poll at it. A poll under way at the deadline is
 * let finish, within the client's time-outs.
 *
 * @throws {PollDeadlineError} at the deadline; {FluentJobFailedError} when the job ends FAILED; {FluentApiError} when
 * polling again cannot help; {ConfigError} when interval or timeout are not usable; the signal's reason.
 */
export async function pollJobCompletion(
  client: JobStatusReader,
  jobId: string,
  options: PollOptions = {},
): Promise<FluentJobStatus> {
  const { interval, onProgress, signal } = options;
  const timeout = options.timeout ?? 3_600_000;
  const clock = options.clock ?? systemClock;
  if (interval !== undefined && !(interval >= 1 && Number.isFinite(interval))) {
    throw new ConfigError(
      `Cannot poll Fluent job ${jobId}: expected an interval of at least 1 ms, found ${interval}`,
    );
  }
  if (!(timeout >= 0 && Number.isFinite(timeout))) {
    throw new ConfigError(
      `Cannot poll Fluent job ${jobId}: expected a timeout of 0 ms or more, found ${timeout}`,
    );
  }
  const deadline = clock.now() + timeout;
  let last: FluentJobStatus | undefined;
  let failure: unknown;
  while (true) {
    signal?.throwIfAborted();
    let waitAtLeast = 0;
    try {
      last = await client.getJobStatus(jobId, options.known, { signal });
      failure = undefined;
    } catch (error) {
      if (signal?.aborted || !mayPass(error, last !== undefined)) throw error;
      failure = error;
      waitAtLeast = error instanceof ConnectorError ? error.retryAfterMs ?? 0 : 0;
    }
    if (failure === undefined && last !== undefined) {
      onProgress?.(last);
      if (last.status === "COMPLETED") return last;
      if (last.status === "FAILED") throw new FluentJobFailedError(last);
    }
    const left = deadline - clock.now();
    if (left <= 0) throw new PollDeadlineError(jobId, timeout, last, failure);
    const pause = Math.max(waitAtLeast, interval ?? getPollingInterval(last?.totalBatches ?? 0));
    await clock.sleep(Math.min(left, pause), signal);
  }
}

function mayPass(error: unknown, hadStatus: boolean): boolean {
  if (error instanceof ConnectorError && error.retry === "later") return true;
  return hadStatus && error instanceof FluentApiError && error.code === "fluent-bad-answer";
}
