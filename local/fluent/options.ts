import type { Clock } from "../../lib/base/mod.ts";
import type { Fault } from "./faults.ts";

/** What `POST /oauth/token` accepts: the client for every grant, the user for the password grant. */
export interface FluentCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly username: string;
  readonly password: string;
}

/** The credentials of a server that is given none: made up, for one's own machine only. */
export const localFluentCredentials: FluentCredentials = {
  clientId: "LOCAL",
  clientSecret: "local-client-secret",
  username: "local_user",
  password: "local-password",
};

/** Milliseconds from a call's arrival to its answer, by kind of call; what is left out is 0. */
export interface LatencyByCall {
  /** `POST /oauth/token` */
  readonly token?: number;
  /** `POST …/job` */
  readonly job?: number;
  /** `POST …/job/{id}/batch` */
  readonly batch?: number;
  /** Both status reads. */
  readonly read?: number;
}

/** What the processing of a batch answers for one entity, other than 200. */
export type EntityFailureCode = 301 | 404 | 500;

/** The options that can be sent to another thread. */
export interface CloneableFluentServerOptions {
  /** Folder of the server's database; made if missing. Without one, everything is in memory and lost on stop. */
  readonly stateDir?: string;
  /** Port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** Default {@linkcode localFluentCredentials}. */
  readonly credentials?: FluentCredentials;
  /** `Retailer_id` of the token answer, default `1`. */
  readonly retailerId?: number;
  /** Life of an access token in seconds, default 86400. Expired ones answer 401. */
  readonly tokenLifetimeS?: number;
  /** What every token begins with, so that it can be found where it should not be; default nothing. */
  readonly tokenPrefix?: string;
  /** Whether `GET …/job/{id}` lists the job's batches. The API's pages leave it open; default true. */
  readonly jobListsBatches?: boolean;
  /** Milliseconds a batch stays PENDING, default 0. */
  readonly pendingMs?: number;
  /** Milliseconds a batch is RUNNING, default 0. */
  readonly runningMs?: number;
  /** Processes batches one after the other at this many rows a second, on top of `runningMs`; default unlimited. */
  readonly throughputRowsPerSecond?: number;
  /** Results on a page when the reader gives no `count`, default 100 (the API names no number). */
  readonly resultsPerPage?: number;
  /** Most results on a page, default 5000; a bigger `count` is cut down to it. */
  readonly maxResultsPerPage?: number;
  /** SKUs this account doesn't have: their entities get responseCode 404. */
  readonly unknownSkus?: readonly string[];
  /** Locations this account doesn't have: their entities get responseCode 404. */
  readonly unknownLocations?: readonly string[];
  /** SKUs that make the API refuse the whole batch they are in, with 400. */
  readonly poisonSkus?: readonly string[];
  /** Closes each job once it has taken in this many batches; default at midnight UTC alone. */
  readonly closeJobsAfterBatches?: number;
  /** Which accepted batches, counted from 1 since the start, stay PENDING until `completeBatches`. */
  readonly stuckBatches?: readonly number[];
  /** SKUs whose entities fail with another responseCode. */
  readonly failingSkus?: Readonly<Record<string, EntityFailureCode>>;
  /**
   * Milliseconds from a call's arrival to its answer, the server's own work inside them; a timer each, so that
   * concurrent calls overlap. Default 0.
   */
  readonly latencyMs?: number | LatencyByCall;
  /** Spread of the latency, 0 to 1: 0.2 draws from 0.8 to 1.2 times the latency. Default 0. */
  readonly latencyJitter?: number;
  /** Seed of the jitter, default 1. */
  readonly seed?: number;
  /** Faults from the start; see {@linkcode Fault}. */
  readonly faults?: readonly Fault[];
  /** Calls under `/api` allowed in one second of the clock; more answer 429 with `Retry-After: 1`. */
  readonly requestsPerSecond?: number;
}

/** Options of `startFluentServer`. */
export interface FluentServerOptions extends CloneableFluentServerOptions {
  /** Default the machine's clock. Status, expiry, latency and midnight go by it. */
  readonly clock?: Clock;
  /** A rule beside `unknownSkus` and `unknownLocations`. */
  readonly isUnknown?: (entity: { readonly skuRef: string; readonly locationRef: string }) => boolean;
}
