import { FluentApiError } from "./fluent_api_error.ts";
import type { FluentBatchAnswer, FluentRowResult } from "./types.ts";

/** Rows asked for per page. */
export const RESULTS_PAGE_SIZE = 500;

/**
 * All row results of a COMPLETE batch, its first page given. Reads on until Fluent's own total is reached; anything that
 * cannot be proven whole (no total, a total that changes, an empty or overlong or repeated page) is an error, so a
 * server that ignores `start` cannot keep it going.
 */
export async function readOn(
  first: FluentBatchAnswer,
  nextPage: (start: number) => Promise<FluentBatchAnswer>,
): Promise<readonly FluentRowResult[]> {
  const { total, jobId, batchId } = first;
  if (total === undefined) throw incomplete(first, 0, "Fluent gives no total to check them against");
  if (first.start !== 0) throw incomplete(first, 0, `the first page starts at ${first.start}`);
  const results = [...first.results];
  while (results.length < total) {
    const start = results.length;
    if (start === 0) throw incomplete(first, start, `${total} were announced, none came`);
    const page = await nextPage(start);
    if (page.total !== total) {
      throw incomplete(page, start, `the total changed from ${total} to ${page.total}`);
    }
    if (page.start !== start) {
      throw incomplete(page, start, `asked from ${start}, Fluent answered from ${page.start}`);
    }
    if (page.results.length === 0) {
      throw incomplete(page, start, `the page from ${start} is empty, the total is ${total}`);
    }
    if (repeats(page.results, first.results)) {
      throw incomplete(page, start, `the page from ${start} repeats the first one`);
    }
    results.push(...page.results);
  }
  if (results.length > total) {
    throw incomplete({ jobId, batchId }, results.length, `${results.length} came, the total is ${total}`);
  }
  return results;
}

/** The same named rows again: the server ignores where the page should start. */
function repeats(page: readonly FluentRowResult[], first: readonly FluentRowResult[]): boolean {
  const name = (row: FluentRowResult | undefined) => row?.entityId ?? row?.entityRef;
  return page.some((row) => name(row) !== undefined) &&
    page.every((row, index) => index < first.length && name(row) === name(first[index]));
}

function incomplete(
  batch: { readonly jobId: string; readonly batchId: string },
  start: number,
  why: string,
): FluentApiError {
  return new FluentApiError(
    `Cannot read all results of batch ${batch.batchId} of Fluent job ${batch.jobId}: ${why}`,
    {
      code: "fluent-bad-answer",
      retry: "never",
      effect: "none",
      method: "GET",
      path: `/api/v4.1/job/${batch.jobId}/batch/${batch.batchId}?start=${start}`,
    },
  );
}
