import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ConfigError, ConnectorError, silentLogger, systemClock } from "../../lib/base/mod.ts";
import { readSettings } from "../../lib/config/mod.ts";
import { type Preview, preview as inspectOnly } from "../../lib/ingest/mod.ts";
import { readMappingFile } from "../../lib/mapping/mod.ts";
import { S3DataSource } from "../../lib/s3/mod.ts";
import { MemoryKVStore } from "../../lib/state/mod.ts";
import { CUSTOM_RESOLVERS } from "../../workflows/custom_resolvers.ts";
import { startS3InWorker } from "../s3/mod.ts";
import { s3Access } from "./access.ts";
import { EXIT } from "./exit_codes.ts";
import { previewText } from "./preview_text.ts";
import { stopSignal } from "./stop_signal.ts";
import { typedPath } from "./option_values.ts";
import { UsageError } from "./usage_error.ts";

export interface PreviewOptions {
  readonly s3Endpoint?: string | undefined;
  readonly mapping?: string | undefined;
  readonly encoding?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly rejectLimit?: string | undefined;
  readonly json?: boolean | undefined;
}

const BUCKET = "preview";
const KEYS = { accessKeyId: "preview", secretAccessKey: "preview-secret", region: "us-east-1" };

/** Says what would become of a file. */
export async function preview(
  file: string,
  options: PreviewOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  using stopping = stopSignal();
  const found = await previewOf(file, options, env, stopping.signal);
  console.log(options.json ? JSON.stringify(found) : previewText(found));
  if (found.heldBecause) return EXIT.held;
  return found.rows.rejected > 0 ? EXIT.withErrors : EXIT.completed;
}

/**
 * Inspects a copy in a store of its own that is gone afterwards, so that neither Fluent nor the file's own bucket is
 * written to.
 */
export async function previewOf(
  file: string,
  options: PreviewOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Preview> {
  const folder = await mkdtemp(join(tmpdir(), "preview-"));
  const server = await startS3InWorker({
    stateDir: folder,
    buckets: [BUCKET],
    credentials: KEYS,
  });
  try {
    await using store = new S3DataSource({
      type: "S3_CSV",
      s3Config: { ...KEYS, bucket: BUCKET, endpoint: server.url },
    });
    return await previewIn(store, file, options, env, signal);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function previewIn(
  store: S3DataSource,
  file: string,
  options: PreviewOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Preview> {
  const variables: Record<string, string | number> = {
    s3BucketName: BUCKET,
    fluentRetailerId: env["FLUENT_RETAILER_ID"] || 1,
    ...(options.mapping === undefined
      ? {}
      : { mapping: /[/.\\]/.test(options.mapping) ? typedPath(options.mapping) : options.mapping }),
    ...(options.encoding === undefined ? {} : { csvEncoding: options.encoding }),
    ...(options.delimiter === undefined ? {} : { csvDelimiter: options.delimiter }),
    ...(options.rejectLimit === undefined ? {} : { rejectLimit: options.rejectLimit }),
  };
  const settings = readSettings((name) => variables[name]);
  const key = settings.s3Prefix + basename(file);
  await store.uploadFile(key, await openInput(file, options, env), { signal });
  const copy = await store.statFile(key, { signal });
  if (!copy) {
    throw new ConnectorError(`Cannot preview '${file}': its copy is gone`, {
      code: "preview-failed",
      retry: "later",
    });
  }
  return await inspectOnly(
    { bucket: BUCKET, key, etag: copy.etag, size: copy.size, lastModified: copy.lastModified.toISOString() },
    settings,
    {
      kv: new MemoryKVStore(),
      store,
      fluent: () => {
        throw new ConfigError("A preview has no Fluent");
      },
      loadMapping: readMappingFile,
      customResolvers: CUSTOM_RESOLVERS,
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      signal,
    },
  );
}

/** The file's bytes: of a local file, or of an object in the store the options name. */
async function openInput(
  file: string,
  options: PreviewOptions,
  env: NodeJS.ProcessEnv,
): Promise<AsyncIterable<Uint8Array>> {
  if (!file.startsWith("s3://")) {
    const path = typedPath(file);
    try {
      if (!(await stat(path)).isFile()) throw new Error("it is not a file");
    } catch (error) {
      throw new UsageError(`Cannot read '${file}': ${error instanceof Error ? error.message : error}`);
    }
    return createReadStream(path);
  }
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(file) ?? [];
  if (bucket === undefined || key === undefined) {
    throw new UsageError(`Expected s3://BUCKET/KEY, found '${file}'`);
  }
  if (options.s3Endpoint === undefined) {
    throw new UsageError(`--s3-endpoint is missing: the store '${file}' is in`);
  }
  return await remoteBody(bucket, key, options.s3Endpoint, env);
}

async function remoteBody(bucket: string, key: string, endpoint: string, env: NodeJS.ProcessEnv) {
  const remote = new S3DataSource({ type: "S3_CSV", s3Config: { ...s3Access(endpoint, env), bucket } });
  const { body } = await remote.openFile(key);
  return (async function* () {
    try {
      yield* body;
    } finally {
      await remote.dispose();
    }
  })();
}
