/**
 * Tells people, once per problem, that a feed has got worse or has recovered: as an issue of the platform, and
 * optionally to a chat's webhook. What is a problem is decided by functions of values (`decide.ts`); what is known of a
 * feed's problems is kept in the key-value store (`feed_watch.ts`).
 *
 * @module
 */
export type { Alert, AlertSeverity, ProblemKind } from "./alert.ts";
export { Alerts, type AlertSink } from "./alerts.ts";
export { chatSink, type Fetch } from "./chat_sink.ts";
export { ALL_FEEDS } from "./decide.ts";
export { type FeedEvent, type FeedPolicy, type JobEnd, type JobEndStatus } from "./feed_event.ts";
export { type CreateIssue, issueSink } from "./issue_sink.ts";
export { jobEndOf } from "./job_end.ts";
