import { writeBatch } from "./_requests.ts";
import type { SendBatchRequest } from "./types.ts";

/**
 * The body `sendBatch` sends for a request: the same request, the same bytes.
 *
 * @throws {FluentRequestError} when the request would not leave either
 */
export function batchBody(request: SendBatchRequest): string {
  return writeBatch("write a batch", request, Infinity);
}
