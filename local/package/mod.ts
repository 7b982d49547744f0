/**
 * Makes the folder that is deployed: what the entry reaches, with exact versions of what it imports.
 *
 * @module
 */
export { type ImportedPackage, type ImportGraph, importGraph } from "./import_graph.ts";
export {
  packageJson,
  pin,
  type PinnedPackage,
  PLATFORM_DENO,
  type ProjectConfig,
  readConfig,
} from "./project_files.ts";
export { closure, type Lock, lockedId, megabytes, npmCache, readLock, splitId, weightOf } from "./weight.ts";
export { PackageError, writePackage, type WrittenPackage } from "./write_package.ts";
