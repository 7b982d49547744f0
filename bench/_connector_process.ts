import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3DataSource } from "../lib/s3/mod.ts";
import { API_KEY, BUCKET, connectorConfig, S3_KEYS } from "./_connector_config.ts";

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
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const servers = spawn("./_servers.ts", [folder, String(latencyMs)], {}, "stdout");
  let connector: Spawned | undefined;
  try {
    const urls = JSON.parse(await servers.seen(/\{.*\}/)) as { s3: string; fluent: string };
    const store = new S3DataSource({
      type: "S3_CSV",
      s3Config: { ...S3_KEYS, region: "us-east-1", bucket: BUCKET, endpoint: urls.s3 },
    });
    const config = join(folder, "platform.json");
    await writeFile(config, JSON.stringify(connectorConfig(folder, urls, variables)));
    connector = spawn("../workflows/index.ts", [], { VERSORI_LOCAL_CONFIG: config }, "stderr");
    const url =
      (await connector.seen(/"Local platform started".*?http:\/\/127\.0\.0\.1:\d+/)).match(/http:.*$/)![0];
    let measured: Omit<Measured, "peakMiB"> | undefined;
    for (const [i, content] of files.entries()) {
      const key = `inventory/incoming/file-${i}.csv`;
      await store.uploadFile(key, content());
      measured = await ingestOne(url, key, options);
    }
    if (!measured) throw new Error("There is no file to measure");
    return { ...measured, peakMiB: await peakMiB(connector.pid) };
  } finally {
    await connector?.kill();
    await servers.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ingestOne(
  url: string,
  key: string,
  { dryRun = false }: { readonly dryRun?: boolean },
): Promise<Omit<Measured, "peakMiB">> {
  const startedAt = performance.now();
  const { files } = await call(url, "inventory-adhoc", { key, dryRun }) as { files: { jobId: string }[] };
  while (true) {
    const job = await call(url, "job-status", { jobId: files[0]!.jobId }) as {
      status: string;
      message: string;
      details: Pick<Measured, "spent" | "batches" | "rows">;
    };
    if (job.status === (dryRun ? "cancelled" : "completed")) {
      const { spent, batches, rows } = job.details;
      return { wallMs: performance.now() - startedAt, spent, batches, rows };
    }
    if (job.status !== "queued" && job.status !== "processing") {
      throw new Error(`${job.status}: ${job.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
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

interface Spawned {
  readonly pid: number;
  /** The first match in what the process says. */
  seen(pattern: RegExp): Promise<string>;
  kill(): Promise<void>;
}

function spawn(
  script: string,
  args: string[],
  env: Record<string, string>,
  listen: "stdout" | "stderr",
): Spawned {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(script, import.meta.url).pathname, ...args],
    env,
    stdin: "null",
    stdout: listen === "stdout" ? "piped" : "null",
    stderr: listen === "stderr" ? "piped" : "inherit",
  }).spawn();
  let said = "";
  const waiting: { pattern: RegExp; resolve: (text: string) => void }[] = [];
  const check = () => {
    for (const { pattern, resolve } of waiting) {
      const match = pattern.exec(said);
      if (match) resolve(match[0]);
    }
  };
  const reading = (async () => {
    for await (const text of child[listen].pipeThrough(new TextDecoderStream())) {
      said += text;
      check();
    }
  })();
  return {
    pid: child.pid,
    seen: (pattern) =>
      new Promise((resolve) => {
        waiting.push({ pattern, resolve });
        check();
      }),
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}
