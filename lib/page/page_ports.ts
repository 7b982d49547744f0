import type { Clock } from "../base/mod.ts";
import type { DayCounts, HistoryPage, HistoryQuery, JobRecord } from "../jobs/mod.ts";
import type { PageAction } from "./actions.ts";
import type { FormTokens } from "./form_tokens.ts";

/** A row that was rejected or failed, as it is shown. */
export interface ShownRow {
  readonly outcome: "rejected" | "failed";
  /** Physical and 1-based, the header's included. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
  /** The row as it stands in the file. */
  readonly raw: string;
}

export interface RowsPage {
  readonly rows: readonly ShownRow[];
  /** Where the next page starts; absent at the end. */
  readonly nextCursor?: string | undefined;
}

/** One time a key was in a file: what it said, and what became of it. */
export interface Sighting {
  readonly jobId: string;
  readonly file: string;
  readonly line: number;
  /** ISO 8601: when the file was ingested. */
  readonly at: string;
  readonly raw: string;
  readonly outcome: string;
  /** Each step in one sentence: what the mapping made of it, in which batch it went, what Fluent answered. */
  readonly steps: readonly string[];
}

/** Why Fluent's figure for one key is what it is. */
export interface Explanation {
  readonly conclusion: string;
  /** Newest first. */
  readonly sightings: readonly Sighting[];
}

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
  rows(
    job: JobRecord,
    query: { outcome?: "rejected" | "failed"; text?: string; cursor?: string; limit: number },
  ): Promise<RowsPage>;
  /**
   * Does what a person asked for and confirmed; asking again changes nothing. Absent where jobs can only be looked at.
   *
   * @param by who asked, for the job's record
   * @returns the job to look at now
   */
  readonly act?: (
    jobId: string,
    action: PageAction,
    options: { readonly by: string; readonly reason?: string | undefined },
  ) => Promise<{ readonly jobId: string }>;
  /** Absent where it can't be asked. */
  readonly explain?: (key: { sku: string; location: string; at?: string }) => Promise<Explanation>;
}
