import { type FluentServer, type FluentServerOptions, startFluentServer } from "../../local/fluent/mod.ts";
import { localFluentCredentials } from "../../local/fluent/mod.ts";
import { startS3Server } from "../../local/s3/mod.ts";
import { type Logger, S3DataSource } from "../../lib/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";

/**
 * What the guide's code takes from its surroundings: `process.env`, `console`, `setTimeout`, `fs`, `logger`. Its modules import
 * these under the globals' names, so that their waits of half a minute pass in virtual time and their words can be read.
 */
export const process = {
  env: {
    FLUENT_BASE_URL: undefined as string | undefined,
    FLUENT_CLIENT_ID: localFluentCredentials.clientId as string | undefined,
    FLUENT_CLIENT_SECRET: localFluentCredentials.clientSecret as string | undefined,
    FLUENT_RETAILER_ID: "2" as string | undefined,
    AWS_ACCESS_KEY_ID: "guide" as string | undefined,
    AWS_SECRET_ACCESS_KEY: "guide-secret" as string | undefined,
    AWS_REGION: "us-east-1" as string | undefined,
    AWS_BUCKET: "stock" as string | undefined,
    AWS_ENDPOINT: undefined as string | undefined,
  },
};

const said: string[] = [];
const say = (...words: unknown[]): void =>
  void said.push(words.map((word) => typeof word === "string" ? word : Deno.inspect(word)).join(" "));
export const console: Logger & Record<"log", typeof say> = {
  log: say,
  debug() {},
  info: say,
  warn: say,
  error: say,
};
export const logger: Logger = console;

export const files = new Map<string, string>();
export const fs = {
  writeFile(name: string, text: string): Promise<void> {
    files.set(name, text);
    return Promise.resolve();
  },
};

let clock = new VirtualClock();
/** Waits of the guide's code, in milliseconds. */
export const waits: number[] = [];
/** Moves the server's time on instead of waiting. */
export function setTimeout(wake: (value?: unknown) => void, ms: number): void {
  waits.push(ms);
  clock.advance(ms);
  queueMicrotask(wake);
}

/** What surrounds one run of the guide's code. */
export interface Stage {
  readonly fluent: FluentServer;
  readonly s3: S3DataSource;
  readonly said: readonly string[];
  readonly clock: VirtualClock;
  /** Access to the Fluent server, as the guide's `config`. */
  readonly config: { baseUrl: string; clientId: string; clientSecret: string; retailerId: string };
}

/** Runs the guide's code against a local Fluent and a local bucket that holds `objects`. */
export async function withStage(
  options: FluentServerOptions,
  objects: Readonly<Record<string, string>>,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  clock = new VirtualClock();
  const credentials = { accessKeyId: "guide", secretAccessKey: "guide-secret" };
  const store = await startS3Server({ stateDir: folder, buckets: ["stock"], credentials });
  const fluent = await startFluentServer({ clock, ...options });
  const s3 = new S3DataSource({
    type: "S3_CSV",
    s3Config: { ...credentials, region: "us-east-1", bucket: "stock", endpoint: store.url },
  });
  process.env.FLUENT_BASE_URL = fluent.url;
  process.env.AWS_ENDPOINT = store.url;
  for (const list of [said, waits]) list.length = 0;
  files.clear();
  try {
    for (const [key, text] of Object.entries(objects)) await s3.uploadFile(key, text);
    const { clientId, clientSecret } = localFluentCredentials;
    const config = { baseUrl: fluent.url, clientId, clientSecret, retailerId: "2" };
    await run({ fluent, s3, said, clock, config });
  } finally {
    await s3.dispose();
    await fluent.stop();
    await store.stop();
    await Deno.remove(folder, { recursive: true });
  }
}
