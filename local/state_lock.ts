import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { UsageError } from "./cli/usage_error.ts";

/** What the local platform keeps below a state folder. */
const KEPT = ["platform", "s3", "fluent"];

/**
 * Keeps two command lines from running their servers on one state folder. A lock whose process is gone is taken over.
 *
 * @returns what gives the lock up
 * @throws UsageError when a living process has it
 */
export function lockState(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true });
  const file = join(stateDir, "process.pid");
  const owner = ownerOf(file);
  if (owner !== undefined && owner !== process.pid && isAlive(owner)) {
    throw new UsageError(
      `The state folder '${stateDir}' is in use by process ${owner}: stop it, or name another folder with --state`,
    );
  }
  writeFileSync(file, String(process.pid));
  return () => {
    if (ownerOf(file) === process.pid) rmSync(file, { force: true });
  };
}

/** Forgets everything below a state folder that the local platform has put there, and nothing else. */
export function forgetState(stateDir: string): void {
  const unlock = lockState(stateDir);
  for (const name of KEPT) rmSync(join(stateDir, name), { recursive: true, force: true });
  unlock();
}

function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
