import { join } from "node:path";
import { configurePlatform, localPlatform } from "@versori/run/local";
import { systemClock } from "../lib/base/mod.ts";
import { hasConditionalPut, readSettings, type Settings } from "../lib/config/mod.ts";
import { JobTracker } from "../lib/jobs/mod.ts";
import { S3DataSource } from "../lib/s3/mod.ts";
import { VersoriKVAdapter } from "../lib/state/mod.ts";
import { main } from "../workflows/index.ts";
import { localFluentCredentials, startFluentInWorker } from "./fluent/mod.ts";
import { startS3InWorker } from "./s3/mod.ts";
import { lockState } from "./state_lock.ts";
import { startWorkerProcesses, type WorkerConfig } from "./worker_processes.ts";

/** An S3 store that is not ours. */
export interface S3Access {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** A Fluent account that is not ours. With user and password: the password grant; without: client credentials. */
export interface FluentAccess {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface StackOptions {
  readonly stateDir: string;
  /** Port of the platform on 127.0.0.1; 0 = any free one. */
  readonly port: number;
  readonly bucket: string;
  /** Default: an embedded server, its objects below the state folder. */
  readonly s3?: S3Access | undefined;
  /** Default: an embedded server, its stock below the state folder. */
  readonly fluent?: FluentAccess | undefined;
  /** Activation variables beside those that follow from the options. */
  readonly variables?: Readonly<Record<string, string | number>> | undefined;
  /** Whether schedules fire when their time has come. */
  readonly schedules: boolean;
  /** How many processes work on durable runs, this one among them; 0: none. Default 1. */
  readonly workers?: number | undefined;
  /** How long a request's body may take, in milliseconds; default the platform's. */
  readonly bodyTimeoutMs?: number | undefined;
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "json" | "pretty";
    /** Takes each line, without its end. */
    readonly write: (line: string) => void;
  };
}

/** The platform with the connector on it, and the servers it works with. */
export interface Stack {
  /** Where webhooks are reached. */
  readonly url: string;
  readonly s3Url: string;
  /** The keys of the embedded S3 server. */
  readonly s3Keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly fluentUrl: string;
  /** Whether the Fluent server is the embedded one. */
  readonly fluentIsLocal: boolean;
  readonly settings: Settings;
  readonly store: S3DataSource;
  readonly kv: VersoriKVAdapter;
  readonly tracker: JobTracker;
  /** What `x-api-key` the webhooks want. */
  readonly apiKey: string;
  /** The processes that work beside this one. */
  readonly workerPids: readonly number[];
  /** Who may see the page. */
  readonly pageUser: { readonly username: string; readonly password: string };
  /** Runs a schedule now. */
  fireSchedule(id: string): Promise<{ status: number; body: unknown }>;
  stop(): Promise<void>;
}

/** Keys of the embedded servers: made up, and good for 127.0.0.1 only. */
const LOCAL_S3_KEYS = { accessKeyId: "local", secretAccessKey: "local-secret-key" };
const LOCAL_API_KEY = "local-api-key";
const LOCAL_PAGE_USER = { username: "local", password: "local-password" };
const LOCAL_RETAILER = 1;
/** What the variable `partitions` takes at most. */
const MOST_PARTITIONS = 16;
/** Largest body of a webhook. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024;

/** Starts everything on this machine. What was under way when an earlier process was killed goes on. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const unlock = lockState(options.stateDir);
  const stops: (() => Promise<void> | void)[] = [unlock];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const s3 = options.s3 ?? await embeddedS3(options, stops);
    const fluent = options.fluent ?? await embeddedFluent(options, stops);
    const workers = options.workers ?? 1;
    const variables = {
      // A large file is shared by the processes there are.
      ...(workers > 1 ? { partitions: Math.min(workers, MOST_PARTITIONS) } : {}),
      s3BucketName: options.bucket,
      s3Region: s3.region,
      s3Endpoint: s3.endpoint,
      ...(options.s3 ? {} : { s3ConditionalPut: "yes" }),
      ...(options.fluent ? {} : { fluentRetailerId: LOCAL_RETAILER, pollIntervalSeconds: 0.25 }),
      ...options.variables,
    };
    const settings = readSettings((name) => (variables as Record<string, unknown>)[name]);
    const shared: WorkerConfig = {
      stateDir: join(options.stateDir, "platform"),
      connections: {
        fluent_commerce: { baseUrl: fluent.url, auth: fluentAuth(fluent) },
        s3: {
          baseUrl: s3.endpoint,
          auth: { type: "basic", username: s3.accessKeyId, password: s3.secretAccessKey },
        },
        inventory_webhooks: { auth: { type: "apiKey", key: LOCAL_API_KEY } },
        inventory_page: { auth: { type: "basic", ...LOCAL_PAGE_USER } },
      },
      variables,
      // Beyond what `payloadLimitBytes` allows, so that it is the connector that says what is too large.
      options: {
        requestBodyLimitBytes: BODY_LIMIT_BYTES,
        ...(options.bodyTimeoutMs === undefined ? {} : { requestBodyTimeoutMs: options.bodyTimeoutMs }),
      },
    };
    configurePlatform({
      ...shared,
      port: options.port,
      roles: { scheduler: options.schedules, worker: workers > 0 },
      log: options.log,
    });
    const platform = localPlatform(await main());
    stops.push(() => platform.stop());
    const { level, format, write } = options.log;
    const further = await startWorkerProcesses(
      Math.max(0, workers - 1),
      { ...shared, log: { level, format } },
      write,
    );
    stops.push(() => further.stop());
    const kv = new VersoriKVAdapter(platform.openKv(":workspace:"));
    return {
      url: platform.url,
      s3Url: s3.endpoint,
      s3Keys: LOCAL_S3_KEYS,
      fluentUrl: fluent.url,
      fluentIsLocal: options.fluent === undefined,
      settings,
      store: new S3DataSource({
        type: "S3_CSV",
        s3Config: { ...s3, bucket: options.bucket, conditionalPut: hasConditionalPut(settings) },
      }),
      kv,
      tracker: new JobTracker(kv, undefined, settings.jobTtlSeconds, systemClock),
      apiKey: LOCAL_API_KEY,
      workerPids: further.pids,
      pageUser: LOCAL_PAGE_USER,
      fireSchedule: (id) => platform.fireSchedule(id),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function embeddedS3(options: StackOptions, stops: (() => Promise<void> | void)[]): Promise<S3Access> {
  const server = await startS3InWorker({
    stateDir: join(options.stateDir, "s3"),
    buckets: [options.bucket],
    credentials: LOCAL_S3_KEYS,
  });
  stops.push(() => server.stop());
  return { endpoint: server.url, region: "us-east-1", ...LOCAL_S3_KEYS };
}

async function embeddedFluent(
  options: StackOptions,
  stops: (() => Promise<void> | void)[],
): Promise<FluentAccess> {
  const server = await startFluentInWorker({
    stateDir: join(options.stateDir, "fluent"),
    retailerId: LOCAL_RETAILER,
    latencyMs: 20,
    pendingMs: 200,
    runningMs: 300,
  });
  stops.push(() => server.stop());
  return { url: server.url, ...localFluentCredentials };
}

function fluentAuth(fluent: FluentAccess) {
  const client = {
    tokenUrl: new URL("/oauth/token", fluent.url).href,
    clientId: fluent.clientId,
    clientSecret: fluent.clientSecret,
    scope: "api",
  };
  return fluent.username !== undefined && fluent.password !== undefined
    ? { type: "oauth2Password" as const, ...client, username: fluent.username, password: fluent.password }
    : { type: "oauth2ClientCredentials" as const, ...client };
}
