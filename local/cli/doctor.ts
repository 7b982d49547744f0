import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf } from "../../lib/base/mod.ts";
import type { Feed } from "../../lib/config/mod.ts";
import { createClient } from "../../lib/fluent/mod.ts";
import { readMappingFile } from "../../lib/mapping/mod.ts";
import {
  type Check,
  check,
  checkFluent,
  checkMapping,
  checkStore,
  checkVariables,
  checkWebhooks,
} from "../doctor/mod.ts";
import { localFluentCredentials } from "../fluent/mod.ts";
import { parseManifest } from "../setup/mod.ts";
import { type FluentAccess, type Stack, startStack } from "../stack.ts";
import { fluentAccess, neededVariable, s3Access } from "./access.ts";
import { EXIT } from "./exit_codes.ts";
import { previewOf } from "./preview.ts";
import { stopSignal } from "./stop_signal.ts";
import { UsageError } from "./usage_error.ts";

export interface DoctorOptions {
  /** JSON file with the activation's variables. */
  readonly variables?: string | undefined;
  readonly s3Endpoint?: string | undefined;
  readonly fluentUrl?: string | undefined;
  /** Where a deployment is reached; otherwise the webhooks are tried on this machine. */
  readonly url?: string | undefined;
  /** A file to try the first feed's mapping on. */
  readonly sample?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Takes the longest of the names a single feed has. */
const NAME_WIDTH = 26;
const MANIFEST = fileURLToPath(new URL("../../versori.yaml", import.meta.url));

/** Looks at everything in turn. What cannot be tried because of something earlier is left out. */
export async function doctor(options: DoctorOptions, env: NodeJS.ProcessEnv): Promise<number> {
  using stopping = stopSignal();
  const checks: Check[] = [];
  const show = (...done: readonly Check[]) => {
    checks.push(...done);
    if (options.json) return;
    for (const { name, ok, found } of done) {
      console.log(`${ok ? "OK  " : "FAIL"}  ${name.padEnd(NAME_WIDTH)}  ${found}`);
    }
  };
  await examine(options, env, stopping.signal, show);
  const failed = checks.filter(({ ok }) => !ok).length;
  if (options.json) console.log(JSON.stringify({ ok: failed === 0, checks }));
  else {console.log(
      failed === 0 ? "\nEverything is in order." : `\n${failed} of ${checks.length} need attention.`,
    );}
  return failed === 0 ? EXIT.completed : EXIT.failed;
}

async function examine(
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  show: (...done: readonly Check[]) => void,
): Promise<void> {
  const variables = await readVariables(options, env);
  const { check: done, feeds } = await checkVariables(variables);
  show(done);
  const [main] = feeds;
  if (!main) return;

  const folder = await mkdtemp(join(tmpdir(), "doctor-"));
  try {
    let stack: Stack | undefined;
    const started = await check("connector", async () => {
      stack = await startStack({
        stateDir: folder,
        port: 0,
        bucket: main.settings.s3BucketName,
        s3: options.s3Endpoint === undefined ? undefined : s3Access(options.s3Endpoint, env),
        fluent: options.fluentUrl === undefined ? undefined : fluentAccess(options.fluentUrl, env),
        variables,
        schedules: false,
        // What goes wrong is told by the checks.
        log: { level: "error", format: "json", write: () => undefined },
      });
      const embedded = [options.s3Endpoint ? "" : "S3", options.fluentUrl ? "" : "Fluent"].filter((name) =>
        name !== ""
      );
      return "starts" +
        (embedded.length > 0 ? `; ${embedded.join(" and ")} of this machine, for want of options` : "");
    });
    show(started);
    if (!stack) return;
    try {
      await examineStack(stack, feeds, options, env, signal, show);
    } finally {
      await stack.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function examineStack(
  stack: Stack,
  feeds: readonly Feed[],
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  show: (...done: readonly Check[]) => void,
): Promise<void> {
  for (const { name, settings } of feeds) {
    const done = await checkStore(stack.store, settings, randomUUID());
    show(...done.map((one) => feeds.length === 1 ? one : { ...one, name: `${one.name}, feed ${name}` }));
  }
  const account: FluentAccess = options.fluentUrl === undefined
    ? { url: stack.fluentUrl, ...localFluentCredentials }
    : fluentAccess(options.fluentUrl, env);
  const { url: baseUrl, ...credentials } = account;
  show(
    ...await checkFluent(
      createClient({ config: { baseUrl, ...credentials } }, { attempts: 1 }),
      stack.settings,
    ),
  );
  for (const [index, feed] of feeds.entries()) {
    const tryOut = options.sample === undefined || index > 0
      ? undefined
      : () => tryOutOn(options.sample!, feed, env, signal);
    show(await checkMapping(feed, readMappingFile, tryOut));
  }
  const { webhooks } = parseManifest(await readFile(MANIFEST, "utf8"));
  const tried = Object.entries(webhooks).map(([id, { method }]) => ({ id, method }));
  show(...await checkWebhooks(options.url ?? stack.url, tried));
}

/** Reads a sample as the feed would; a file that would be held is not in order. */
async function tryOutOn(
  sample: string,
  { settings }: Feed,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const { rejectLimit } = settings;
  const found = await previewOf(
    sample,
    {
      mapping: settings.mapping,
      encoding: settings.csvEncoding,
      delimiter: settings.csvDelimiter,
      rejectLimit: `${rejectLimit.value}${rejectLimit.kind === "percent" ? "%" : ""}`,
    },
    env,
    signal,
  );
  const { read, sendable, rejected } = found.rows;
  if (found.heldBecause) throw new Error(`'${sample}' would be held: ${found.heldBecause.message}`);
  return `${sendable} of ${read} rows of '${sample}' would be sent, ${rejected} rejected`;
}

const variablesFile = z.record(z.string(), z.unknown());

/** The variables of the file; what the embedded servers need is filled in. */
async function readVariables(
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
): Promise<Record<string, string | number>> {
  const retailer = options.fluentUrl === undefined
    ? 1
    : env["FLUENT_RETAILER_ID"] ?? (options.variables === undefined
      ? neededVariable(env, "FLUENT_RETAILER_ID", "the retailer the stock belongs to")
      : "");
  const given = options.variables === undefined ? {} : await readFileOf(options.variables);
  return {
    ...(options.s3Endpoint === undefined
      ? { s3BucketName: "inventory" }
      : { s3Endpoint: options.s3Endpoint }),
    ...(retailer === "" ? {} : { fluentRetailerId: retailer }),
    ...given,
  } as Record<string, string | number>;
}

async function readFileOf(path: string): Promise<Record<string, unknown>> {
  try {
    return variablesFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    throw new UsageError(`--variables: expected a JSON object in '${path}': ${messageOf(error)}`);
  }
}
