import type { WorkflowMessage } from "./_workflow_message.ts";

/** How a durable workflow is started; `data` and `dataRaw` exclude each other. */
export interface WorkflowOpts {
  /** JSON. */
  data?: unknown;
  /** Base64. */
  dataRaw?: string;
  maxAttempts?: number;
}

/** A durable workflow that was started, as its starter sees it. */
export interface AsyncWorkflow {
  readonly id: string;
  readonly isCompleted: boolean;
  readonly isWaiting: boolean;
  /** Waits until it is completed or failed, or the time is over. */
  wait(maxWait?: number): Promise<void>;
  /** Its output. */
  getData(): Promise<unknown>;
  /** Its output, base64. */
  getDataRaw(): Promise<string>;
}

/** Access to the durable queue. */
export interface WorkflowInterface {
  startWorkflow(
    group: string,
    options?: WorkflowOpts,
  ): Promise<WorkflowMessage>;
  /** The message as it is now. */
  getWorkflow(workflow: WorkflowMessage): Promise<WorkflowMessage>;
  getWorkflowById(id: string): Promise<WorkflowMessage>;
  /** Polls until it is completed or failed. */
  waitForCompletion(workflow: WorkflowMessage): Promise<WorkflowMessage>;
  /** Makes it due again after a delay such as `"5s"` or `"1m"`. */
  rescheduleWorkflow(workflow: WorkflowMessage, delay: string): Promise<void>;
  completeWorkflow(
    workflow: WorkflowMessage,
    status: "completed" | "failed",
    result: object,
  ): Promise<void>;
}
