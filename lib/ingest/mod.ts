/**
 * The flow of one file: discover → claim → inspect → deliver → confirm → report → archive. Triggers call `discover`;
 * a durable run calls `runSlice` until it says that the job is over.
 *
 * @module
 */
export { discover, type Discovered, type DiscoverOptions, type Discovery } from "./discover.ts";
export {
  discoverFeeds,
  feedOfKey,
  type FeedProblem,
  type FeedsDiscovery,
  type FeedsOptions,
  problemOfFeeds,
} from "./discover_feeds.ts";
export {
  type ActionOptions,
  type ActionPlan,
  type ActionPorts,
  type ActionResult,
  actOnJob,
  type ReplayedRows,
} from "./actions.ts";
export { JOB_ACTIONS, type JobAction, possibleActions } from "./possible_actions.ts";
export {
  type JobRow,
  jobRowSchema,
  type JobRowsPage,
  type JobRowsQuery,
  listJobRows,
  ROW_OUTCOMES,
  rowsFrom,
} from "./job_rows.ts";
export { ingestPayload, type Payload, type StagedPayload } from "./payload.ts";
export { isOwnCopy, openSource } from "./source.ts";
export { BatchReader, type MappingPorts, readRange, RowsAgain } from "./batch_reader.ts";
export { Journal } from "./journal.ts";
export { FeedSchedules, LOOK_EVERY_MINUTES } from "./feed_schedules.ts";
export { type IngestRequest, ingestRequestSchema, jobIdOf } from "./request.ts";
export { type DiscoveryRequest, discoveryRequestSchema, type Look } from "./discovery_request.ts";
export { takeSuccessor } from "./replaced.ts";
export { retain, type Retained } from "./retention.ts";
export { type RemainsPorts } from "./remains.ts";
export { observedPartition } from "./observed_partition.ts";
export { observedSlice } from "./observed_slice.ts";
export {
  type FluentPort,
  type IngestPorts,
  type IngestState,
  type Settings,
  type StepObserver,
} from "./ports.ts";
export { ingestState } from "./ingest_state.ts";
export { type SliceOutcome } from "./job_end.ts";
export { runSlice } from "./run.ts";
export { type PartitionRequest, partitionRequestSchema } from "./partition_record.ts";
export { type PartitionOutcome, runPartition } from "./partition_run.ts";
export { checkBooks, NO_ROWS, type Rows } from "./books.ts";
export { type Manifest, manifestKey, readManifest } from "./manifest.ts";
export { type BatchPayload, batchPayloads, batchPayloadSchema } from "./batch_payload.ts";
export { type Preview, preview, type PreviewColumn, type PreviewRejects } from "./preview.ts";
