/**
 * A stand-in of the Versori platform SDK for one's own machine: the same names, types and runtime semantics, with state in
 * SQLite and a server on 127.0.0.1. What a workflow may import is exported here and nothing else; configuring and observing
 * the platform is `@versori/run/local`.
 *
 * Source of its behaviour: the SDK guide and the CLI of Versori (SDK 0.6.x); what they leave open is an option each, see
 * {@link ./_options.ts}.
 *
 * @module
 */
export {
  type ActivationPredicate,
  type ArrayWorkflow,
  type CorsOptions,
  type DurableWorkflowData,
  type DurableWorkflowOptions,
  schedule,
  type ScheduleData,
  type Trigger,
  webhook,
  type WebhookData,
  type WebhookOptions,
  type Workflow,
  workflow,
} from "./_trigger.ts";
export {
  type ArrayTask,
  type ContextFunc,
  fn,
  http,
  type HttpOptions,
  type MaybePromise,
  type PaginateOptions,
  type Task,
  type Taskable,
} from "./_task.ts";
export { ExecutionError } from "./_execution_error.ts";
export { MemoryInterpreter } from "./_interpreter.ts";
export * as durable from "./_durable.ts";
export type { Context, HttpContext } from "./_context.ts";
export type { Activation, User } from "./_activation.ts";
export type { AccessToken, CredentialsProvider } from "./_credentials.ts";
export {
  type CountKVResponse,
  type GetOptions,
  type KeyValue,
  type KeyValueScope,
  type KVEntry,
  KVNotFoundError,
  type ListKVRequest,
  type ListKVResponse,
} from "./_key_value.ts";
export type { AsyncWorkflow, WorkflowInterface, WorkflowOpts } from "./_workflow_interface.ts";
export type { WorkflowMessage, WorkflowMessageMetadata } from "./_workflow_message.ts";
export type { CreateIssue, CreateIssueOptions, Issue, IssueSeverity } from "./_issue.ts";
export type { Logger } from "./_log.ts";
