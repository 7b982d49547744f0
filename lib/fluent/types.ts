import type { FluentApiError } from "./fluent_api_error.ts";
import type { RetryBudget } from "./retry_budget.ts";

/** A Fluent retailer: `1`, `"1"` or a reference. Fluent's own samples use both forms. */
export type RetailerId = string | number;

/** What every call takes. */
export interface CallOptions {
  /**
   * Ends the call, waits and repetitions included, with the signal's reason. A request that had left may have taken
   * effect all the same.
   */
  readonly signal?: AbortSignal | undefined;
  /** Attempts in all for what may be repeated, for this call. Default: the client's. */
  readonly attempts?: number | undefined;
  /** What the call's job may repeat. Default: the client's. */
  readonly retryBudget?: RetryBudget | undefined;
  /** Told of every failure inside the call that is followed by another attempt, and the pause before it. */
  readonly onRetry?: ((failure: FluentApiError, delayMs: number) => void) | undefined;
}

/** A new Fluent job. `meta: { preprocessing: "skip" }` switches Fluent's batch pre-processing off. */
export interface CreateJobRequest {
  readonly name: string;
  /** Default: the client's retailer. */
  readonly retailerId?: RetailerId | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

/** A created job. Fluent answers the id alone; name and retailer are those of the request. */
export interface FluentJob {
  readonly id: string;
  readonly name: string;
  readonly retailerId: string;
}

/** One row of an INVENTORY batch, as the Inventory Batch API documents it. */
export interface FluentInventoryEntity {
  readonly locationRef: string;
  readonly skuRef: string;
  /** The latest stock on hand: absolute, whole. */
  readonly qty: number;
  readonly retailerId: RetailerId;
  readonly correctedQty?: number | undefined;
  /** Quantity type; Fluent's default is `LAST_ON_HAND`. */
  readonly type?: string | undefined;
  /** Quantity status; `ACTIVE` counts towards on-hand. */
  readonly status?: string | undefined;
  /** Free JSON; Fluent keeps the keys it knows (`expectedOn`, `condition`, `storageAreaRef`, …). */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** A row of a batch: an inventory row, or any object for the other entity types. Checked when it is sent. */
export type FluentEntity = FluentInventoryEntity | Readonly<Record<string, unknown>>;

/** A batch to send. `action` and `entityType` are mandatory for Fluent, the optional fields have Fluent's defaults. */
export interface SendBatchRequest {
  /** `UPSERT` for inventory. */
  readonly action: string;
  /** `INVENTORY` for stock. */
  readonly entityType: string;
  /** Fluent's default: `batch`. */
  readonly source?: string | undefined;
  /** Fluent's default: `InventoryChanged`; another name fires another ruleset. */
  readonly event?: string | undefined;
  /** Fluent's default: `DEFAULT:<retailerId>`. */
  readonly catalogueRef?: string | undefined;
  readonly conditions?: Readonly<Record<string, unknown>> | undefined;
  /** 1 to 5,000 rows. */
  readonly entities: readonly FluentEntity[];
}

/** A batch Fluent has taken in; it is processed later. */
export interface FluentBatch {
  readonly id: string;
  readonly jobId: string;
}

/** `GET /api/v4.1/job/{jobId}` as it is on the wire; ids as text, further keys left out. */
export interface FluentJobAnswer {
  readonly jobId: string;
  /** Fluent's own word: the job is open until midnight UTC, then `CLOSED`. Says nothing about its batches. */
  readonly status: string;
  /** Each batch once. Absent when the answer has no such list, or one that cannot be read whole. */
  readonly batches?: readonly FluentJobBatch[];
}

/** A batch as a job's answer lists it. */
export interface FluentJobBatch {
  readonly batchId: string;
  /** Absent when the list gives ids only. */
  readonly status?: string;
}

/** What Fluent did with one row. `responseCode` 200 = taken; 404 = dependent record not found; 500; 301 = unauthorised. */
export interface FluentRowResult {
  /** Only for rows that were taken. */
  readonly entityId?: string;
  readonly entityRef?: string;
  readonly responseCode: number;
  readonly message?: string;
}

/** `GET /api/v4.1/job/{jobId}/batch/{batchId}` as it is on the wire: one page of row results. */
export interface FluentBatchAnswer {
  readonly batchId: string;
  readonly jobId: string;
  /** `PENDING`, `RUNNING` or `COMPLETE`; the last one with or without row errors. */
  readonly status: string;
  /** Place of the page's first result, as Fluent says; the one asked for when it says nothing. */
  readonly start: number;
  /** Results on this page, as Fluent says; counted when it says nothing. */
  readonly count: number;
  /** Results of the batch in all; `undefined` when Fluent does not say. */
  readonly total: number | undefined;
  readonly results: readonly FluentRowResult[];
}

/** A batch's answer with the fields the guide and its SDK types show. */
export interface FluentBatchStatus extends FluentBatchAnswer {
  /** The same as `batchId`. */
  readonly id: string;
  /** Rows Fluent has finished with. */
  readonly processedEntities: number;
  /** Rows of the batch, as far as is known. */
  readonly totalEntities: number;
}

/** The guide's job states. */
export type FluentJobState = "PENDING" | "PROCESSING" | "COMPLETED" | "FAILED";

/** Row errors of a job, by Fluent's response code (`{ "404": 12 }`). */
export interface FluentErrorSummary {
  readonly totalErrors: number;
  readonly errorTypes: Readonly<Record<string, number>>;
  readonly message?: string;
}

/** The guide's view of a job, computed from its batches (see {@linkcode deriveJobStatus}). */
export interface FluentJobStatus {
  readonly id: string;
  readonly status: FluentJobState;
  readonly totalBatches: number;
  readonly completedBatches: number;
  /** Rows of all known batches, as far as is known. */
  readonly totalRecords: number;
  /** Absent when no row failed. */
  readonly errorSummary?: FluentErrorSummary;
}

/** A batch the caller knows of: its id, or its id with the number of rows sent in it. */
export type KnownBatch = string | { readonly id: string; readonly entities?: number | undefined };

/** A GraphQL request. */
export interface GraphqlRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** A GraphQL answer. `errors` beside `data` means a partial answer. */
export interface GraphqlAnswer {
  readonly data: unknown;
  readonly errors?: readonly unknown[];
}
