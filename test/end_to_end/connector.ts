import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import {
  type FluentCredentials,
  type FluentServer,
  type FluentServerOptions,
  localFluentCredentials,
} from "../../local/fluent/mod.ts";
import { startFluentServer } from "../../local/fluent/mod.ts";
import { SAMPLE_DELTAS } from "../../local/samples/sample_files.ts";
import { startS3Server } from "../../local/s3/mod.ts";
import { isTerminal, type JobStatus } from "../../lib/jobs/mod.ts";
import { S3DataSource } from "../../lib/s3/mod.ts";

/** Every secret of a site. */
export interface SiteSecrets {
  readonly s3Keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** What the webhooks want. */
  readonly apiKey: string;
  /** With which `ana` signs in to the page. */
  readonly pagePassword: string;
  readonly fluent: FluentCredentials;
}

const SECRETS: SiteSecrets = {
  s3Keys: { accessKeyId: "tester", secretAccessKey: "tester-secret" },
  apiKey: "tester-api-key",
  pagePassword: "tester-page-password",
  fluent: localFluentCredentials,
};
/**
 * How a process of the connector is started: from the sources by this Deno, or by these variables of the environment
 * from a packaged folder, by another Deno, in several replicas.
 */
const LAUNCH = {
  deno: env["CONNECTOR_DENO"] ?? Deno.execPath(),
  args: env["CONNECTOR_ENTRY"] === undefined
    ? ["run", "-A", "--no-check", fileURLToPath(new URL("../../workflows/index.ts", import.meta.url))]
    : ["run", "-A", "--unstable-sloppy-imports", env["CONNECTOR_ENTRY"]],
  replicas: Number(env["CONNECTOR_REPLICAS"] ?? 1),
};

/** The connector as the platform would start it: one process, or several on one state. */
export interface ConnectorProcess {
  /** Where it is reached; of several processes each in turn. */
  readonly url: string;
  readonly pid: number;
  /** SIGKILL: nothing is told to anybody. */
  kill(): Promise<void>;
  /** Everything it has written so far. */
  log(): string;
}

/** A bucket, a Fluent server and a state folder that outlive the connector's processes. */
export class Site {
  readonly bucket = "stock";
  readonly variables: Record<string, string | number> = {
    s3BucketName: this.bucket,
    fluentRetailerId: 1,
    pollIntervalSeconds: 0.1,
    deltaFiles: SAMPLE_DELTAS,
  };
  /** Overrides of the platform's configuration, by its top-level keys. */
  readonly overrides: Record<string, unknown> = {};
  s3Keys: SiteSecrets["s3Keys"];
  fluentSecret: string;
  fluentUrl: string;
  #processes: ConnectorProcess[] = [];

  private constructor(
    readonly folder: string,
    readonly fluent: FluentServer,
    readonly s3: Awaited<ReturnType<typeof startS3Server>>,
    readonly store: S3DataSource,
    readonly secrets: SiteSecrets,
  ) {
    this.s3Keys = secrets.s3Keys;
    this.fluentSecret = secrets.fluent.clientSecret;
    this.fluentUrl = fluent.url;
  }

  static async open(fluentOptions: FluentServerOptions = {}, secrets: SiteSecrets = SECRETS): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), "site-"));
    const fluent = await startFluentServer({ credentials: secrets.fluent, ...fluentOptions });
    const s3 = await startS3Server({
      stateDir: join(folder, "s3"),
      buckets: ["stock"],
      credentials: secrets.s3Keys,
    });
    const store = new S3DataSource({
      type: "S3_CSV",
      s3Config: { ...secrets.s3Keys, region: "us-east-1", bucket: "stock", endpoint: s3.url },
    });
    return new Site(folder, fluent, s3, store, secrets);
  }

  /** Starts the connector on the site's state folder. */
  async connect(): Promise<ConnectorProcess> {
    const replicas: ConnectorProcess[] = [];
    while (replicas.length < LAUNCH.replicas) replicas.push(await this.#start());
    if (replicas.length === 1) return replicas[0]!;
    let calls = 0;
    return {
      get url() {
        return replicas[calls++ % replicas.length]!.url;
      },
      pid: replicas[0]!.pid,
      log: () => replicas.map((replica) => replica.log()).join(""),
      kill: async () => {
        await Promise.all(replicas.map((replica) => replica.kill()));
      },
    };
  }

  async #start(): Promise<ConnectorProcess> {
    const config = join(this.folder, `platform-${crypto.randomUUID()}.json`);
    await mkdir(this.folder, { recursive: true });
    await writeFile(
      config,
      JSON.stringify({
        stateDir: join(this.folder, "platform"),
        port: 0,
        connections: {
          fluent_commerce: {
            baseUrl: this.fluentUrl,
            auth: {
              type: "oauth2Password",
              tokenUrl: `${this.fluentUrl}/oauth/token`,
              ...this.secrets.fluent,
              clientSecret: this.fluentSecret,
            },
          },
          s3: {
            baseUrl: this.s3.url,
            auth: { type: "basic", username: this.s3Keys.accessKeyId, password: this.s3Keys.secretAccessKey },
          },
          inventory_webhooks: { auth: { type: "apiKey", key: this.secrets.apiKey } },
          inventory_page: { auth: { type: "basic", username: "ana", password: this.secrets.pagePassword } },
        },
        variables: { s3Endpoint: this.s3.url, ...this.variables },
        log: { format: "json" },
        ...this.overrides,
      }),
    );
    const child = new Deno.Command(LAUNCH.deno, {
      args: LAUNCH.args,
      cwd: dirname(LAUNCH.args.at(-1)!),
      env: { VERSORI_LOCAL_CONFIG: config, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let log = "";
    const started = Promise.withResolvers<string>();
    const alsoReading = (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) log += text;
    })();
    const reading = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        log += text;
        const url = /"Local platform started".*?(http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1];
        if (url) started.resolve(url);
      }
      started.reject(new Error(`The connector ended before it served:\n${log}`));
    })();
    const url = await started.promise;
    let ended = false;
    const replica: ConnectorProcess = {
      url,
      pid: child.pid,
      log: () => log,
      async kill() {
        if (ended) return;
        ended = true;
        child.kill("SIGKILL");
        await child.status;
        await Promise.all([reading, alsoReading]);
      },
    };
    started.promise.catch(() => undefined);
    this.#processes.push(replica);
    return replica;
  }

  put(name: string, text: string): Promise<unknown> {
    return this.store.uploadFile(`inventory/incoming/${name}`, text);
  }

  /** Fires the schedule over HTTP, as the platform's scheduler does. */
  async fireSchedule(process: ConnectorProcess): Promise<Response> {
    const response = await fetch(`${process.url}/daily-inventory`, { method: "POST" });
    return new Response(await response.text(), { status: response.status });
  }

  /** Calls a webhook with its key, or another one. */
  async call(process: ConnectorProcess, id: string, body: unknown, apiKey = this.secrets.apiKey) {
    const response = await fetch(`${process.url}/${id}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": apiKey },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : JSON.parse(text) as Record<string, unknown> };
  }

  /** Looks until `seen` holds. @throws when it still doesn't after a minute */
  async until<T>(what: string, seen: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const endsAt = Date.now() + 60_000;
    while (true) {
      const value = await seen();
      if (value !== undefined) return value;
      assert.ok(Date.now() < endsAt, `${what} within a minute`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The job once it has one of these states. */
  untilJob(
    process: ConnectorProcess,
    jobId: string,
    states: readonly string[],
  ): Promise<Record<string, unknown>> {
    let ended = 0;
    return this.until(`job ${jobId} is ${states.join(" or ")}`, async () => {
      const { body } = await this.call(process, "job-status", { jobId });
      const status = String(body["status"]);
      if (states.includes(status)) return body;
      // Another end stays, unless somebody has just asked for the job again.
      ended = isTerminal(status as JobStatus) ? ended + 1 : 0;
      assert.ok(
        ended < 500,
        `expected job ${jobId} to be ${states.join(" or ")}, found ${JSON.stringify(body)}`,
      );
      return undefined;
    });
  }

  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.listObjects({ prefix })) keys.push(key);
    return keys;
  }

  async close(): Promise<void> {
    for (const process of this.#processes) await process.kill();
    await this.fluent.stop();
    await this.s3.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Opens a site for one test, and closes it whatever happens. */
export async function withSite(
  options: FluentServerOptions,
  test: (site: Site) => Promise<void>,
  secrets?: SiteSecrets,
): Promise<void> {
  const site = await Site.open(options, secrets);
  try {
    await test(site);
  } finally {
    await site.close();
  }
}
