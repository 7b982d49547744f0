import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { importGraph } from "./import_graph.ts";
import {
  GITIGNORE,
  INDEX,
  packageJson,
  pin,
  type PinnedPackage,
  readConfig,
  tsconfigJson,
} from "./project_files.ts";
import { closure, lockedId, npmCache, readLock, weightOf } from "./weight.ts";

/** What deployed code may lie in. */
const DEPLOYED = ["workflows", "lib"] as const;
/** Says that a folder was written here, so that another one is never cleared. */
const MARK = "package.json";
const NAME = "fluent-inventory-connector";

/** A packaged connector. */
export interface WrittenPackage {
  /** Paths below the folder, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly packages: readonly (PinnedPackage & WeighedPackage)[];
  /** Bytes of all packages on disk, each counted once; undefined when one of them is not on this machine. */
  readonly totalWeight: number | undefined;
  /** Number of packages, with all they depend on. */
  readonly totalParts: number;
}

interface WeighedPackage {
  /** Bytes of the package with all it depends on; undefined where it isn't on this machine, as the platform's SDK isn't. */
  readonly weight: number | undefined;
}

/** Something else is where the package is to be written. */
export class PackageError extends Error {
  override name = "PackageError";
}

/**
 * Writes what is deployed into a folder: exactly the modules that `workflows/index.ts` reaches, below `src/`, and the
 * project files. An earlier package there is replaced.
 *
 * @param root the project's folder
 * @throws PackageError when the folder holds something else, or a file that is not UTF-8 text
 */
export async function writePackage(root: string, out: string): Promise<WrittenPackage> {
  const graph = await importGraph(root, "workflows/index.ts", DEPLOYED);
  const config = await readConfig(join(root, "deno.json"));
  const packages = pin(graph.packages, config);
  const contents = new Map<string, string>([
    ["package.json", packageJson(packages, config)],
    ["tsconfig.json", tsconfigJson()],
    [".gitignore", GITIGNORE],
    ["src/index.ts", INDEX],
  ]);
  for (const file of graph.files) contents.set(`src/${file}`, await readText(join(root, file)));
  await clear(out);
  let bytes = 0;
  for (const [file, text] of contents) {
    const path = join(out, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    bytes += new TextEncoder().encode(text).length;
  }
  return { files: [...contents.keys()].sort(), bytes, ...await weigh(root, packages) };
}

/** The upload is JSON: bytes that are no text would arrive damaged. */
async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new PackageError(`Cannot package '${path}': expected UTF-8 text`);
  }
}

/** Removes an earlier package; refuses a folder that holds anything else. */
async function clear(out: string): Promise<void> {
  const names = await readdir(out).catch(() => undefined);
  if (names === undefined || names.length === 0) return;
  const mark = await readFile(join(out, MARK), "utf8").catch(() => "");
  if (
    !mark.includes(`"name": "${NAME}"`) || await stat(join(out, "deno.json")).then(() => true, () => false)
  ) {
    throw new PackageError(
      `Cannot write the package into '${out}': it holds something else; name another folder`,
    );
  }
  await rm(out, { recursive: true });
}

async function weigh(root: string, packages: readonly PinnedPackage[]) {
  const lock = await readLock(
    join(root, "deno.lock"),
    packages.map(({ target, version }) => `${target}@${version}`),
  );
  const cache = await npmCache();
  const idOf = ({ target, version }: PinnedPackage) => lockedId(lock, target, version);
  const all = closure(lock, packages.map(idOf).filter((id) => id !== undefined));
  const weighed = [];
  for (const used of packages) {
    const id = idOf(used);
    weighed.push({
      ...used,
      weight: id === undefined ? undefined : await weightOf(cache, closure(lock, [id])),
    });
  }
  return { packages: weighed, totalWeight: await weightOf(cache, all), totalParts: all.length };
}
