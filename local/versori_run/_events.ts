/** What the platform tells its `onEvent` hook; for tests and displays. */
export type PlatformEvent =
  | {
    readonly type: "runStarted";
    readonly workflowId: string;
    readonly executionId: string;
    readonly attempt?: number;
  }
  | {
    readonly type: "runEnded";
    readonly workflowId: string;
    readonly executionId: string;
    readonly ok: boolean;
  }
  | {
    readonly type: "triggerTimedOut";
    readonly workflowId: string;
    readonly executionId: string;
  }
  | {
    readonly type: "messageEnqueued";
    readonly group: string;
    readonly id: string;
  }
  | {
    readonly type: "messageClaimed";
    readonly group: string;
    readonly id: string;
    readonly attempt: number;
  }
  | {
    readonly type: "messageSettled";
    readonly group: string;
    readonly id: string;
    readonly attempt: number;
    readonly outcome:
      | "completed"
      | "retried"
      | "failed"
      | "rescheduled"
      | "superseded"
      | "abandoned";
  }
  | { readonly type: "locksReleased"; readonly ids: readonly string[] }
  | {
    readonly type: "scheduleFired";
    readonly id: string;
    readonly status: number;
  }
  | {
    readonly type: "issueRaised";
    readonly id: string;
    readonly title: string;
    readonly count: number;
  };
