/** How bad an issue is. */
export type IssueSeverity = "low" | "medium" | "high" | "critical";

/** An issue to raise. */
export interface CreateIssue {
  severity: IssueSeverity;
  title: string;
  message: string;
  annotations?: Record<string, string>;
}

/** How raising an issue looks for an earlier one. */
export interface CreateIssueOptions {
  /** Default `true`: count up the unresolved issue of the same severity and title. */
  deduplicate?: boolean;
  /** What to compare instead of severity and title. */
  duplicationKey?: string;
}

/** An issue as the platform keeps it. */
export interface Issue {
  readonly id: string;
  readonly severity: IssueSeverity;
  readonly title: string;
  readonly message: string;
  readonly annotations: Record<string, string>;
  readonly status: "open" | "acked" | "resolved" | "closed";
  /** How often it was raised. */
  readonly count: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}
