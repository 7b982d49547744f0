/**
 * Puts each mutant into a copy of the code and runs the simulation on it, then the tests of state and flow: `deno task mutants`, or with `--only TEXT`
 * those whose name holds it. Ends with an error when one survives.
 *
 * @module
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PARTS = ["deno.json", "deno.lock", "lib", "mappings", "local", "test"];

const { values } = parseArgs({ options: { only: { type: "string" }, worlds: { type: "string" } } });
const worlds = values.worlds ?? "400";
const chosen = MUTANTS.filter(({ name }) => name.includes(values.only ?? ""));
const folder = await mkdtemp(join(tmpdir(), "mutants-"));
let caught = 0;
try {
  for (const part of PARTS) await cp(join(ROOT, part), join(folder, part), { recursive: true });
  for (const mutant of chosen) {
    const how = await tryOut(mutant);
    if (how !== undefined) caught++;
    console.log(`${how === undefined ? "SURVIVED" : "caught  "}  ${mutant.name}${how ? `  (${how})` : ""}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${caught} of ${chosen.length} caught`);
Deno.exit(caught === chosen.length ? 0 : 1);

/** What caught a mutant; undefined when nothing did. */
async function tryOut({ file, find, replace }: Mutant): Promise<string | undefined> {
  const path = join(folder, file);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(find, () => replace));
  try {
    const simulated = await run([
      "run",
      "-A",
      "--no-check",
      "test/simulation/main.ts",
      "--worlds",
      worlds,
      "--first",
    ]);
    if (!simulated.ok) return simulated.said;
    const crashed = await run(["test", "-A", "--no-check", "--fail-fast", "test/simulation/crash_test.ts"]);
    if (!crashed.ok) return "crash at an effect";
    const tested = await run([
      "test",
      "-A",
      "--no-check",
      "--fail-fast",
      "test/state",
      "test/ingest/pipeline_test.ts",
      "test/ingest/partitions_test.ts",
      "test/ingest/feed_turn_test.ts",
      "test/ingest/archive_test.ts",
      "test/ingest/fencing_test.ts",
    ]);
    return tested.ok ? undefined : "tests of state and flow";
  } finally {
    await writeFile(path, text);
  }
}

async function run(args: string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "null",
  });
  const { success, stdout } = await child.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return { ok: success, said: (lines.find((line) => line.startsWith("  ")) ?? lines.at(-1) ?? "").trim() };
}
