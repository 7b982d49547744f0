import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { importGraph, pin, PLATFORM_DENO, readConfig, writePackage } from "../../local/package/mod.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The stand-in of the platform's SDK. */
const STAND_IN = "local/versori_run";

/** The Deno the platform's image has: this one, or the one that npm gives. */
export async function platformDeno(): Promise<string> {
  if (Deno.version.deno === PLATFORM_DENO) return Deno.execPath();
  const found = await run(
    "npx",
    ["-y", `deno@${PLATFORM_DENO}`, "eval", "console.log(Deno.execPath())"],
    ROOT,
  );
  return found.trim().split("\n").at(-1)!;
}

/** Runs a command to its end. @throws with what it wrote when it fails */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    // Deno 2.3 asks Mozilla's list of authorities only, unless it is told to ask the machine's too.
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_TLS_CA_STORE: "system,mozilla" },
  }).output();
  const text = new TextDecoder();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")} failed:\n${text.decode(stderr)}${text.decode(stdout)}`);
  }
  return text.decode(stdout);
}

/**
 * Builds what the platform's Dockerfile builds (versori-platform, section 2.1): only `package.json` first,
 * `deno install`, then everything the CLI uploads. The stand-in takes the place of the SDK's package.
 *
 * @returns the entry's path
 */
export async function buildImage(folder: string, deno: string): Promise<string> {
  const packaged = join(folder, "package");
  const app = join(folder, "app");
  await writePackage(ROOT, packaged);
  await mkdir(app, { recursive: true });

  const manifest = JSON.parse(await readFile(join(packaged, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const { "@versori/run": sdk, ...real } = manifest.dependencies;
  const standIn = await importGraph(ROOT, `${STAND_IN}/mod.ts`, [STAND_IN]);
  const own = pin(standIn.packages, await readConfig(join(ROOT, "deno.json")));
  const dependencies = { ...Object.fromEntries(own.map(({ name, version }) => [name, version])), ...real };
  await writeFile(join(app, "package.json"), JSON.stringify({ ...manifest, dependencies }));
  await run(deno, ["install"], app);

  for (const file of await uploaded(packaged)) {
    if (file === "package.json") continue;
    await mkdir(dirname(join(app, file)), { recursive: true });
    await cp(join(packaged, file), join(app, file));
  }
  await cp(join(ROOT, STAND_IN), join(app, "stand-in"), { recursive: true });
  await writeFile(
    join(app, "stand-in/package.json"),
    JSON.stringify({
      name: "@versori/run",
      version: sdk,
      type: "module",
      exports: { ".": "./mod.ts", "./local": "./local.ts" },
    }),
  );
  await mkdir(join(app, "node_modules/@versori"), { recursive: true });
  await symlink("../../stand-in", join(app, "node_modules/@versori/run"));
  return join(app, "src/index.ts");
}

/**
 * The files the Versori CLI uploads from a folder: all but what the root `.gitignore` names. Its rules, as far as they
 * are used: the last match wins, a `/` at the end means folders only, a pattern without another `/` matches any part of
 * the path, and one with is anchored (versori-platform, section 3.3).
 */
export async function uploaded(folder: string): Promise<string[]> {
  const rules = (await readFile(join(folder, ".gitignore"), "utf8")).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const ignored = (path: string, isFolder: boolean): boolean =>
    rules.some((rule) => {
      const foldersOnly = rule.endsWith("/");
      const pattern = foldersOnly ? rule.slice(0, -1) : rule;
      if (pattern.includes("/") || pattern.startsWith("!")) {
        throw new Error(`a rule the CLI may read otherwise: ${rule}`);
      }
      const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
      return (isFolder || !foldersOnly) && expression.test(path.split("/").at(-1)!);
    });
  const files: string[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.name === ".git" || ignored(path, entry.isDirectory())) continue;
      if (entry.isDirectory()) await walk(path);
      else files.push(path);
    }
  };
  await walk("");
  return files.sort();
}
