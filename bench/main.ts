/**
 * Benchmarks of the connector, each as a ratio within one run. `deno task bench [NAME …]`; without a name, all of them.
 * A benchmark is a file of this folder that exports `bench`; files that start with `_` are what they share.
 *
 * @module
 */
import { readdir } from "node:fs/promises";

const folder = new URL("./", import.meta.url);
const names = (await readdir(folder))
  .filter((file) => /^[a-z][a-z_]*\.ts$/.test(file) && file !== "main.ts")
  .map((file) => file.slice(0, -".ts".length))
  .sort();
const unknown = Deno.args.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`Expected ${names.join(" or ")}, found '${unknown}'`);
  Deno.exit(2);
}
for (const name of Deno.args.length > 0 ? Deno.args : names) {
  const { bench } = await import(new URL(`${name}.ts`, folder).href) as { bench: () => Promise<void> };
  await bench();
}
