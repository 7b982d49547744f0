import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3DataSource } from "../lib/s3/mod.ts";
import { API_KEY, BUCKET, connectorConfig, S3_KEYS } from "./_connector_config.ts";
import { spawn, type Spawned } from "./_spawn.ts";

/** One file through one connector process, measured as a whole process. */
export interface Measured {
  /** The connector's largest resident memory, in MiB. */
  readonly peakMiB: number;
  /** Milliseconds from asking for the file to the end of its job. */
  readonly wallMs: number;
  /** Milliseconds spent in each step. */
  readonly spent: Readonly<Record<string, number>>;
  readonly batches: { readonly total: number; readonly sent: number; readonly resent: number };
  readonly rows: { readonly read: number; readonly confirmed: number };
}

/**
 * Runs files through one connector process, one after the other, against servers in a process of their own; gives the
 * last one's figures.
 *
 * @param files contents, in order; all but the last are there to warm up
 * @param latencyMs of every call to Fluent
 * @param options `dryRun`: inspect only
 */
export async function measureFiles(
  files: readonly (() => AsyncIterable<Uint8Array>)[],
  latencyMs: number,
  variables: Readonly<Record<string, string | number>>,
  options: { readonly dryRun?: boolean } = {},
): Promise<Measured> {
  await using site = await openSite(latencyMs, variables);
  const connector = await site.start();
  let measured: Omit<Measured, "peakMiB"> | undefined;
  for (const [i, content] of files.entries()) {
    const job = await site.ask(connector, `file-${i}.csv`, content(), options);
    measured = await job.done(connector);
  }
  if (!measured) throw new Error("There is no file to measure");
  return { ...measured, peakMiB: await peakMiB(connector.pid) };
}

/** Servers in a process of their own, a state folder, and the connector's processes on them. */
export interface BenchSite extends AsyncDisposable {
  /** One more connector process on the state. */
  start(): Promise<Connector>;
  /** Puts a file and asks for it. */
  ask(
    connector: Connector,
    name: string,
    content: AsyncIterable<Uint8Array>,
    options?: { readonly dryRun?: boolean },
  ): Promise<Asked>;
  /** A digest of every row of the stock. */
  stock(): Promise<string>;
}

export interface Connector extends Spawned {
  readonly url: string;
}

export interface Asked {
  readonly jobId: string;
  /** How far it is, as one of the processes says. */
  now(connector: Connector): Promise<Progress>;
  /** Waits for its end. @throws when it is another end than the wanted one */
  done(connector: Connector): Promise<Omit<Measured, "peakMiB">>;
}

export interface Progress extends Pick<Measured, "spent" | "batches" | "rows"> {
  readonly stage: string | undefined;
}

/** @param latencyMs of every call to Fluent */
export async function openSite(
  latencyMs: number,
  variables: Readonly<Record<string, string | number>>,
): Promise<BenchSite> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const servers = spawn("./_servers.ts", [folder, String(latencyMs)], {}, "stdout");
  const connectors: Connector[] = [];
  const urls = JSON.parse(await servers.seen(/\{.*\}/)) as { s3: string; fluent: string };
  const store = new S3DataSource({
    type: "S3_CSV",
    s3Config: { ...S3_KEYS, region: "us-east-1", bucket: BUCKET, endpoint: urls.s3 },
  });
  const config = join(folder, "platform.json");
  await writeFile(config, JSON.stringify(connectorConfig(folder, urls, variables)));
  return {
    async start() {
      const spawned = spawn("../workflows/index.ts", [], { VERSORI_LOCAL_CONFIG: config }, "stderr");
      const said = await spawned.seen(/"Local platform started".*?http:\/\/127\.0\.0\.1:\d+/);
      const connector = { ...spawned, url: /http:.*$/.exec(said)![0] };
      connectors.push(connector);
      return connector;
    },
    async ask({ url }, name, content, { dryRun = false } = {}) {
      const key = `inventory/incoming/${name}`;
      await store.uploadFile(key, content);
      const startedAt = performance.now();
      const { files } = await call(url, "inventory-adhoc", { key, dryRun }) as { files: { jobId: string }[] };
      return asked(files[0]!.jobId, startedAt, dryRun ? "cancelled" : "completed");
    },
    async stock() {
      const hash = createHash("sha256");
      for (let start = 0, total = 1; start < total;) {
        const response = await fetch(`${urls.fluent}/_local/stock?start=${start}&count=${STOCK_PAGE}`);
        const page = await response.json() as { count: number; total: number; rows: unknown[] };
        for (const row of page.rows) hash.update(JSON.stringify(row));
        if (page.count === 0) break;
        start += page.count;
        total = page.total;
      }
      return hash.digest("hex");
    },
    async [Symbol.asyncDispose]() {
      for (const connector of connectors) await connector.kill();
      await servers.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Rows of the stock asked for at a time. */
const STOCK_PAGE = 1_000;

function asked(jobId: string, startedAt: number, wanted: string): Asked {
  const look = async ({ url }: Connector) =>
    await call(url, "job-status", { jobId }) as {
      status: string;
      stage?: string;
      message: string;
      details: Partial<Pick<Measured, "spent" | "batches" | "rows">>;
    };
  return {
    jobId,
    async now(connector) {
      const { stage, details } = await look(connector);
      const { spent = {}, batches = { total: 0, sent: 0, resent: 0 }, rows = { read: 0, confirmed: 0 } } =
        details;
      return { stage, spent, batches, rows };
    },
    async done(connector) {
      while (true) {
        const { status, message, details } = await look(connector);
        if (status === wanted) {
          const { spent, batches, rows } = details as Required<typeof details>;
          return { wallMs: performance.now() - startedAt, spent, batches, rows };
        }
        if (status !== "queued" && status !== "processing") throw new Error(`${status}: ${message}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
}

async function call(url: string, webhook: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}/${webhook}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": API_KEY },
    body: JSON.stringify(body),
  });
  return await response.json();
}

/** Linux's own account of a living process (proc(5), VmHWM). */
async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error("This benchmark needs Linux: /proc/PID/status has no VmHWM");
  return Number(kib) / 1024;
}
