import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { megabytes, PackageError, writePackage, type WrittenPackage } from "../package/mod.ts";
import { EXIT } from "./exit_codes.ts";
import { UsageError } from "./usage_error.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Writes the folder that is deployed, and says what is in it and what to do with it. */
export async function packageCommand(options: { readonly out: string }): Promise<number> {
  const written = await writePackage(ROOT, options.out).catch((error) => {
    if (error instanceof PackageError) throw new UsageError(error.message);
    throw error;
  });
  console.log(describe(written, relative(process.cwd(), options.out) || "."));
  return EXIT.completed;
}

function describe(written: WrittenPackage, out: string): string {
  const table = new Table({
    head: ["package", "version", "with all it needs", "loaded"],
    style: { head: [], border: [] },
  });
  for (const { name, version, weight, lazy, typesOnly } of written.packages) {
    const loaded = typesOnly ? "types only" : lazy ? "when used" : "at the start";
    table.push([name, version, weight === undefined ? "not on this machine" : megabytes(weight), loaded]);
  }
  const total = written.totalWeight === undefined ? "unknown" : megabytes(written.totalWeight);
  return `Wrote ${written.files.length} files, ${megabytes(written.bytes)}, into ${out}

${table.toString()}
All packages together, each counted once: ${written.totalParts} packages, ${total}; beside them the platform's own SDK.

Next, with the Versori CLI (deno task setup lists what the project needs before its first deployment):
  versori projects deploy --project "$VERSORI_PROJECT" --directory ${out} --environment "$VERSORI_ENVIRONMENT"`;
}
