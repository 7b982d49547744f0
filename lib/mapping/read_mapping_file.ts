import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../base/mod.ts";
import { loadMapping, type MappingFile } from "./mapping_file.ts";

/** The folder of the mappings that come with the connector. */
const SHIPPED = new URL("../../mappings/", import.meta.url);

/**
 * Reads a mapping file: a bare name is one of `mappings/`, anything with a slash, backslash or ending is a path.
 *
 * @throws ConfigError when it cannot be read, or is wrong
 */
export async function readMappingFile(name: string): Promise<MappingFile> {
  const path = /^[A-Za-z0-9_-]+$/.test(name) ? fileURLToPath(new URL(`${name}.json`, SHIPPED)) : name;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error && error.code === "ENOENT"
      ? "there is no such file"
      : error;
    throw new ConfigError(`Cannot read the mapping '${name}': ${why}; set the variable 'mapping'`);
  }
  return loadMapping(text, name);
}
