import { checkSize, writeBatch } from "./_requests.ts";
import type { SendBatchRequest } from "./types.ts";

/**
 * The body `sendBatch` sends for a request: the same request, the same bytes.
 *
 * @throws {FluentRequestError} when the request would not leave either
 */
export function batchBody(request: SendBatchRequest): string {
  return writeBatch("write a batch", request, Infinity);
}

/** A batch that was checked and written ahead of its sending: its bytes, without the objects they were made of. */
export class WrittenBatch {
  readonly body: string;
  readonly rows: number;

  /** @throws {FluentRequestError} when the request would not leave */
  constructor(request: SendBatchRequest) {
    this.body = batchBody(request);
    this.rows = request.entities.length;
  }
}

/** How many rows a request sends. */
export function rowCount(request: SendBatchRequest | WrittenBatch): number {
  return request instanceof WrittenBatch ? request.rows : request.entities.length;
}

/** The body of a request, written or not, within the client's limit. */
export function bodyOf(doing: string, request: SendBatchRequest | WrittenBatch, maxBytes: number): string {
  if (!(request instanceof WrittenBatch)) return writeBatch(doing, request, maxBytes);
  checkSize(doing, request.body, maxBytes);
  return request.body;
}
