import type { Command } from "commander";
import process from "node:process";
import { ConfigError } from "../../lib/base/mod.ts";
import { type Stack, startStack } from "../stack.ts";
import { payload, type PayloadOptions } from "./jobs_payload.ts";
import { toUrl, typedPath } from "./option_values.ts";

/** What the commands below `jobs` share: where the history and the files are. */
interface Place {
  readonly state: string;
  readonly s3Endpoint?: string | undefined;
  readonly bucket: string;
}

/**
 * Adds `jobs` and its commands to the program.
 *
 * @param done is given each command's exit code
 */
export function addJobsCommands(program: Command, done: (exitCode: number) => void): void {
  const jobs = program.command("jobs").description("look at what was ingested")
    .option("--state <dir>", "folder for all state", (dir) => typedPath(dir), ".local")
    .option("--s3-endpoint <url>", "an S3 store of your own", toUrl("--s3-endpoint"))
    .option("--bucket <name>", "the bucket the files are in", "inventory");
  const place = (): Place => jobs.opts<Place>();

  jobs.command("payload")
    .description("show what was sent for one batch, byte for byte")
    .argument("<job>", "the job's id")
    .argument("<batch>", "the batch's number in the reports, from 0; 12/3 for a part")
    .option("--out <file>", "write it to a file")
    .action(async (jobId: string, batch: string, options: PayloadOptions) => {
      done(await withStack(place(), (stack) => payload(stack, jobId, batch, options)));
    });
}

/** The state and the store, with nothing of the connector at work. */
async function withStack<T>(place: Place, use: (stack: Stack) => Promise<T>): Promise<T> {
  const { env } = process;
  const needed = (name: string): string => {
    const value = env[name];
    if (value) return value;
    throw new ConfigError(`Environment variable ${name} is missing: --s3-endpoint needs it`);
  };
  const stack = await startStack({
    stateDir: place.state,
    port: 0,
    bucket: place.bucket,
    schedules: false,
    workers: false,
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
