import type { Alert } from "./alert.ts";
import type { AlertSink } from "./alerts.ts";

/** The part of the platform's `ctx.createIssue` that is used. */
export type CreateIssue = (
  issue: {
    severity: Alert["severity"];
    title: string;
    message: string;
    annotations: Record<string, string>;
  },
  options: { deduplicate: boolean },
) => Promise<unknown>;

/**
 * Raises the platform's issues. De-duplication is left on, so that an issue of the same severity and title that is open
 * or acknowledged counts up, and a new one opens only after somebody resolved it. Code can't resolve an issue: recovery
 * is one of its own, of low severity.
 */
export function issueSink(createIssue: CreateIssue): AlertSink {
  return {
    name: "issue",
    async tell({ severity, title, message, change, kind, facts }) {
      await createIssue(
        { severity, title, message, annotations: { ...facts, problem: kind, change } },
        { deduplicate: true },
      );
    },
  };
}
