// @ts-types="@types/express"
import type { Request } from "express";
import type { Activation } from "./_activation.ts";
import type { CredentialsProvider } from "./_credentials.ts";
import type { CreateIssue, CreateIssueOptions, Issue } from "./_issue.ts";
import type { KeyValue, KeyValueScope } from "./_key_value.ts";
import type { Logger } from "./_log.ts";
import type { AsyncWorkflow, WorkflowInterface, WorkflowOpts } from "./_workflow_interface.ts";
import type { WorkflowMessage } from "./_workflow_message.ts";

/** What a task is given. Its methods do not depend on `this`. */
export interface Context<D = unknown> {
  /** What the trigger received or the task before returned; in a `.catch()` an `ExecutionError`. */
  readonly data: D;
  readonly log: Logger;
  readonly executionId: string;
  readonly startTime: Date;
  activation: Activation;
  /** The queue message; in durable workflows only. */
  workflow?: WorkflowMessage;
  openKv(scope?: KeyValueScope): KeyValue;
  credentials(): CredentialsProvider;
  createIssue(
    issue: CreateIssue,
    options?: CreateIssueOptions,
  ): Promise<Issue | null>;
  /** Starts a durable workflow. */
  start(workflowId: string, options?: WorkflowOpts): Promise<AsyncWorkflow>;
  workflowClient(): WorkflowInterface;
  /** The incoming request of a webhook. */
  request(): Request | undefined;
  /** Drops the key-value store of a scope. */
  destroy(scope: KeyValueScope): Promise<void>;
}

/** What an `http` task is given. */
export interface HttpContext<D = unknown, P = unknown> extends Context<D> {
  /** Authenticated by the connection; relative paths only. */
  fetch: typeof fetch;
  baseUrl: Promise<string>;
  connectionVariables: Record<string, unknown>;
  pageParams?: P;
  nextPage(next: P): Promise<void>;
}
