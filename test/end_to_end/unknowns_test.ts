import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  configurePlatform,
  localPlatform,
  optionsSchema,
  type PlatformOptionsInput,
} from "@versori/run/local";
import { isTerminal, type JobStatus, JobTracker } from "../../lib/jobs/mod.ts";
import { S3DataSource } from "../../lib/s3/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { startS3Server } from "../../local/s3/mod.ts";
import { parseManifest } from "../../local/setup/mod.ts";
import { main } from "../../workflows/index.ts";
import { OF_THE_STAND_IN, UNKNOWNS } from "./_unknowns.ts";

const KEYS = { accessKeyId: "tester", secretAccessKey: "tester-secret" };
const MANIFEST = parseManifest(await readFile(new URL("../../versori.yaml", import.meta.url), "utf8"));

/** Enough rows for several batches. */
const STOCK = Array.from({ length: 900 }, (_, n) => [`SKU-${n}`, `LOC-${n % 3}`, n] as const);
const FULL = "sku,location,qty\n" + STOCK.map((row) => row.join(",")).join("\n") + "\n";
const CORRECTIONS = "sku,location,qty\nSKU-0,LOC-0,77\nSKU-1,LOC-1,x\nNEW,LOC-0,5\n";

interface Case {
  readonly options?: PlatformOptionsInput;
  /** What every activation variable becomes before it is handed over. */
  readonly shown?: (value: string | number) => string | number;
  /** Whether the S3 keys are JSON in an API-key connection. */
  readonly s3ByApiKey?: boolean;
  /** Whether the store is declared to create objects only once: claims wait less then. Default yes. */
  readonly conditionalPut?: "yes" | "no";
}

/** The whole flow: two files wait, the schedule and a webhook find them, everything ends as it should. */
async function flow(
  { options = {}, shown = (value) => value, s3ByApiKey = false, conditionalPut = "yes" }: Case,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "unknown-"));
  // Tokens end before the flow does, so that a 401 is met on the way.
  const fluent = await startFluentServer({ pendingMs: 5, runningMs: 5, latencyMs: 2, tokenLifetimeS: 2 });
  const s3 = await startS3Server({ stateDir: join(folder, "s3"), buckets: ["stock"], credentials: KEYS });
  const store = new S3DataSource({
    type: "S3_CSV",
    s3Config: { ...KEYS, region: "us-east-1", bucket: "stock", endpoint: s3.url },
  });
  const variables = {
    s3BucketName: "stock",
    s3Endpoint: s3.url,
    s3ConditionalPut: conditionalPut,
    fluentRetailerId: 1,
    pollIntervalSeconds: 0.05,
    batchSize: 100,
    // So that a run is rescheduled many times.
    sliceSeconds: 0.1,
    rejectLimit: "50%",
    deltaFiles: "corrections*",
  };
  await store.uploadFile("inventory/incoming/full.csv", FULL);
  await store.uploadFile("inventory/incoming/corrections.csv", CORRECTIONS);
  const inbound = Object.fromEntries(
    Object.entries(MANIFEST.systems).filter(([name]) => name !== "fluent_commerce" && name !== "s3").map((
      [name, { auth }],
    ) => [
      name,
      {
        auth: auth.type === "basic-auth"
          ? { type: "basic" as const, username: "u", password: "p" }
          : { type: "apiKey" as const, key: "k" },
      },
    ]),
  );
  configurePlatform({
    stateDir: join(folder, "platform"),
    port: 0,
    connections: {
      fluent_commerce: {
        baseUrl: fluent.url,
        auth: { type: "oauth2Password", tokenUrl: `${fluent.url}/oauth/token`, ...localFluentCredentials },
      },
      s3: {
        baseUrl: s3.url,
        auth: s3ByApiKey
          ? { type: "apiKey", key: JSON.stringify(KEYS) }
          : { type: "basic", username: KEYS.accessKeyId, password: KEYS.secretAccessKey },
      },
      ...inbound,
    },
    variables: Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, shown(value)])),
    log: { format: "json", level: "error", write: () => undefined },
    options: { stopTimeoutMs: 2_000, ...options },
  });
  const platform = localPlatform(await main());
  try {
    const call = async (body: unknown): Promise<Record<string, unknown>> => {
      const answer = await fetch(`${platform.url}/inventory-adhoc`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": "k" },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      return answer.status === 202 ? JSON.parse(text) : {};
    };
    const tracker = new JobTracker(new VersoriKVAdapter(platform.openKv(":workspace:")));
    const statuses = async (): Promise<JobStatus[]> => {
      const found: JobStatus[] = [];
      for await (const job of tracker.listJobs()) {
        if (!job.jobId.startsWith("discovery-")) found.push(job.status);
      }
      return found.sort();
    };
    // A trigger whose time is short may have to be called again, as the next tick does.
    for (let tries = 0; (await statuses()).length < 2; tries++) {
      assert.ok(tries < 40, "both files are found");
      await Promise.all([platform.fireSchedule("daily-inventory"), call({})]);
    }
    // Not until the queue is idle: a second run of a file looks again only when the first one's lease is over.
    const endsAt = Date.now() + 60_000;
    while ((await statuses()).some((status) => !isTerminal(status)) && Date.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(await statuses(), ["completed", "completed_with_errors"]);
    const expected = new Map<string, number>(
      STOCK.map(([sku, location, qty]) => [`${sku}\u0000${location}`, qty]),
    );
    expected.set("SKU-0\u0000LOC-0", 77).set("NEW\u0000LOC-0", 5);
    assert.deepEqual(new Map([...fluent.stock()].sort()), new Map([...expected].sort()));
    const waiting: string[] = [];
    for await (const { key } of store.listObjects({ prefix: "inventory/incoming/" })) waiting.push(key);
    assert.deepEqual(waiting, [], "both files are archived");
  } finally {
    await platform.stop();
    await store.dispose();
    await fluent.stop();
    await s3.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs cases side by side: they wait more than they work. */
async function all(cases: readonly Case[]): Promise<void> {
  const failures: string[] = [];
  await Promise.all(cases.map(async (one) => {
    try {
      await flow(one);
    } catch (error) {
      failures.push(
        `${JSON.stringify(one.options ?? {})}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }));
  assert.deepEqual(failures, []);
}

Deno.test("the flow ends the same under the hardest answers to all open questions", () =>
  flow({ conditionalPut: "no" }));

for (const { question, answers } of UNKNOWNS) {
  Deno.test(`the flow ends the same, ${question}: ${answers.map((answer) => JSON.stringify(answer)).join(", ")}`, () =>
    all(answers.map((options) => ({ options }))));
}

Deno.test("the flow ends the same whether variables come with their types or as text", () =>
  flow({ shown: String }));

Deno.test("the flow ends the same with the S3 keys as JSON in an API-key connection", () =>
  flow({ s3ByApiKey: true }));

Deno.test("the flow ends the same under all easy answers at once", () =>
  flow({ options: Object.assign({}, ...UNKNOWNS.map(({ answers }) => answers[0])), conditionalPut: "no" }));

Deno.test("every option of the stand-in is an open question that is tried, or its own", () => {
  const tried = new Set(UNKNOWNS.flatMap(({ answers }) => answers.flatMap((answer) => Object.keys(answer))));
  assert.deepEqual([...tried, ...OF_THE_STAND_IN].sort(), Object.keys(optionsSchema.shape).sort());
});

Deno.test("docs/platform.md says of every open question what the connector does", async () => {
  const text = await readFile(new URL("../../docs/platform.md", import.meta.url), "utf8");
  for (const { question, answers } of UNKNOWNS) {
    for (const option of new Set(answers.flatMap((answer) => Object.keys(answer)))) {
      assert.ok(text.includes(`\`${option}\``), `${option} (${question})`);
    }
  }
});
