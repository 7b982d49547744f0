/** How a refusal is answered over HTTP. */
export interface HttpRefusal {
  readonly status: number;
  /** What kind of refusal it is, in a few words. */
  readonly title: string;
}

const refusal = (status: number, title: string): HttpRefusal => ({ status, title });

/** Refusals whose cause is the request or the state of what it names, by the error's code. */
const REFUSALS: ReadonlyMap<string, HttpRefusal> = new Map(Object.entries({
  "job-id-invalid": refusal(400, "Invalid job id"),
  "request-invalid": refusal(400, "Invalid request"),
  "query-invalid": refusal(400, "Invalid request"),
  "cursor-invalid": refusal(400, "Invalid cursor"),
  "payload-invalid": refusal(400, "Invalid payload"),
  "idempotency-key-invalid": refusal(400, "Invalid Idempotency-Key"),
  "file-not-found": refusal(404, "Not found"),
  "job-unknown": refusal(404, "Not found"),
  "batch-unknown": refusal(404, "Not found"),
  "source-gone": refusal(409, "Not possible any more"),
  "feed-unknown": refusal(404, "Not found"),
  "job-running": refusal(409, "Not possible now"),
  "job-over": refusal(409, "Not possible any more"),
  "job-not-held": refusal(409, "Not possible"),
  "job-has-no-file": refusal(409, "Not possible"),
  "not-forcible": refusal(409, "Not possible"),
  "nothing-to-replay": refusal(409, "Not possible"),
  "file-gone": refusal(409, "Not possible any more"),
  "file-changed": refusal(409, "Not possible any more"),
  "report-gone": refusal(409, "Not possible any more"),
  "payload-too-large": refusal(413, "Payload too large"),
  "payload-type-unknown": refusal(415, "Unsupported content type"),
  "idempotency-key-reused": refusal(422, "Idempotency-Key was used before"),
}));

/**
 * How an error with this code is answered, whether to a program or on a page; undefined when neither the request nor
 * what it names is to blame.
 */
export function refusalOf(code: string): HttpRefusal | undefined {
  return REFUSALS.get(code);
}
