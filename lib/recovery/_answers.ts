import { progressOf } from "../fluent/mod.ts";
import { traceRefusals } from "./row_results.ts";

/** One record the other side did not take, although the call itself worked. */
export interface AnsweredFailure {
  readonly at: number;
  readonly error: Error & { readonly code: string };
}

/**
 * What an answer says of the records it is the answer to: per row where it has `results` with response codes; of all of
 * them where it has a status that means failure, or errors. Anything else means that they were taken.
 */
export function failuresIn(answer: unknown, records: readonly unknown[]): AnsweredFailure[] {
  if (typeof answer !== "object" || answer === null) return [];
  const { results, status, errors, success } = answer as Record<string, unknown>;
  if (Array.isArray(results) && results.length > 0 && results.every(isRowResult)) {
    const refs = records.map((record) => typeof record === "object" && record !== null ? record : {});
    return traceRefusals(refs, results).map(({ at, responseCode, message }) => ({
      at,
      error: failure(message, `fluent-${responseCode}`),
    }));
  }
  const said = Array.isArray(errors) ? errors.map(wordsOf).filter((words) => words !== "") : [];
  const failed = typeof status === "string" && progressOf(status) === "failed";
  if (!failed && success !== false && !(Array.isArray(errors) && errors.length > 0)) return [];
  const error = failure(
    said.slice(0, 3).join("; ") || `the answer says ${failed ? status : "that it failed"}`,
    "batch-failed",
  );
  return records.map((_, at) => ({ at, error }));
}

function isRowResult(
  value: unknown,
): value is { responseCode: number; entityRef?: string; message?: string } {
  return typeof value === "object" && value !== null && "responseCode" in value &&
    typeof value.responseCode === "number";
}

function wordsOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (typeof error !== "object" || error === null) return "";
  const { message } = error as { message?: unknown };
  return typeof message === "string" ? message : "";
}

function failure(message: string, code: string): AnsweredFailure["error"] {
  return Object.assign(new Error(message), { code });
}
