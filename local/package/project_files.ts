import { z } from "zod";
import type { ImportedPackage } from "./import_graph.ts";

/** The Deno version the platform's image has (versori-platform, section 2.1). */
export const PLATFORM_DENO = "2.3.7";

/** A dependency with its exact version. */
export interface PinnedPackage extends ImportedPackage {
  /** The package it stands for: an import map may give it another name. */
  readonly target: string;
  readonly version: string;
}

const configSchema = z.object({
  version: z.string(),
  imports: z.record(z.string(), z.string()),
});
/** The part of `deno.json` that is packaged. */
export type ProjectConfig = z.output<typeof configSchema>;

export async function readConfig(file: string): Promise<ProjectConfig> {
  return configSchema.parse(JSON.parse(await Deno.readTextFile(file)));
}

/**
 * The exact versions of the packages, from the import map. The image is built without a lock file, so nothing but an
 * exact version keeps today's and tomorrow's build the same.
 *
 * @throws Error when a package is not in the import map, or has no version
 */
export function pin(packages: readonly ImportedPackage[], config: ProjectConfig): PinnedPackage[] {
  return packages.map((used) => {
    const mapped = config.imports[used.name];
    if (mapped === undefined) {
      throw new Error(`Cannot package '${used.name}': deno.json's imports don't name it`);
    }
    // `@versori/run` is published with a range only in the platform's own examples; its lowest version is the one
    // this project was written for.
    const found = /^(?:npm|jsr):\/?((?:@[^/@]+\/)?[^@/]+)@[\^~]?(\d+\.\d+\.\d+[\w.+-]*)$/.exec(mapped);
    if (!found) throw new Error(`Cannot package '${used.name}': expected a version in '${mapped}'`);
    return { ...used, target: found[1]!, version: found[2]! };
  });
}

/** `package.json` as the platform installs it. */
export function packageJson(packages: readonly PinnedPackage[], config: ProjectConfig): string {
  const dependencies = Object.fromEntries(
    packages.map((
      { name, target, version },
    ) => [name, name === target ? version : `npm:${target}@${version}`]),
  );
  return json({
    name: "fluent-inventory-connector",
    version: config.version,
    private: true,
    type: "module",
    dependencies,
  });
}

/** For editors and for the platform's `deno check`; nothing is built from it. */
export function tsconfigJson(): string {
  return json({
    compilerOptions: {
      module: "ES2022",
      target: "ES2024",
      moduleResolution: "node",
      outDir: "dist",
      allowImportingTsExtensions: true,
      noEmit: true,
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
    },
    include: ["src"],
  });
}

/** The one file that decides what the Versori CLI uploads (versori-platform, section 3.3): everything it doesn't name. */
export const GITIGNORE = `# What the Versori CLI must not upload; it reads no other ignore file.
node_modules/
dist/
.env
.env.*
*.env
.git/
.gitignore
.versori
versori-research/
.vscode/
.cursor/
.claude/
deno.lock
package-lock.json
*.log
.DS_Store
`;

/** The entry the platform starts. */
export const INDEX = `// The platform starts this file: it registers every workflow and serves.
import { main } from "./workflows/index.ts";

await main();
`;

function json(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}
