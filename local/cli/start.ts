import { z } from "zod";
import { systemClock } from "../../lib/base/mod.ts";
import { SAMPLE_DELTAS, sampleFiles } from "../samples/sample_files.ts";
import { type Stack, startStack } from "../stack.ts";
import { forgetState } from "../state_lock.ts";
import { EXIT } from "./exit_codes.ts";
import { isSettled, type JobView, viewOf } from "./job_view.ts";
import { type Progress, progressOn } from "./progress.ts";
import { Stopped, stopSignal } from "./stop_signal.ts";
import { summaryTable } from "./summary_table.ts";
import { watchJobs } from "./watch.ts";

export interface StartOptions {
  readonly once?: boolean | undefined;
  readonly state: string;
  readonly port: number;
  /** Forget everything first. */
  readonly fresh?: boolean | undefined;
  /** Processes that work on durable runs. */
  readonly workers: number;
  readonly verbose?: boolean | undefined;
}

const BUCKET = "inventory";
/** Says that this bucket has had its samples, so that they don't come back after they were archived. */
const SEEDED_KEY = "inventory/samples-seeded";

/** What a fired schedule answers: one run for each activation. */
const firedSchema = z.object({ runs: z.array(z.object({ error: z.string().optional() })) });

/** What the command needs to show itself. */
interface Terminal {
  readonly say: (text: string) => void;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The main job: everything on this machine, the scheduled sync at once, a summary, and then serving. */
export async function start(options: StartOptions): Promise<number> {
  using stopping = stopSignal();
  const progress = progressOn(Deno.stdout, () => Deno.consoleSize().columns);
  const terminal: Terminal = { say: (text) => console.log(text), progress, signal: stopping.signal };
  const { say } = terminal;
  // What an earlier process left under way goes on as soon as the platform runs.
  const startedAt = systemClock.now();
  if (options.fresh) forgetState(options.state);
  const stack = await startStack({
    stateDir: options.state,
    port: options.port,
    bucket: BUCKET,
    schedules: true,
    workers: options.workers,
    variables: { deltaFiles: SAMPLE_DELTAS },
    log: {
      level: options.verbose ? "info" : "error",
      format: Deno.stdout.isTerminal() ? "pretty" : "json",
      // On a terminal a line has to find its place between the bars.
      write: (line) => Deno.stdout.isTerminal() ? progress.note(line) : console.error(line),
    },
  });
  try {
    say(`Platform  ${stack.url}`);
    say(`S3        ${stack.s3Url}  bucket ${BUCKET}, state in ${options.state}`);
    say(`Fluent    ${stack.fluentUrl}`);
    await seed(stack, say);
    say("Running schedule 'daily-inventory' …\n");
    const code = await runSchedule(stack, terminal, startedAt);
    if (options.once) return code;
    await serve(stack, terminal);
    return EXIT.completed;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    say(`\n${error.message}`);
    return EXIT.notFinished;
  } finally {
    await stack.stop();
  }
}

async function seed(stack: Stack, say: (text: string) => void): Promise<void> {
  if (await stack.store.statFile(SEEDED_KEY)) return;
  for (const file of sampleFiles()) {
    await stack.store.uploadFile(stack.settings.s3Prefix + file.name, file.text, { contentType: "text/csv" });
    say(`Put       s3://${BUCKET}/${stack.settings.s3Prefix}${file.name}`);
  }
  await stack.store.uploadFile(SEEDED_KEY, new Date(systemClock.now()).toISOString());
}

/** Fires the schedule, watches its jobs to their end, and says what became of them. */
async function runSchedule(stack: Stack, terminal: Terminal, startedAt: number): Promise<number> {
  const { say, progress, signal } = terminal;
  const { status, body } = await stack.fireSchedule("daily-inventory");
  if (status !== 200) {
    const reasons = firedSchema.parse(body).runs.flatMap(({ error }) => error === undefined ? [] : [error]);
    say(`error: the schedule 'daily-inventory' failed: ${reasons.join("; ") || `it answered ${status}`}`);
    return EXIT.failed;
  }
  const known = await knownJobs(stack);
  const moved = known.filter(({ job }) => !isSettled(job) || Date.parse(job.updatedAt) >= startedAt);
  const jobIds = moved.map(({ job }) => job.jobId);
  const views = await watchJobs(jobIds, stack.tracker, progress, systemClock, signal);
  if (views.length === 0) {
    say(known.length > 0 ? "Nothing new to deliver. Earlier jobs:" : "Nothing to deliver.");
  }
  const shown = views.length > 0 ? views : known;
  if (shown.length > 0) say("\n" + summaryTable(shown, BUCKET));
  if (views.some(({ job }) => job.status === "failed")) return EXIT.failed;
  return views.some(({ job }) => job.stage === "unfinished") ? EXIT.notFinished : EXIT.completed;
}

/** Every job there is, oldest first; those of an earlier process are among them. */
async function knownJobs(stack: Stack): Promise<JobView[]> {
  const views: JobView[] = [];
  for await (const job of stack.tracker.listJobs()) views.push(viewOf(job));
  return views.sort((a, b) => Date.parse(a.job.createdAt) - Date.parse(b.job.createdAt));
}

/** Keeps everything running until it is told to stop. */
async function serve(stack: Stack, { say, signal }: Terminal): Promise<void> {
  say(`
Serving. Put files into s3://${BUCKET}/${stack.settings.s3Prefix} at ${stack.s3Url}
(access key id '${stack.s3Keys.accessKeyId}', secret '${stack.s3Keys.secretAccessKey}'), then:
  curl -X POST ${stack.url}/inventory-adhoc -H 'x-api-key: ${stack.apiKey}'
  curl '${stack.url}/job-status?jobId=JOB' -H 'x-api-key: ${stack.apiKey}'
Jobs, rows and actions: ${stack.url}/jobs-dashboard
(user '${stack.pageUser.username}', password '${stack.pageUser.password}')
A snapshot much smaller than the last one is held; a file named ${SAMPLE_DELTAS} holds changes only, and passes.
Stop with Ctrl-C; what is under way goes on at the next start.`);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
