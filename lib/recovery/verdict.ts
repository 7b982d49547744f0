import { ConnectorError } from "../base/mod.ts";
import { FluentApiError } from "../fluent/mod.ts";

/**
 * What a failed attempt to send rows means:
 *
 * - `refused`: something in the rows is wrong; others may be fine.
 * - `slow-down`: nothing happened, and less should be sent (429).
 * - `passing`: nothing happened, and the same may work later.
 * - `in-doubt`: it may have happened: ask before sending again.
 * - `stop`: nothing can be sent until a person changes something (credentials, permissions, configuration).
 * - `unknown`: an error of no known kind.
 */
export type Verdict = "refused" | "slow-down" | "passing" | "in-doubt" | "stop" | "unknown";

/** What this failure of a send means. A closed Fluent job is a `stop` here: who can open another one looks for it first. */
export function verdictOf(error: unknown): Verdict {
  if (!(error instanceof ConnectorError)) return "unknown";
  if (error.code === "fluent-bad-request" || error.code === "fluent-invalid-request") return "refused";
  if (error.code === "fluent-rate-limited") return "slow-down";
  if (error instanceof FluentApiError && error.effect === "unknown") return "in-doubt";
  return error.retry === "later" ? "passing" : "stop";
}
