/**
 * The connector on one's own machine, as commands.
 *
 * @module
 */
import process from "node:process";
import { Command, CommanderError } from "commander";
import { ConnectorError, messageOf } from "../lib/base/mod.ts";
import type { DoctorOptions } from "./cli/doctor.ts";
import { EXIT } from "./cli/exit_codes.ts";
import type { IngestOptions } from "./cli/ingest.ts";
import { addJobsCommands } from "./cli/jobs.ts";
import type { MappingTestOptions } from "./cli/mapping_test.ts";
import {
  toDelimiter,
  toEncoding,
  toPercent,
  toPort,
  toRejectLimit,
  toUrl,
  toWorkers,
  typedPath,
} from "./cli/option_values.ts";
import type { PreviewOptions } from "./cli/preview.ts";
import type { StartOptions } from "./cli/start.ts";
import { UsageError } from "./cli/usage_error.ts";

// Each command loads what it needs when it is called: most need neither the platform nor the store.
let exitCode: number = EXIT.completed;

const program = new Command("fluent-inventory").exitOverride()
  .showHelpAfterError("(--help shows what there is)");

program.command("start")
  .description("run everything on this machine: the platform, an S3 server, a Fluent server and sample files")
  .option("--once", "exit after the summary")
  .option("--state <dir>", "folder for all state", (dir) => typedPath(dir), ".local")
  .option("--port <n>", "port of the webhooks on 127.0.0.1; 0 = any free one", toPort, 3000)
  .option("--workers <n>", "processes that work side by side on one state", toWorkers, 1)
  .option("--fresh", "forget all state first")
  .option("--verbose", "show the workflows' log")
  .action(async (options: StartOptions) => {
    const { start } = await import("./cli/start.ts");
    exitCode = await start(options);
  });

program.command("ingest")
  .description("run one file through the workflows")
  .argument("<file>", "a local file, or s3://BUCKET/KEY")
  .option(
    "--s3-endpoint <url>",
    "an S3 store of your own (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)",
    toUrl("--s3-endpoint"),
  )
  .option("--bucket <name>", "bucket a local file is put into (default: inventory)")
  .option(
    "--fluent-url <url>",
    "a Fluent account of your own (FLUENT_CLIENT_ID, FLUENT_CLIENT_SECRET, FLUENT_USERNAME, FLUENT_PASSWORD, FLUENT_RETAILER_ID)",
    toUrl("--fluent-url"),
  )
  .option("--mapping <name|file>", "mapping of mappings/, or a mapping file")
  .option("--encoding <label>", "encoding of the file, such as windows-1252", toEncoding)
  .option("--delimiter <char>", "the character between cells; tab for a tab", toDelimiter)
  .option("--reject-limit <limit>", "most rejected rows before the file is held: 5% or 100", toRejectLimit)
  .option("--force", "send a file that is held or was ingested before")
  .option("--dry-run", "inspect only: nothing is sent, nothing archived")
  .option("--json", "print the outcome as one JSON object")
  .option("--state <dir>", "folder for all state", (dir) => typedPath(dir), ".local/ingest")
  .option("--workers <n>", "processes that work side by side on one state", toWorkers, 1)
  .option("--verbose", "show the workflows' log")
  .action(async (file: string, options: IngestOptions) => {
    const { ingest } = await import("./cli/ingest.ts");
    exitCode = await ingest(file, options, process.env);
  });

program.command("doctor")
  .description("look at a configuration from end to end, and say what to do about what is not right")
  .option("--variables <file>", "the activation's variables, as a JSON object", (file) => typedPath(file))
  .option(
    "--s3-endpoint <url>",
    "an S3 store of your own (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)",
    toUrl("--s3-endpoint"),
  )
  .option(
    "--fluent-url <url>",
    "a Fluent account of your own (FLUENT_CLIENT_ID, FLUENT_CLIENT_SECRET, FLUENT_USERNAME, FLUENT_PASSWORD, FLUENT_RETAILER_ID)",
    toUrl("--fluent-url"),
  )
  .option("--url <url>", "where a deployment's webhooks are reached", toUrl("--url"))
  .option("--sample <file>", "a file to try the mapping on", (file) => typedPath(file))
  .option("--json", "print what was found as one JSON object")
  .action(async (options: DoctorOptions) => {
    const { doctor } = await import("./cli/doctor.ts");
    exitCode = await doctor(options, process.env);
  });

program.command("package")
  .description("write the folder that the Versori CLI deploys")
  .option("--out <dir>", "the folder", (dir) => typedPath(dir), "package-out")
  .action(async (options: { out: string }) => {
    const { packageCommand } = await import("./cli/package.ts");
    exitCode = await packageCommand({ out: typedPath(options.out) });
  });

program.command("preview")
  .description("say what would become of a file; nothing is sent")
  .argument("<file>", "a local file, or s3://BUCKET/KEY with --s3-endpoint")
  .option(
    "--s3-endpoint <url>",
    "the S3 store the file is in (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)",
    toUrl("--s3-endpoint"),
  )
  .option("--mapping <name|file>", "mapping of mappings/, or a mapping file")
  .option("--encoding <label>", "encoding of the file, such as windows-1252", toEncoding)
  .option("--delimiter <char>", "the character between cells; tab for a tab", toDelimiter)
  .option("--reject-limit <limit>", "most rejected rows before the file is held: 5% or 100", toRejectLimit)
  .option("--json", "print what was found as one JSON object")
  .action(async (file: string, options: PreviewOptions) => {
    const { preview } = await import("./cli/preview.ts");
    exitCode = await preview(file, options, process.env);
  });

program.command("mapping").description("work on mapping files")
  .command("test")
  .description("run mapping tests and say what of the mapping they cover")
  .argument("[files...]", "mapping test files (default: all in mappings/)")
  .option("--min-coverage <percent>", "least coverage of each mapping", toPercent("--min-coverage"), 95)
  .option("--json", "print the reports as JSON")
  .action(async (files: string[], options: MappingTestOptions) => {
    const { mappingTest } = await import("./cli/mapping_test.ts");
    exitCode = await mappingTest(files, options);
  });

program.command("setup")
  .description("print the Versori CLI's commands that set a project up, as versori.yaml declares it")
  .option("--write <file>", "save them as a script, and .env.example beside it", (file) => typedPath(file))
  .action(async (options: { write?: string }) => {
    const { setupCommand } = await import("./cli/setup.ts");
    exitCode = await setupCommand(options);
  });

addJobsCommands(program, (code) => exitCode = code);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  exitCode = failed(error);
}
Deno.exit(exitCode);

/** Says in one line what went wrong and gives the exit code. What nobody foresaw shows its stack. */
function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.completed : EXIT.usage;
  console.error(`error: ${messageOf(error)}`);
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof ConnectorError) && error instanceof Error) console.error(error.stack);
  return EXIT.failed;
}
