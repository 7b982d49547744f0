import assert from "node:assert/strict";
import { kill } from "node:process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTerminal } from "../../lib/jobs/mod.ts";
import { localFluentCredentials } from "../../local/fluent/mod.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import { startWorkerProcesses } from "../../local/worker_processes.ts";

/** A stack on a folder of its own; `log` gets every line of every process. */
async function withStack(
  options: Pick<StackOptions, "workers">,
  test: (stack: Stack, log: Record<string, unknown>[], folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "workers-"));
  const log: Record<string, unknown>[] = [];
  try {
    const stack = await startStack({
      stateDir: folder,
      port: 0,
      bucket: "stock",
      schedules: false,
      ...options,
      log: {
        level: "info",
        format: "json",
        // Beside the log there may be warnings of the runtime.
        write: (line) => line.startsWith("{") && log.push(JSON.parse(line)),
      },
    });
    try {
      await test(stack, log, folder);
    } finally {
      await stack.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ingest(stack: Stack, names: readonly string[]): Promise<void> {
  const jobs: string[] = [];
  for (const [i, name] of names.entries()) {
    const rows = Array.from({ length: 500 }, (_, n) => `SKU-${n},LOC-${i},${n}`).join("\n");
    await stack.store.uploadFile(`${stack.settings.s3Prefix}${name}`, `sku,location,qty\n${rows}\n`);
    const response = await fetch(`${stack.url}/inventory-adhoc`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": stack.apiKey },
      body: JSON.stringify({ key: `${stack.settings.s3Prefix}${name}` }),
    });
    const { files } = await response.json() as { files: { jobId: string }[] };
    jobs.push(files[0]!.jobId);
  }
  const endsAt = Date.now() + 60_000;
  for (const jobId of jobs) {
    while (true) {
      const job = await stack.tracker.getJob(jobId);
      if (job && isTerminal(job.status)) {
        assert.equal(job.status, "completed", JSON.stringify(job));
        break;
      }
      assert.ok(Date.now() < endsAt, "the jobs end within a minute");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test("two workers on one state: a further process, whose log is the command's, and none is left behind", async () => {
  let pids: readonly number[] = [];
  await withStack({ workers: 2 }, async (stack, log) => {
    pids = stack.workerPids;
    assert.equal(pids.length, 1);
    assert.equal(stack.settings.partitions, 2, "which share a large file");
    await ingest(stack, ["a.csv", "b.csv"]);
    assert.equal(log.filter(({ message }) => /Local platform started/.test(String(message))).length, 2);
  });
  for (const pid of pids) assert.throws(() => kill(pid, 0), { code: "ESRCH" });
});

Deno.test("a worker process does the work of a command that has none of its own", async () => {
  await withStack({ workers: 0 }, async (stack, _log, folder) => {
    const errors: string[] = [];
    const worker = await startWorkerProcesses(1, {
      stateDir: join(folder, "platform"),
      connections: {
        fluent_commerce: {
          baseUrl: stack.fluentUrl,
          auth: {
            type: "oauth2ClientCredentials",
            tokenUrl: `${stack.fluentUrl}/oauth/token`,
            clientId: localFluentCredentials.clientId,
            clientSecret: localFluentCredentials.clientSecret,
          },
        },
        s3: {
          baseUrl: stack.s3Url,
          auth: {
            type: "basic",
            username: stack.s3Keys.accessKeyId,
            password: stack.s3Keys.secretAccessKey,
          },
        },
      },
      variables: {
        s3BucketName: "stock",
        s3Endpoint: stack.s3Url,
        fluentRetailerId: 1,
        pollIntervalSeconds: 0.1,
      },
      log: { level: "error", format: "json" },
    }, (line) => line.startsWith("{") && errors.push(line));
    try {
      await ingest(stack, ["only.csv"]);
    } finally {
      await worker.stop();
    }
    assert.deepEqual(errors, []);
  });
});

Deno.test("a worker process that cannot start is an error that says so", async () => {
  const said: string[] = [];
  await assert.rejects(
    startWorkerProcesses(1, { variables: {}, options: { queuePollMs: -1 } }, (line) => said.push(line)),
    /^Error: A worker process ended before it had started, with 1$/,
  );
  assert.match(said.join("\n"), /queuePollMs/);
});
