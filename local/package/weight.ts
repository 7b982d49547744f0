import { basename, dirname, join } from "node:path";
import { z } from "zod";

/** What one package brings onto the machine: itself and all it depends on. */
export interface Weight {
  readonly bytes: number;
  /** `name@version` of everything it consists of. */
  readonly parts: readonly string[];
}

const lockSchema = z.object({
  specifiers: z.record(z.string(), z.string()).default({}),
  npm: z.record(
    z.string(),
    z.object({
      integrity: z.string().optional(),
      dependencies: z.array(z.string()).default([]),
      optionalDependencies: z.array(z.string()).default([]),
    }),
  ).default({}),
});
/** The part of `deno.lock` that is read here. */
export type Lock = z.output<typeof lockSchema>;

/**
 * The lock file as it was committed, unless what is on disk has one of `wanted` (npm specifiers, `name@1.2.3`) that was
 * not committed. Deno rewrites the file for the needs of whatever command ran last, so that it may lack what others
 * need, and two Denos name peers differently.
 */
export async function readLock(file: string, wanted: readonly string[]): Promise<Lock> {
  const { success, stdout } = await new Deno.Command("git", {
    // The checkout may belong to someone else, as in a container.
    args: ["-c", "safe.directory=*", "show", `HEAD:./${basename(file)}`],
    cwd: dirname(file),
    stderr: "null",
  }).output().catch(() => NO_GIT);
  const onDisk = lockSchema.parse(JSON.parse(await Deno.readTextFile(file)));
  if (!success) return onDisk;
  const committed = lockSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  const isNew = (specifier: string) => specifier in onDisk.specifiers && !(specifier in committed.specifiers);
  return wanted.some((name) => isNew(`npm:${name}`)) ? onDisk : committed;
}

/** A machine without git, or a folder that is no checkout: the file is all there is. */
const NO_GIT = { success: false, stdout: new Uint8Array() };

/** Splits `@scope/name@1.2.3_peer@4.5.6` into name and version. */
export function splitId(id: string): { name: string; version: string } {
  const found = /^((?:@[^/]+\/)?[^@]+)@([^_]+)/.exec(id);
  if (!found) throw new Error(`Cannot read '${id}' in deno.lock: expected NAME@VERSION`);
  return { name: found[1]!, version: found[2]! };
}

/** The lock file's own id of a package, which names its peers too; undefined when it is not in there. */
export function lockedId(lock: Lock, name: string, version: string): string | undefined {
  const resolved = lock.specifiers[`npm:${name}@${version}`] ?? version;
  const id = `${name}@${resolved}`;
  return id in lock.npm ? id : undefined;
}

/** Everything the named packages (the lock file's ids) consist of, themselves included, sorted. */
export function closure(lock: Lock, ids: readonly string[]): string[] {
  const byName = new Map<string, string[]>();
  for (const id of Object.keys(lock.npm)) {
    const { name } = splitId(id);
    byName.set(name, [...byName.get(name) ?? [], id]);
  }
  const seen = new Set<string>();
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const entry = lock.npm[id];
    if (!entry) throw new Error(`Cannot weigh '${id}': deno.lock doesn't have it`);
    if (seen.has(id)) continue;
    seen.add(id);
    for (const needed of [...entry.dependencies, ...entry.optionalDependencies]) {
      // A name alone where there is one version of it, else NAME@VERSION.
      const known = byName.get(needed);
      waiting.push(known?.length === 1 ? known[0]! : needed);
    }
  }
  return [...seen].sort();
}

/** Bytes of a package's files in Deno's cache; undefined when it is not there. */
export async function bytesInCache(cache: string, id: string): Promise<number | undefined> {
  const { name, version } = splitId(id);
  return await bytesOf(join(cache, "registry.npmjs.org", name, version));
}

/** Bytes of all these packages; undefined when one of them is not in the cache. */
export async function weightOf(cache: string, ids: readonly string[]): Promise<number | undefined> {
  let sum = 0;
  for (const id of ids) {
    const bytes = await bytesInCache(cache, id);
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

/** Where Deno keeps npm packages on this machine. */
export async function npmCache(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return z.object({ npmCache: z.string() }).parse(JSON.parse(new TextDecoder().decode(stdout))).npmCache;
}

async function bytesOf(folder: string): Promise<number | undefined> {
  try {
    let bytes = 0;
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) bytes += await bytesOf(path) ?? 0;
      // Marks of Deno's own, not of the package.
      else if (entry.isFile && !/^\.(initialized|deno_.*)$/.test(entry.name)) {
        bytes += (await Deno.stat(path)).size;
      }
    }
    return bytes;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** `12.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
}
