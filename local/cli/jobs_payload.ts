import { writeFile } from "node:fs/promises";
import type { BatchPayload } from "../../lib/ingest/mod.ts";
import type { JobsClient } from "./jobs_client.ts";
import { typedPath } from "./option_values.ts";
import { UsageError } from "./usage_error.ts";

export interface PayloadOptions {
  /** A file to write the bytes to, instead of stdout. */
  readonly out?: string | undefined;
  /** Print the request with what is known of it, instead of its bytes alone. */
  readonly json?: boolean | undefined;
}

/**
 * Shows what was sent for one batch, byte for byte: on stdout the body alone, on stderr what it is.
 *
 * @param batch its number in the reports, from 0; `12/3` for a part of a batch that was sent in parts
 */
export async function payload(
  client: JobsClient,
  jobId: string,
  batch: string,
  options: PayloadOptions,
): Promise<void> {
  const wanted = /^(\d{1,9})(?:\/(\d{1,6}))?$/.exec(batch);
  if (!wanted) {
    throw new UsageError(`Expected a batch such as 12, or a part of one such as 12/3, found '${batch}'`);
  }
  const part = wanted[2] === undefined ? undefined : Number(wanted[2]);
  const answer = await client.get("job-payload", { jobId, batch: String(Number(wanted[1])) });
  const { requests } = answer as unknown as { requests: readonly BatchPayload[] };
  if (requests.length > 1 && part === undefined) {
    const parts = requests.map((request) =>
      `  ${batch}/${request.part}: ${request.rows} rows, lines ${request.firstLine} to ${request.lastLine}, ${request.state}`
    );
    throw new UsageError(`Batch ${batch} was sent in parts, name one of them:\n${parts.join("\n")}`);
  }
  const request = part === undefined ? requests[0] : requests.find((one) => one.part === part);
  if (!request) throw new UsageError(`Batch ${wanted[1]} has no part ${part}`);
  const where = request.fluentBatchId === undefined
    ? request.state
    : `${request.state}, Fluent job ${request.fluentJobId}, batch ${request.fluentBatchId}`;
  console.error(`${request.rows} rows, lines ${request.firstLine} to ${request.lastLine}; ${where}`);
  const bytes = new TextEncoder().encode(request.body);
  if (options.out !== undefined) await writeFile(typedPath(options.out), bytes);
  if (options.json) console.log(JSON.stringify(request));
  else if (options.out === undefined) await Deno.stdout.write(bytes);
}
