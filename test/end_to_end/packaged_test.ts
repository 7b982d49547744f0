import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLATFORM_DENO } from "../../local/package/project_files.ts";
import { buildImage, platformDeno, ROOT, run } from "../package/_image.ts";

/** What a user runs, on the packaged folder as the platform builds and starts it. */
async function suite(entry: string, deno: string, replicas: number): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      "test/end_to_end/main_job_test.ts",
      "test/end_to_end/bad_setup_test.ts",
    ],
    cwd: ROOT,
    env: {
      NO_COLOR: "1",
      CONNECTOR_ENTRY: entry,
      CONNECTOR_DENO: deno,
      CONNECTOR_REPLICAS: String(replicas),
    },
  }).output();
  const said = new TextDecoder().decode(stdout);
  assert.ok(success, said + new TextDecoder().decode(stderr));
  return said;
}

/** Milliseconds from the command to the first answer, from an empty state. */
async function startUp(entry: string, deno: string, folder: string): Promise<number> {
  const config = join(folder, "platform.json");
  const nowhere = "http://127.0.0.1:9";
  const connections = {
    fluent_commerce: { baseUrl: nowhere, auth: { type: "none" } },
    s3: { baseUrl: nowhere, auth: { type: "basic", username: "a", password: "b" } },
    inventory_webhooks: { auth: { type: "apiKey", key: "k" } },
    inventory_page: { auth: { type: "basic", username: "u", password: "p" } },
  };
  await writeFile(config, JSON.stringify({ stateDir: join(folder, "state"), port: 0, connections }));
  const startedAt = performance.now();
  const child = new Deno.Command(deno, {
    args: ["run", "-A", "--unstable-sloppy-imports", entry],
    env: { NO_COLOR: "1", VERSORI_LOCAL_CONFIG: config },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  try {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      const url = /"Local platform started".*?(http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (url === undefined) continue;
      const answer = await fetch(`${url}/job-status`);
      await answer.body?.cancel();
      assert.equal(answer.status, 401);
      return performance.now() - startedAt;
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  throw new Error(`It ended before it served:\n${log}`);
}

// The platform's own Deno is started for it whichever one runs the tests: where that is the same one, once is enough.
const ignore = Deno.version.deno === PLATFORM_DENO;

Deno.test(
  "the package, built and started as the platform does, passes the end-to-end suite",
  { ignore },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "image-"));
    try {
      const deno = await platformDeno();
      const entry = await buildImage(folder, deno);
      await t.step("its types hold, as the platform checks them before a deployment", async () => {
        await run(deno, ["check", entry], join(folder, "app"));
      });
      await t.step("it starts, and says how long that took", async () => {
        console.log(`Start-up: ${Math.round(await startUp(entry, deno, folder))} ms`);
      });
      for (const replicas of [1, 2]) {
        await t.step(`with ${replicas} ${replicas === 1 ? "replica" : "replicas"} on one state`, async () => {
          assert.match(await suite(entry, deno, replicas), /ok \| \d+ passed/);
        });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
