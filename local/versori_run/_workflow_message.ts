/** What a queue message belongs to; inherited from the run that started it. */
export interface WorkflowMessageMetadata {
  readonly executionId: string;
  readonly activationId: string;
  readonly userId: string;
  /** The message whose run started this one. */
  readonly parentWorkflowId?: string;
}

/** A durable workflow's message in the queue. */
export interface WorkflowMessage {
  readonly id: string;
  readonly projectId: string;
  readonly environmentId: string;
  /** Id of the workflow. */
  readonly group: string;
  /** Base64. */
  readonly payload: string;
  /** Base64. */
  readonly output?: string;
  readonly status?: "available" | "locked" | "completed" | "failed";
  /** Number of deliveries, the running one included. */
  readonly attempt: number;
  readonly maxAttempts?: number;
  /** When it will be delivered (again). */
  readonly timeout: string;
  readonly createdAt: string;
  readonly metadata: WorkflowMessageMetadata;
}
