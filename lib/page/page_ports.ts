import type { Clock } from "../base/mod.ts";
import type { Explanation } from "../explain/mod.ts";
import type { DayCounts, HistoryPage, HistoryQuery, JobRecord } from "../jobs/mod.ts";
import type { JobAction, JobRowsPage, JobRowsQuery } from "../ingest/mod.ts";
import type { FormTokens } from "./form_tokens.ts";

/** Everything the page is handed from outside. */
export interface PagePorts {
  readonly clock: Clock;
  readonly tokens: FormTokens;
  /** Names of the feeds there are. */
  readonly feeds: readonly string[];
  readonly history: {
    list(query: HistoryQuery): Promise<HistoryPage>;
    running(): Promise<readonly JobRecord[]>;
    counts(range: { readonly from: string; readonly to: string }): Promise<readonly DayCounts[]>;
  };
  job(jobId: string): Promise<JobRecord | undefined>;
  rows(job: JobRecord, query: JobRowsQuery): Promise<JobRowsPage>;
  /**
   * Does what a person asked for and confirmed; asking again changes nothing. Absent where jobs can only be looked at.
   *
   * @param by who asked, for the job's record
   * @returns the job to look at now
   */
  readonly act?: (
    action: JobAction,
    job: JobRecord,
    options: {
      readonly by: string;
      readonly reason?: string | undefined;
      /** The confirmation it comes from: sent twice, it is done once. */
      readonly idempotencyKey: string;
    },
  ) => Promise<{ readonly jobId: string }>;
  /** Absent where it can't be asked. */
  readonly explain?: (query: { sku: string; location: string; at?: string }) => Promise<Explanation>;
}
