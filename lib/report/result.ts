import type { JobStatus } from "../jobs/mod.ts";

/** How many rows of each kind a result lists; all of them are in the reports. */
export const LISTED_ROWS = 1_000;

/** A row that was not sent. Lines are physical and 1-based, the header's included. */
export interface RejectedRow {
  readonly line: number;
  readonly endLine: number;
  /** 1-based; absent when the damage is not in one column. */
  readonly column?: number | undefined;
  readonly code: string;
  readonly raw: string;
  readonly message: string;
}

/** The outcome of one file: what `--json` prints and `summary.json` holds. */
export interface IngestResult {
  readonly jobId: string;
  readonly status: JobStatus;
  readonly message?: string | undefined;
  readonly file: {
    readonly key: string;
    readonly size: number;
    readonly etag: string;
    readonly sha256: string | null;
  };
  readonly rows: {
    readonly read: number;
    readonly sendable: number;
    readonly rejected: number;
    readonly superseded: number;
    readonly unchanged: number;
    readonly confirmed: number;
    readonly failed: number;
    readonly unconfirmed: number;
  };
  readonly batches: { readonly total: number; readonly sent: number; readonly resent: number };
  readonly rejects: readonly RejectedRow[];
  readonly superseded: readonly { readonly line: number; readonly endLine: number }[];
  readonly failed: readonly { readonly line: number; readonly code: string; readonly message: string }[];
  readonly heldBecause?: { readonly code: string; readonly message: string } | undefined;
  /** How the confirmed rows were confirmed: by an answer for each, as part of their batch, or some so, some so. */
  readonly confirmation?: "row" | "batch" | "mixed" | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fluentJobs: readonly string[];
  readonly archivedAs?: string | undefined;
  /** Where a held or failed job's file was moved to. */
  readonly movedTo?: string | undefined;
  readonly reports: {
    readonly summary: string | null;
    readonly rejectsCsv: string | null;
    readonly rejectsJsonl: string | null;
    /** Only where rows failed. */
    readonly failedCsv?: string | undefined;
    readonly failedJsonl?: string | undefined;
  };
  readonly durationMs: number;
}
