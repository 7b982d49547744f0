import { chmod, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { envExample, neededVariables, parseManifest, setupScript } from "../setup/mod.ts";
import { EXIT } from "./exit_codes.ts";
import { UsageError } from "./usage_error.ts";

const MANIFEST = fileURLToPath(new URL("../../versori.yaml", import.meta.url));

/** Prints the commands that set a Versori project up, or saves them as a script with `.env.example` beside it. */
export async function setupCommand(options: { readonly write?: string | undefined }): Promise<number> {
  const manifest = parseManifest(await readFile(MANIFEST, "utf8"));
  const script = setupScript(manifest);
  if (options.write === undefined) {
    console.log(script);
    return EXIT.completed;
  }
  const example = join(dirname(options.write), ".env.example");
  try {
    await writeFile(options.write, script);
    await chmod(options.write, 0o755);
    await writeFile(example, envExample(manifest));
  } catch (error) {
    throw new UsageError(
      `Cannot write '${options.write}': ${error instanceof Error ? error.message : error}`,
    );
  }
  console.log(`Wrote ${options.write} and ${example}.

Fill in ${example}, save it as .env where you run the script, and set in the environment:
${neededVariables(manifest).map(([name, what]) => `  ${name.padEnd(20)} ${what}`).join("\n")}
  ${"VERSORI_PROJECT".padEnd(20)} the project's id, where there is one already`);
  return EXIT.completed;
}
