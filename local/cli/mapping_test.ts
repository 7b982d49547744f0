import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { ConfigError } from "../../lib/base/mod.ts";
import {
  loadMappingTests,
  type MappingTestReport,
  readMappingFile,
  runMappingTests,
} from "../../lib/mapping/mod.ts";
import { CUSTOM_RESOLVERS } from "../../workflows/custom_resolvers.ts";
import { EXIT } from "./exit_codes.ts";
import { typedPath } from "./option_values.ts";

export interface MappingTestOptions {
  /** Least coverage, in percent, of each file. */
  readonly minCoverage: number;
  readonly json?: boolean | undefined;
}

/** The mappings that come with the connector. */
const SHIPPED = resolve(import.meta.dirname!, "../../mappings");
const ENDING = ".test.json";

/** Runs mapping test files, with the project's custom resolvers: those named, or all in `mappings/`. */
export async function mappingTest(files: readonly string[], options: MappingTestOptions): Promise<number> {
  const paths = files.length > 0 ? files.map((file) => typedPath(file)) : await shippedTests();
  if (paths.length === 0) {
    throw new ConfigError(`Found no mapping tests: expected files *${ENDING} in ${SHIPPED}`);
  }
  const reports: (MappingTestReport & { file: string })[] = [];
  for (const path of paths) {
    const tests = loadMappingTests(await readFile(path, "utf8"), path);
    const mapping = await readMappingFile(join(dirname(path), tests.mapping));
    reports.push({
      file: relative(typedPath("."), path),
      ...await runMappingTests(mapping, tests, CUSTOM_RESOLVERS),
    });
  }
  const short = reports.filter(({ coverage }) => coverage.percent < options.minCoverage);
  console.log(
    options.json
      ? JSON.stringify(reports)
      : reports.map((report) => reportText(report, options.minCoverage)).join("\n\n"),
  );
  return reports.some(({ failed }) => failed > 0) || short.length > 0 ? EXIT.failed : EXIT.completed;
}

async function shippedTests(): Promise<string[]> {
  const names = await readdir(SHIPPED);
  return names.filter((name) => name.endsWith(ENDING)).sort().map((name) => join(SHIPPED, name));
}

function reportText(report: MappingTestReport & { file: string }, minCoverage: number): string {
  const { file, passed, failed, outcomes, coverage } = report;
  const share = (name: "fields" | "resolvers" | "outcomes") =>
    `${name} ${coverage[name].covered}/${coverage[name].total}`;
  const lines = [
    `${file}: ${passed} passed, ${failed} failed`,
    ...outcomes.flatMap(({ name, ok, why }) => ok ? [] : [`  FAILED ${name}`, `    ${why}`]),
    `  coverage ${coverage.percent.toFixed(1)} %: ${share("fields")}, ${share("resolvers")}, ${
      share("outcomes")
    }`,
  ];
  if (coverage.missing.length > 0) lines.push(`  not covered: ${coverage.missing.join(", ")}`);
  if (coverage.percent < minCoverage) {
    lines.push(`  FAILED: expected a coverage of at least ${minCoverage} %`);
  }
  return lines.join("\n");
}
