/**
 * The life and the history of jobs: one job is one file's ingest.
 *
 * @module
 */
export {
  isTerminal,
  JOB_STATUSES,
  type JobEvent,
  jobEventSchema,
  type JobRecord,
  jobRecordSchema,
  type JobStatus,
  mayBecome,
  type Relation,
  RELATIONS,
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
export {
  factsOf,
  fileNameOf,
  type JobFacts,
  jobFactsSchema,
  type JobRows,
  jobRowsSchema,
} from "./job_facts.ts";
export { documentOf, type JobDocument, jobDocumentSchema } from "./job_document.ts";
export { nextStepOf } from "./next_step.ts";
export { dayOf, type JobSummary, jobSummarySchema, summaryOf } from "./job_summary.ts";
export { type HistoryQuery, historyQuerySchema, MAX_PAGE } from "./history_query.ts";
export { type DayCounts, type HistoryPage, JobHistory, MAX_DAYS } from "./job_history.ts";
export { type Stage, stagesOf, timelineOf } from "./timeline.ts";
