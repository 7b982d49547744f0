/**
 * The life and the history of jobs: one job is one file's ingest.
 *
 * @module
 */
export {
  isTerminal,
  JOB_STATUSES,
  type JobRecord,
  jobRecordSchema,
  type JobStatus,
  mayBecome,
  type Trigger,
  TRIGGERS,
} from "./job_record.ts";
export {
  checkJobId,
  DEFAULT_JOB_TTL_SECONDS,
  type JobMetadata,
  JobTracker,
  type JobUpdate,
} from "./job_tracker.ts";
