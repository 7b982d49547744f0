import { resolve } from "node:path";
import process from "node:process";
import { settingsSchema } from "../../lib/config/mod.ts";
import { UsageError } from "./usage_error.ts";

/** @throws UsageError */
export function toPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--port: expected a number from 0 to 65535, found '${text}'`);
}

/** Processes of a command line at most: more than any machine it is meant for has use for. */
const MOST_WORKERS = 64;

/** @throws UsageError */
export function toWorkers(text: string): number {
  const workers = Number(text);
  if (/^\d+$/.test(text) && workers >= 1 && workers <= MOST_WORKERS) return workers;
  throw new UsageError(`--workers: expected a number from 1 to ${MOST_WORKERS}, found '${text}'`);
}

/** Makes a parser for an option whose value is a base URL. The value is not repeated: it may hold a password. */
export function toUrl(option: string): (text: string) => string {
  return (text) => {
    const url = URL.parse(text);
    if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return text;
    throw new UsageError(
      `${option}: expected a URL such as https://store.example.com, without user or password`,
    );
  };
}

/** @throws UsageError */
export function toDelimiter(text: string): string {
  if (text === "tab" || text === "\\t") return "\t";
  // deno-lint-ignore no-control-regex -- one ASCII character is what the reader takes
  if (text === "auto" || /^[\x00-\x7f]$/.test(text)) return text;
  throw new UsageError(`--delimiter: expected one ASCII character, or tab, found '${text}'`);
}

/** @throws UsageError */
export function toEncoding(text: string): string {
  if (text === "auto") return text;
  try {
    return new TextDecoder(text).encoding;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(
      `--encoding: expected a label of the WHATWG Encoding Standard such as windows-1252, found '${text}'`,
    );
  }
}

/** @throws UsageError */
export function toRejectLimit(text: string): string {
  if (settingsSchema.shape.rejectLimit.safeParse(text).success) return text;
  throw new UsageError(
    `--reject-limit: expected a percentage such as 5% or a count such as 100, found '${text}'`,
  );
}

/** Makes a parser for an option whose value is a percentage. */
export function toPercent(option: string): (text: string) => number {
  return (text) => {
    const percent = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && percent <= 100) return percent;
    throw new UsageError(`${option}: expected a number from 0 to 100, found '${text}'`);
  };
}

/** The project's folder, in which `deno task` runs its commands. */
const PROJECT = resolve(import.meta.dirname!, "../..");

/**
 * A path as it was meant: from the folder in which it was typed. `deno task` changes to the project's folder first and
 * leaves that one in `INIT_CWD` (its documentation, "Specifying the current working directory").
 */
export function typedPath(
  path: string,
  from: { readonly cwd: string; readonly initCwd: string | undefined } = {
    cwd: process.cwd(),
    initCwd: process.env["INIT_CWD"],
  },
): string {
  return resolve(from.cwd === PROJECT ? from.initCwd ?? from.cwd : from.cwd, path);
}
