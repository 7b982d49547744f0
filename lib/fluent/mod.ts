/**
 * Fluent Commerce's asynchronous Batch API: create a job, send batches, poll until every batch is complete, and read
 * what Fluent did with each row. Endpoints and limits: docs.fluentcommerce.com, *Job API*, *Batch API*, *Inventory Batch
 * API*, *API Authentication*.
 *
 * @module
 */
export {
  createClient,
  type CreateClientOptions,
  type DirectFluentContext,
  type FluentClientConfig,
  type VersoriFluentContext,
} from "./create_client.ts";
export { FluentClient } from "./fluent_client.ts";
export {
  type Effect,
  FluentApiError,
  type FluentApiErrorInit,
  type FluentErrorCode,
  FluentRequestError,
  type RequestProblem,
} from "./fluent_api_error.ts";
export {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitPermit,
  type CircuitRefusal,
  type CircuitState,
  circuitStateSchema,
} from "./circuit_breaker.ts";
export {
  RetryBudget,
  type RetryBudgetOptions,
  type RetryBudgetState,
  retryBudgetStateSchema,
} from "./retry_budget.ts";
export { batchBody, rowCount, WrittenBatch } from "./batch_body.ts";
export { calculateBatchSize } from "./batch_size.ts";
export { DEFAULT_MAX_REQUEST_BYTES, MAX_ENTITIES_PER_BATCH } from "./_requests.ts";
export {
  type SendPermit,
  SendWindow,
  type SendWindowOptions,
  type SendWindowState,
  sendWindowStateSchema,
} from "./send_window.ts";
export {
  FluentJobFailedError,
  getPollingInterval,
  type JobStatusReader,
  PollDeadlineError,
  pollJobCompletion,
  type PollOptions,
} from "./polling.ts";
export {
  type BatchOutcome,
  type BatchProgress,
  type BatchState,
  deriveJobStatus,
  outcomeOf,
  progressOf,
} from "./job_status.ts";
export type * from "./types.ts";
