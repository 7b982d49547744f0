/**
 * What to do when part of what was sent was not taken: tell apart the kinds of failure, find the rows a refused batch is
 * refused for, trace Fluent's answers to their rows, and resume. The pipeline and `PartialBatchRecovery` share it.
 *
 * @module
 */
export { halvesOf, type Range, REFUSALS_WITHOUT_ACCEPTANCE } from "./bisection.ts";
export { type Verdict, verdictOf } from "./verdict.ts";
export {
  namesOf,
  type RefusedRow,
  type RowReference,
  type RowResult,
  traceRefusals,
  type UnansweredRows,
  unansweredRows,
} from "./row_results.ts";
export {
  type CheckpointInfo,
  type FailedRecord,
  PartialBatchRecovery,
  type RecoveryOptions,
  type RecoveryParts,
  type RecoveryResult,
} from "./partial_batch_recovery.ts";
