import process from "node:process";
import type { Command } from "commander";
import type { Explanation } from "../../lib/explain/mod.ts";
import type { JobRow, ReplayedRows } from "../../lib/ingest/mod.ts";
import { type JobDocument, type JobSummary } from "../../lib/jobs/mod.ts";
import { ConfigError, systemClock } from "../../lib/base/mod.ts";
import type { Stack } from "../stack.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { type Answered, JobsClient } from "./jobs_client.ts";
import { payload } from "./jobs_payload.ts";
import { explanationText, jobsTable, jobText, plain, rowsTable } from "./jobs_text.ts";
import { toUrl, typedPath } from "./option_values.ts";
import { Stopped, stopSignal } from "./stop_signal.ts";
import { UsageError } from "./usage_error.ts";

/** How often a job is looked at while it is watched, in milliseconds: of this machine, and of another one. */
const LOOK_EVERY_MS = { here: 200, there: 2_000 } as const;

/** Options of `jobs` that every command below it has. */
interface JobsOptions {
  readonly url?: string | undefined;
  readonly state: string;
  readonly s3Endpoint?: string | undefined;
  readonly bucket: string;
  readonly json?: boolean | undefined;
}

/** What a command is handed. */
interface Session {
  readonly client: JobsClient;
  readonly options: JobsOptions;
  readonly signal: AbortSignal;
  /** Whether the jobs run in this process, and so stop with it. */
  readonly here: boolean;
}

/**
 * Adds `jobs` and its commands to the program.
 *
 * @param done is given each command's exit code
 */
export function addJobsCommands(program: Command, done: (exitCode: number) => void): void {
  const jobs = program.command("jobs")
    .description("ask what happened to any file, job or row, and act on the answer")
    .option(
      "--url <url>",
      "a deployed environment (key: INVENTORY_API_KEY); default: this machine",
      toUrl("--url"),
    )
    .option("--state <dir>", "folder for all state of this machine", (dir) => typedPath(dir), ".local")
    .option("--s3-endpoint <url>", "an S3 store of your own", toUrl("--s3-endpoint"))
    .option("--bucket <name>", "the bucket the files are in", "inventory")
    .option("--json", "print the answer as JSON");
  const options = () => jobs.opts<JobsOptions>();
  const asking = async (run: (session: Session) => Promise<number>) =>
    done(await inSession(options(), false, run));
  const acting = async (run: (session: Session) => Promise<number>) =>
    done(await inSession(options(), true, run));

  jobs.command("list").description("jobs, newest first")
    .option("--status <list>", "of these statuses, separated by commas")
    .option("--feed <name>", "of this feed")
    .option("--trigger <kind>", "schedule, webhook or manual")
    .option("--file <name>", "of files with this name, or this whole key")
    .option("--text <part>", "with this in id, file, message, code or reference")
    .option("--from <time>", "created at or after: a day, or ISO 8601")
    .option("--to <time>", "created before")
    .option("--day <day>", "created on this UTC day")
    .option("--limit <n>", "jobs per page", "50")
    .option("--cursor <cursor>", "go on where the page before ended")
    .action((asked: ListOptions) => asking((session) => list(session, asked)));

  jobs.command("show").description("all that is known of a job").argument("<job>", "its id")
    .action((jobId: string) => asking((session) => show(session, jobId)));

  jobs.command("watch").description("look at a job until it is over").argument("<job>", "its id")
    .action((jobId: string) => acting((session) => watch(session, jobId)));

  jobs.command("rows").description("the rejected, failed and unconfirmed rows of a job").argument(
    "<job>",
    "its id",
  )
    .option("--outcome <kind>", "rejected, failed or unconfirmed")
    .option("--text <part>", "with this in the row, its code or reason")
    .option("--limit <n>", "rows per page", "100")
    .option("--cursor <cursor>", "go on where the page before ended")
    .action((jobId: string, asked: RowsOptions) => asking((session) => rows(session, asked, jobId)));

  jobs.command("replay").description("send a job's file again, as a new job").argument("<job>", "its id")
    .option("--failed", "only the rows Fluent refused or gave no answer for")
    .option("--reason <text>", "for the record")
    .option("--key <key>", "a name for this request: the same is done once")
    .action((jobId: string, { failed, ...asked }: ActOptions & { failed?: boolean }) =>
      acting((session) => act(session, asked, failed ? "replay-failed" : "replay", jobId))
    );

  for (
    const [action, description] of [["release", "let a held file pass"], ["cancel", "stop a job"]] as const
  ) {
    jobs.command(action).description(description).argument("<job>", "its id")
      .option("--reason <text>", "for the record")
      .action((jobId: string, asked: ActOptions) => acting((session) => act(session, asked, action, jobId)));
  }

  jobs.command("explain").description("why Fluent has the figure it has")
    .requiredOption("--sku <sku>", "the SKU, as Fluent knows it")
    .requiredOption("--location <location>", "the location, as Fluent knows it")
    .option("--at <time>", "only what was delivered by then counts (ISO 8601)")
    .option("--feed <name>", "files of this feed only")
    .action((asked: ExplainOptions) => asking((session) => explain(session, asked)));

  jobs.command("payload")
    .description("show what was sent for one batch, byte for byte")
    .argument("<job>", "the job's id")
    .argument("<batch>", "the batch's number in the reports, from 0; 12/3 for a part")
    .option("--out <file>", "write it to a file")
    .action((jobId: string, batch: string, { out }: { out?: string }) =>
      asking(async ({ client, options: { json } }) => {
        await payload(client, jobId, batch, { out, json });
        return EXIT.completed;
      })
    );
}

/** Runs a command against the deployed environment, or against this machine's webhooks. */
async function inSession(
  options: JobsOptions,
  workers: boolean,
  run: (session: Session) => Promise<number>,
): Promise<number> {
  using stopping = stopSignal();
  const { signal } = stopping;
  try {
    if (options.url !== undefined) {
      const key = process.env["INVENTORY_API_KEY"];
      if (!key) throw new UsageError("--url: set INVENTORY_API_KEY to the environment's key");
      return await run({ client: new JobsClient(options.url, key, signal), options, signal, here: false });
    }
    return await withStack(
      options,
      workers,
      (stack) =>
        run({ client: new JobsClient(stack.url, stack.apiKey, signal), options, signal, here: true }),
    );
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    console.error(error.message);
    return EXIT.notFinished;
  }
}

/** The state and the store. @param workers whether jobs are worked on meanwhile */
async function withStack<T>(
  place: JobsOptions,
  workers: boolean,
  use: (stack: Stack) => Promise<T>,
): Promise<T> {
  const { env } = process;
  const needed = (name: string): string => {
    const value = env[name];
    if (value) return value;
    throw new ConfigError(`Environment variable ${name} is missing: --s3-endpoint needs it`);
  };
  const { startStack } = await import("../stack.ts");
  const stack = await startStack({
    stateDir: place.state,
    port: 0,
    bucket: place.bucket,
    schedules: false,
    workers: workers ? 1 : 0,
    ...(place.s3Endpoint === undefined ? {} : {
      s3: {
        endpoint: place.s3Endpoint,
        accessKeyId: needed("AWS_ACCESS_KEY_ID"),
        secretAccessKey: needed("AWS_SECRET_ACCESS_KEY"),
        region: env["AWS_REGION"] || "us-east-1",
      },
    }),
    log: { level: "error", format: "json", write: (line) => console.error(line) },
  });
  try {
    return await use(stack);
  } finally {
    await stack.stop();
  }
}

interface ListOptions {
  readonly status?: string;
  readonly feed?: string;
  readonly trigger?: string;
  readonly file?: string;
  readonly text?: string;
  readonly from?: string;
  readonly to?: string;
  readonly day?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

async function list({ client, options }: Session, asked: ListOptions): Promise<number> {
  const { status, feed, trigger, file: fileName, text, from, to, day, limit, cursor } = asked;
  const answer = await client.get("job-history", {
    status,
    feed,
    trigger,
    fileName,
    text,
    from,
    to,
    day,
    limit,
    cursor,
  });
  print(options, answer, () => {
    const { jobs, nextCursor, complete } = answer as unknown as {
      jobs: JobSummary[];
      nextCursor?: string;
      complete: boolean;
    };
    return [
      jobs.length === 0 ? "No jobs." : jobsTable(jobs),
      nextCursor && `More: --cursor ${nextCursor}`,
      !complete && "Jobs of an older version are still being indexed; ask again.",
    ];
  });
  return EXIT.completed;
}

async function show({ client, options }: Session, jobId: string): Promise<number> {
  const answer = await client.get("job-status", { jobId });
  print(options, answer, () => [jobText(answer as unknown as JobDocument)]);
  return codeOf(answer);
}

interface RowsOptions {
  readonly outcome?: string;
  readonly text?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

async function rows({ client, options }: Session, asked: RowsOptions, jobId: string): Promise<number> {
  const { outcome, text, limit, cursor } = asked;
  const answer = await client.get("job-rows", { jobId, outcome, text, limit, cursor });
  print(options, answer, () => {
    const { rows, nextCursor, complete } = answer as unknown as {
      rows: JobRow[];
      nextCursor?: string;
      complete: boolean;
    };
    return [
      rows.length === 0
        ? (complete ? "No rejected or failed rows." : "The job has no report yet.")
        : rowsTable(rows),
      nextCursor && `More: --cursor ${nextCursor}`,
    ];
  });
  return EXIT.completed;
}

interface ActOptions {
  readonly reason?: string;
  readonly key?: string;
}

/** Asks for an action. On this machine its job runs in this process, so it is watched to its end. */
async function act(session: Session, asked: ActOptions, action: string, jobId: string): Promise<number> {
  const { client, options, here } = session;
  const { reason, key } = asked;
  const answer = await client.post(
    "job-actions",
    { jobId, action, ...(reason === undefined ? {} : { reason }) },
    key === undefined ? {} : { "idempotency-key": key },
  );
  if (here) return await watch(session, String(answer["jobId"]));
  const { rows } = answer as { rows?: ReplayedRows };
  print(options, answer, () => [
    `${action} of ${jobId} ${answer["decision"] === "already" ? "was asked for before" : "accepted"}: job ${
      answer["jobId"]
    }`,
    rows && `Sent again: ${rows.failed} rows Fluent refused, ${rows.unconfirmed} it gave no answer for` +
      (rows.leftOut > 0 ? `; ${rows.leftOut} more are not named by the report: replay the whole file` : ""),
  ]);
  return EXIT.completed;
}

async function watch({ client, options, signal, here }: Session, jobId: string): Promise<number> {
  let told = "";
  while (true) {
    const answer = await client.get("job-status", { jobId });
    const job = answer as unknown as JobDocument;
    if (job.status !== "queued" && job.status !== "processing" || job.stage === "unfinished") {
      print(options, answer, () => [jobText(job)]);
      return codeOf(answer);
    }
    const line = `${job.stage ?? job.status}  ${plain(job.message ?? "")}`;
    if (line !== told) console.error(told = line);
    await systemClock.sleep(here ? LOOK_EVERY_MS.here : LOOK_EVERY_MS.there, signal);
  }
}

interface ExplainOptions {
  readonly sku: string;
  readonly location: string;
  readonly at?: string;
  readonly feed?: string;
}

async function explain({ client, options }: Session, asked: ExplainOptions): Promise<number> {
  const { sku, location, at, feed } = asked;
  const answer = await client.get("job-explain", { sku, location, at, feed });
  print(options, answer, () => [explanationText(answer as unknown as Explanation)]);
  return EXIT.completed;
}

function print(
  { json }: JobsOptions,
  answer: Answered,
  text: () => readonly (string | undefined | false)[],
): void {
  console.log(json ? JSON.stringify(answer) : text().filter(Boolean).join("\n"));
}

/** The exit code for how a job stands. */
function codeOf(answer: Answered): number {
  const { status, rows, dryRun } = answer as unknown as JobDocument;
  return exitCodeOf({ status, rejected: rows.rejected, failed: rows.failed, dryRun });
}
