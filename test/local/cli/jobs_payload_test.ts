import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const CLI = new URL("../../../local/cli.ts", import.meta.url).pathname;

async function run(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("the command shows a batch's payload with the very bytes the Fluent server took in", async () => {
  const folder = await mkdtemp(join(tmpdir(), "payload-"));
  try {
    const file = join(folder, "stock.csv");
    const lines = Array.from({ length: 300 }, (_, i) => `SKU-${i},LÖC-1,${i}`);
    await writeFile(file, ["sku,location,qty", ...lines].join("\n"));
    const state = join(folder, "state");
    const ingested = await run("ingest", file, "--state", state, "--json");
    assert.equal(ingested.code, 0, ingested.stderr);
    const { jobId } = JSON.parse(ingested.stdout);
    const shown = await run("jobs", "--state", state, "payload", jobId, "1");
    assert.equal(shown.code, 0, shown.stderr);
    const batchId = /batch (\d+)\s*$/.exec(shown.stderr.trim())?.[1];
    const database = new DatabaseSync(join(state, "fluent", "fluent.sqlite"), { readOnly: true });
    const stored = database.prepare("select sha256 from batches where id = ?").get(Number(batchId));
    database.close();
    assert.equal(createHash("sha256").update(shown.stdout).digest("hex"), stored?.["sha256"]);
    const out = join(folder, "payload.json");
    assert.equal((await run("jobs", "--state", state, "payload", jobId, "1", "--out", out)).code, 0);
    assert.equal(await readFile(out, "utf8"), shown.stdout);
    const wrong = await run("jobs", "--state", state, "payload", jobId, "9");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /has no batch 9: expected a number from 0 to 2/);
    assert.equal((await run("jobs", "--state", state, "payload", jobId, "one")).code, 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
