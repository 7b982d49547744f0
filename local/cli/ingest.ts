import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { z } from "zod";
import { ConfigError, systemClock } from "../../lib/base/mod.ts";
import type { IngestResult } from "../../lib/report/mod.ts";
import { type Stack, type StackOptions, startStack } from "../stack.ts";
import { fluentAccess, neededVariable, s3Access } from "./access.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { type JobView, resultFromJob } from "./job_view.ts";
import { typedPath } from "./option_values.ts";
import { type Progress, progressOn } from "./progress.ts";
import { Stopped, stopSignal } from "./stop_signal.ts";
import { summaryTable } from "./summary_table.ts";
import { UsageError } from "./usage_error.ts";
import { watchJobs } from "./watch.ts";

export interface IngestOptions {
  readonly s3Endpoint?: string | undefined;
  readonly bucket?: string | undefined;
  readonly fluentUrl?: string | undefined;
  readonly mapping?: string | undefined;
  readonly encoding?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly rejectLimit?: string | undefined;
  /** Whether a held or already ingested file should be sent all the same. */
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly state: string;
  /** Processes that work on durable runs. */
  readonly workers: number;
  readonly verbose?: boolean | undefined;
}

/**
 * Where local files are put: not where files arrive, or a connector that watches the same bucket would take them too,
 * those of a dry run included.
 */
const STAGING_PREFIX = "inventory/command-line/";

const acceptedSchema = z.object({
  files: z.array(z.object({ key: z.string(), jobId: z.string(), decision: z.string() })).length(1),
});
const problemSchema = z.object({ detail: z.string() });

/** A local file as an object in the bucket. */
interface Staged {
  readonly key: string;
  /** Whether this command has put it there. */
  readonly isNew: boolean;
}

/** Runs one file through the workflows: an object where it is, or a local file by way of S3. */
export async function ingest(file: string, options: IngestOptions, env: NodeJS.ProcessEnv): Promise<number> {
  using stopping = stopSignal();
  const say = (text: string) => console.error(text);
  const remote = /^s3:\/\/([^/]+)\/(.+)$/s.exec(file);
  if (!remote && file.startsWith("s3://")) throw new UsageError(`Expected s3://BUCKET/KEY, found '${file}'`);
  if (remote && options.bucket !== undefined && options.bucket !== remote[1]) {
    throw new UsageError(`--bucket: expected '${remote[1]}' as in '${file}', found '${options.bucket}'`);
  }
  const bytes = remote ? undefined : await readLocal(file);
  const bucket = remote?.[1] ?? options.bucket ?? "inventory";
  const progress = progressOn(Deno.stderr, () => Deno.consoleSize().columns);
  const stack = await startStack(stackOptions(bucket, !remote, options, env, progress));
  try {
    const staged = bytes ? await stage(stack, file, bytes, options) : undefined;
    const { jobId, decision } = await request(stack, staged?.key ?? remote![2]!, options);
    if (decision === "ingested") {
      say(`This file was ingested before, as ${jobId}; --force ingests it again.`);
    }
    if (decision === "held") say(`This file is held, as ${jobId}; --force releases it.`);
    const views = await watchJobs([jobId], stack.tracker, progress, systemClock, stopping.signal);
    // A copy that nothing is going to archive has served its purpose.
    if (staged?.isNew && (options.dryRun || decision === "ingested")) {
      await stack.store.deleteFile(staged.key);
    }
    const result = await resultOf(stack, views[0]!);
    if (options.json) console.log(JSON.stringify(result));
    else say(summaryTable(views, stack.store.bucket));
    const { status, rows, dryRun } = result;
    return exitCodeOf({ status, rejected: rows.rejected, failed: rows.failed, dryRun: dryRun ?? false });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    say(error.message);
    return EXIT.notFinished;
  } finally {
    await stack.stop();
  }
}

async function readLocal(file: string): Promise<Uint8Array> {
  try {
    return await readFile(typedPath(file));
  } catch (error) {
    throw new UsageError(`Cannot read '${file}': ${error instanceof Error ? error.message : error}`);
  }
}

/** The store and the account the options name; what is not named is embedded. */
function stackOptions(
  bucket: string,
  isLocalFile: boolean,
  options: IngestOptions,
  env: NodeJS.ProcessEnv,
  progress: Progress,
): StackOptions {
  const retailer = options.fluentUrl === undefined
    ? undefined
    : neededVariable(env, "FLUENT_RETAILER_ID", "the retailer the stock belongs to");
  const variables: Record<string, string | number> = {
    // A person waits: what doesn't answer is told soon, and the same command goes on later.
    stallTimeoutMinutes: 0.2,
    ...(isLocalFile ? { s3Prefix: STAGING_PREFIX } : {}),
    ...(options.mapping === undefined
      ? {}
      : { mapping: /[/.\\]/.test(options.mapping) ? typedPath(options.mapping) : options.mapping }),
    ...(options.encoding === undefined ? {} : { csvEncoding: options.encoding }),
    ...(options.delimiter === undefined ? {} : { csvDelimiter: options.delimiter }),
    ...(options.rejectLimit === undefined ? {} : { rejectLimit: options.rejectLimit }),
    ...(options.fluentUrl === undefined || retailer === undefined
      ? {}
      : { fluentRetailerId: retailer, feed: feedOf(options.fluentUrl, retailer) }),
  };
  return {
    stateDir: options.state,
    port: 0,
    bucket,
    s3: options.s3Endpoint === undefined ? undefined : s3Access(options.s3Endpoint, env),
    fluent: options.fluentUrl === undefined ? undefined : fluentAccess(options.fluentUrl, env),
    variables,
    // This command is about one file; the others wait for whoever is to take them.
    schedules: false,
    workers: options.workers,
    log: {
      level: options.verbose ? "info" : "error",
      format: Deno.stderr.isTerminal() ? "pretty" : "json",
      write: (line) => progress.note(line),
    },
  };
}

/**
 * One feed per account and retailer: what went to another one says nothing of which file is too old or too small for
 * this one.
 */
export function feedOf(fluentUrl: string, retailer: string): string {
  return `${new URL(fluentUrl).host}-${retailer}`.replaceAll(/[^A-Za-z0-9]+/g, "-");
}

/**
 * Puts a local file into the bucket, under a name that tells its content and how it is to be read: the same content
 * under the same options is the same file, and other options are another try.
 */
async function stage(stack: Stack, file: string, bytes: Uint8Array, options: IngestOptions): Promise<Staged> {
  const { mapping, encoding, delimiter, rejectLimit } = options;
  const digest = createHash("sha256").update(bytes)
    .update(JSON.stringify({ mapping, encoding, delimiter, rejectLimit })).digest("hex").slice(0, 16);
  const key = `${stack.settings.s3Prefix}${digest}/${basename(file)}`;
  if (await stack.store.statFile(key)) return { key, isNew: false };
  await stack.store.uploadFile(key, bytes, { contentType: "text/csv" });
  return { key, isNew: true };
}

/** Asks the webhook for this one file, as any caller would. */
async function request(stack: Stack, key: string, options: IngestOptions) {
  const response = await fetch(`${stack.url}/inventory-adhoc`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": stack.apiKey },
    body: JSON.stringify({
      key,
      dryRun: options.dryRun ?? false,
      ...(options.force ? { force: "forced on the command line" } : {}),
    }),
  });
  const body: unknown = await response.json();
  if (response.status === 202) return acceptedSchema.parse(body).files[0]!;
  const hint = response.status === 404 && options.s3Endpoint === undefined
    ? ", in the S3 server of this command; --s3-endpoint names another one"
    : "";
  throw new ConfigError(problemSchema.parse(body).detail + hint);
}

/** The job's summary as its report has it, brought up to date with what came after. */
async function resultOf(stack: Stack, view: JobView): Promise<IngestResult> {
  const current = resultFromJob(view);
  const key = current.reports.summary;
  if (key === null) return current;
  const summary = JSON.parse(await stack.store.downloadFile(key, { encoding: "utf8" })) as IngestResult;
  const { rejects, superseded, failed } = summary;
  return { ...current, rejects, superseded, failed };
}
