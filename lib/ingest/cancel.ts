import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";

const cancelSchema = z.object({
  v: z.literal(1),
  /** The job was opened again this often when it was to be cancelled: a later life is not meant. */
  reopened: z.number().int(),
  by: z.string(),
});

/** Somebody has asked for the job to be stopped. */
export class JobCancelled extends ConnectorError {
  override name = "JobCancelled";
  readonly by: string;
  constructor(jobId: string, by: string) {
    super(`Job '${jobId}' was cancelled by ${by}`, {
      code: "job-cancelled",
      retry: "never",
      details: { jobId },
    });
    this.by = by;
  }
}

/** Asks the run of a job to stop at its next look, two seconds later at most while it sends. */
export function askToCancel(
  kv: KVStore,
  job: { jobId: string; reopened: number },
  by: string,
): Promise<void> {
  return kv.set(["cancels", job.jobId], { v: 1, reopened: job.reopened, by });
}

/** @throws JobCancelled when the job is to stop */
export async function checkCancelled(kv: KVStore, jobId: string, reopened: number): Promise<void> {
  const asked = await readRecord(kv, ["cancels", jobId], cancelSchema);
  if (asked && asked.reopened === reopened) throw new JobCancelled(jobId, asked.by);
}

/** Forgets the request, once the job is over. */
export function forgetCancel(kv: KVStore, jobId: string): Promise<void> {
  return kv.delete(["cancels", jobId]);
}
