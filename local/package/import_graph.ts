import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";

/** A package the deployed code imports, by the name it is imported under. */
export interface ImportedPackage {
  readonly name: string;
  /** Whether every import of it that runs is a dynamic one: it is loaded where it is used, not at the start. */
  readonly lazy: boolean;
  /** Whether only its types are used. */
  readonly typesOnly: boolean;
}

type Use = Omit<ImportedPackage, "name">;

/** What an entry reaches. */
export interface ImportGraph {
  /** Paths below the root, with `/`, sorted: modules, and files and folders they read beside themselves at run time. */
  readonly files: readonly string[];
  readonly packages: readonly ImportedPackage[];
}

const resolved = z.object({ specifier: z.string().optional() });
/** The part of `deno info --json` that is read here; the same in Deno 2.3 and 2.9. */
const infoSchema = z.object({
  modules: z.array(z.object({
    specifier: z.string(),
    error: z.string().optional(),
    dependencies: z.array(z.object({
      specifier: z.string(),
      code: resolved.optional(),
      type: resolved.optional(),
      isDynamic: z.boolean().optional(),
    })).default([]),
  })),
});
type Dependency = z.output<typeof infoSchema>["modules"][number]["dependencies"][number];

/** Where a module names a file or folder that lies beside it: the only way deployed code finds one. */
const BESIDE = /new URL\(\s*(["'`])(\.{1,2}\/[^"'`$]*)\1\s*,\s*import\.meta\.url\s*\)/g;

/**
 * Walks the imports from an entry as Deno sees them. Names without a `./` are packages and are not followed.
 *
 * @param allowed folders below the root that may be reached
 * @throws Error naming the module when something is reached that must not be, or can't be read
 */
export async function importGraph(
  root: string,
  entry: string,
  allowed: readonly string[],
): Promise<ImportGraph> {
  const modules = await denoInfo(root, entry);
  /** By path: whether the module is loaded at the start. */
  const seen = new Map<string, boolean>();
  const beside = new Set<string>();
  const packages = new Map<string, Use>();
  const waiting = [{ url: pathToFileURL(join(root, entry)).href, atStart: true }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { url, atStart } = next;
    const path = within(root, url, allowed);
    const known = seen.get(path);
    if (known === true || known === atStart) continue;
    seen.set(path, atStart);
    const dependencies = modules.get(url);
    if (!dependencies) throw new Error(`Cannot package '${path}': Deno could not read it`);
    for (const dependency of dependencies) {
      if (/^\.{0,2}\//.test(dependency.specifier) || dependency.specifier.startsWith("file:")) {
        waiting.push(...targetsOf(dependency, atStart));
      } else if (!dependency.specifier.startsWith("node:")) {
        for (const [name, use] of usesOf(dependency, atStart)) addUse(packages, name, use);
      }
    }
    for (const file of await filesBeside(root, path)) {
      beside.add(within(root, file, [...allowed, "mappings"]));
    }
  }
  const files = new Set([...seen.keys(), ...beside]);
  return {
    files: [...files].sort(),
    packages: [...packages].map(([name, use]) => ({ name, ...use })).sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

async function denoInfo(root: string, entry: string): Promise<Map<string, readonly Dependency[]>> {
  const command = new Deno.Command(Deno.execPath(), {
    // Packages are named by the import map and lie outside of what is walked here, so none has to be loaded.
    args: ["info", "--json", "--no-npm", "--no-remote", "--no-lock", entry],
    cwd: root,
    env: { NO_COLOR: "1" },
  });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot read the imports of '${entry}': ${text.decode(stderr).trim()}`);
  const { modules } = infoSchema.parse(JSON.parse(text.decode(stdout)));
  const read = modules.filter(({ error }) => error === undefined);
  return new Map(read.map(({ specifier, dependencies }) => [specifier, dependencies]));
}

/** The modules an import leads to, and whether they are loaded at the start with it. */
function targetsOf({ specifier, code, type, isDynamic }: Dependency, atStart: boolean) {
  const targets: { url: string; atStart: boolean }[] = [];
  if (code?.specifier) targets.push({ url: code.specifier, atStart: atStart && !isDynamic });
  if (type?.specifier) targets.push({ url: type.specifier, atStart: false });
  if (targets.length === 0) {
    throw new Error(`Cannot package the import '${specifier}': Deno could not resolve it`);
  }
  return targets;
}

/** What an import of a package uses: its code, its types, or types from a package of their own. */
function usesOf({ specifier, code, type, isDynamic }: Dependency, atStart: boolean): [string, Use][] {
  const name = packageName(specifier);
  const uses: [string, Use][] = [
    [name, { lazy: !atStart || code === undefined || isDynamic === true, typesOnly: code === undefined }],
  ];
  const types = /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(type?.specifier ?? "")?.[1];
  if (types !== undefined && types !== name) uses.push([types, { lazy: true, typesOnly: true }]);
  return uses;
}

function addUse(packages: Map<string, Use>, name: string, use: Use): void {
  const known = packages.get(name) ?? { lazy: true, typesOnly: true };
  packages.set(name, { lazy: known.lazy && use.lazy, typesOnly: known.typesOnly && use.typesOnly });
}

/** `@scope/name/sub/path` → `@scope/name`. */
function packageName(specifier: string): string {
  const name = /^(@[^/]+\/[^/]+|[^/@:]+)(\/|$)/.exec(specifier)?.[1];
  if (name === undefined) {
    throw new Error(`Cannot package the import '${specifier}': expected a name of the import map`);
  }
  return name;
}

/** What a module reads at run time: a folder stands for the text files directly in it. */
async function filesBeside(root: string, path: string): Promise<string[]> {
  const source = await Deno.readTextFile(join(root, path));
  const found: string[] = [];
  for (const [, , target] of source.matchAll(BESIDE)) {
    const full = resolve(root, dirname(path), target!);
    const info = await Deno.stat(full).catch(() => undefined);
    if (!info) throw new Error(`Cannot package '${path}': it reads '${target}', which doesn't exist`);
    if (info.isFile) found.push(pathToFileURL(full).href);
    else {
      for await (const entry of Deno.readDir(full)) {
        if (entry.isFile) found.push(pathToFileURL(join(full, entry.name)).href);
      }
    }
  }
  return found;
}

/** The path below the root, with `/`. */
function within(root: string, url: string, allowed: readonly string[]): string {
  const path = relative(root, fileURLToPath(url)).split(sep).join("/");
  if (!allowed.some((folder) => path.startsWith(`${folder}/`))) {
    throw new Error(
      `Cannot package '${path}': what is deployed lies in ${allowed.join(", ")}, and may not use others`,
    );
  }
  return path;
}
