import type { JobAction } from "../ingest/mod.ts";

/** How an action is offered and asked about. */
export interface ActionText {
  readonly label: string;
  /** What will happen, before it is confirmed. */
  readonly explanation: string;
  /** What is said once it has been done. */
  readonly done: string;
  /** Whether a reason has to be given. */
  readonly needsReason: boolean;
  /** Whether it is shown as one to be careful with. */
  readonly careful: boolean;
}

export const ACTION_TEXT: Readonly<Record<JobAction, ActionText>> = {
  "replay": {
    label: "Replay whole file",
    explanation:
      "A new job reads the file again from its first row and sends every sendable row to Fluent, also " +
      "those that were confirmed. Stock figures in the file replace Fluent's.",
    done: "This job replays the whole file.",
    needsReason: false,
    careful: true,
  },
  "replay-failed": {
    label: "Replay failed rows",
    explanation:
      "A new job sends only the rows that Fluent refused or gave no answer for. Rows that were confirmed are " +
      "not touched.",
    done: "This job replays the rows that failed.",
    needsReason: false,
    careful: false,
  },
  "release": {
    label: "Release held file",
    explanation:
      "The file is sent although a guard stopped it. The guard's reason stands above: read it before you " +
      "go on.",
    done: "The file was released and is being sent.",
    needsReason: true,
    careful: true,
  },
  "cancel": {
    label: "Cancel job",
    explanation:
      "The job stops at the next good place. Rows that were sent stay sent; the rest is not. The file stays " +
      "where it is.",
    done: "The job is being cancelled.",
    needsReason: false,
    careful: true,
  },
};
