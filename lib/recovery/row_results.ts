import { ConnectorError } from "../base/mod.ts";

/** What identifies a row at Fluent. */
export interface RowReference {
  readonly locationRef?: unknown;
  readonly skuRef?: unknown;
}

/** Fluent's answer for one row. */
export interface RowResult {
  readonly entityRef?: string | undefined;
  readonly responseCode: number;
  readonly message?: string | undefined;
}

/** A row Fluent did not take: its place among the rows, and Fluent's answer. */
export interface RefusedRow {
  readonly at: number;
  readonly responseCode: number;
  readonly message: string;
}

/** Every form in which an answer may name a row; Fluent does not document how an entity's reference is formed. */
export function namesOf({ locationRef, skuRef }: RowReference): readonly string[] {
  return [`${locationRef}:${skuRef}`, `${skuRef}:${locationRef}`];
}

/**
 * Which row each refusal belongs to: by the entity's reference where it names a row, else by its position when there is
 * an answer for every row.
 *
 * @throws ConnectorError `fluent-bad-answer` when a refusal belongs to no row
 */
export function traceRefusals(rows: readonly RowReference[], results: readonly RowResult[]): RefusedRow[] {
  if (results.every((result) => result.responseCode === 200)) return [];
  const places = new Map<string, number>();
  rows.forEach((row, at) => {
    for (const name of namesOf(row)) places.set(name, at);
  });
  return results.flatMap((result, position) => {
    if (result.responseCode === 200) return [];
    const named = result.entityRef === undefined ? undefined : places.get(result.entityRef);
    const at = named ?? (results.length === rows.length ? position : undefined);
    if (at === undefined) {
      throw new ConnectorError(
        `Cannot trace a failed row of Fluent to its line: it is named '${
          result.entityRef ?? ""
        }', and only ` +
          `${results.length} of ${rows.length} results came`,
        { code: "fluent-bad-answer", retry: "never" },
      );
    }
    return [{
      at,
      responseCode: result.responseCode,
      message: result.message || "Fluent gave no reason",
    }];
  });
}

/** The rows a batch's answers say nothing of. */
export interface UnansweredRows {
  /** Their places among the rows. */
  readonly at: readonly number[];
  /** False when the answers don't all name their rows: then it is every row that was not refused. */
  readonly exact: boolean;
}

/** Which rows of a batch got no answer, when there are fewer answers than rows. */
export function unansweredRows(rows: readonly RowReference[], results: readonly RowResult[]): UnansweredRows {
  const answered = new Set<string | undefined>(results.map(({ entityRef }) => entityRef));
  const at = rows.flatMap((row, place) => namesOf(row).some((name) => answered.has(name)) ? [] : [place]);
  if (at.length === rows.length - results.length) return { at, exact: true };
  const refused = new Set(traceRefusals(rows, results).map((row) => row.at));
  return { at: [...rows.keys()].filter((place) => !refused.has(place)), exact: false };
}
