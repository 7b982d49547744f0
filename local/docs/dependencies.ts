import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  closure,
  importGraph,
  lockedId,
  megabytes,
  npmCache,
  readConfig,
  readLock,
  splitId,
  weightOf,
} from "../package/mod.ts";
import { table } from "./table.ts";

/** Why each package is there. A package without a reason is a mistake. */
const WHY: Readonly<Record<string, string>> = {
  "@aws-sdk/client-s3": "S3: signing, multipart uploads, errors",
  "@opentelemetry/api": "spans and metrics, where the platform provides OpenTelemetry",
  "@opentelemetry/sdk-metrics": "reads the metrics in tests",
  "@opentelemetry/sdk-trace-base": "reads the spans in tests",
  "@smithy/signature-v4": "checks signatures in the local S3 server",
  "@types/cli-progress": "types",
  "@types/cors": "types",
  "@types/express": "types",
  "@versori/run": "the platform's SDK; on this machine local/versori_run stands in for it",
  "@types/d3-scale": "types",
  "@types/d3-shape": "types",
  "ajv": "checks answers against their own schemas, in tests",
  "axe-core": "checks the page's accessibility in a browser",
  "big-list-of-naughty-strings": "a public list of strings that break programs, as cells in tests",
  "d3-scale": "axes of the page's charts",
  "d3-shape": "lines and areas of the page's charts",
  "hono": "JSX to HTML on the server, escaped: the page",
  "playwright-core": "drives a browser in the page's tests",
  "cli-progress": "progress bars of the commands",
  "cli-table3": "tables of the commands",
  "commander": "options of the commands",
  "cors": "cross-origin answers of the local platform, as the SDK's",
  "croner": "cron expressions: feeds' schedules, and the local scheduler",
  "csv-parse": "quoted CSV cells",
  "csv-spectrum": "a public CSV test suite",
  "vscode-json-languageservice": "reads the mapping schema as editors do, in tests",
  "@zip.js/zip.js": "zip archives, read by range, checksums verified",
  "hash-wasm": "a SHA-256 that can be put away between two slices; Node's own cannot",
  "papaparse": "its test cases, run as data",
  "express": "the local platform's server, as the SDK's",
  "fast-check": "property tests",
  "fastest-levenshtein": '"did you mean" for headers',
  "fauxqs": "a second S3 server for the conformance tests",
  "picocolors": "colours of the local log",
  "ulid": "ids as the platform makes them",
  "undici": "HTTP connections to S3 that can be bounded and closed",
  "yaml": "versori.yaml",
  "zod": "checks everything that comes from outside",
};

const manifestSchema = z.object({
  license: z.union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)]).default(
    "not stated",
  ),
});

/** `docs/dependencies.md`: every package of deno.json with version, licence, reason and weight. */
export async function dependenciesPage(root: string): Promise<string> {
  const { imports } = await readConfig(join(root, "deno.json"));
  const lock = await readLock(
    join(root, "deno.lock"),
    Object.values(imports).map((target) => /^npm:((?:@[^/]+\/)?[^/]+)/.exec(target)?.[1]).filter((id) =>
      id !== undefined
    ),
  );
  const cache = await npmCache();
  const deployed = await importGraph(root, "workflows/index.ts", ["workflows", "lib"]);
  const uses = new Map(deployed.packages.map((used) => [used.name, used]));
  const rows: { deployed: string[][]; local: string[][] } = { deployed: [], local: [] };
  const ids = { deployed: [] as string[], local: [] as string[] };
  for (const [name, target] of Object.entries(imports).sort(([a], [b]) => a < b ? -1 : 1)) {
    // A part of a package that has an entry of its own.
    if (/^npm:(@[^/]+\/)?[^/]+\//.test(target)) continue;
    const why = WHY[name];
    if (why === undefined) throw new Error(`local/docs/dependencies.ts doesn't say why '${name}' is there`);
    const kind = uses.has(name) ? "deployed" : "local";
    const id = target.replace(/^(npm|jsr):/, "");
    if (!target.startsWith("npm:")) {
      rows[kind].push([name, id.split("@").at(-1)!, "the platform's", "-", "-", why]);
      continue;
    }
    const { version } = splitId(id);
    if (name.startsWith("@types/")) {
      // Nothing of them runs, and what they need in turn goes by the Deno that checks.
      rows[kind].push([name, version, await licenceOf(cache, name, version), "-", "-", why]);
      continue;
    }
    const locked = lockedId(lock, name, version);
    if (locked === undefined) {
      throw new Error(`deno.lock doesn't have '${id}'; run the tests, then this again`);
    }
    ids[kind].push(locked);
    const parts = closure(lock, [locked]);
    const weight = await weightOf(cache, parts);
    rows[kind].push([
      name,
      version,
      await licenceOf(cache, name, version),
      String(parts.length),
      weight === undefined ? "?" : megabytes(weight),
      why,
    ]);
  }
  const unknown = Object.keys(WHY).filter((name) => !(name in imports));
  if (unknown.length > 0) {
    throw new Error(`local/docs/dependencies.ts names '${unknown.join("', '")}', which is gone`);
  }
  const licences = await licencesOf(cache, closure(lock, [...ids.deployed, ...ids.local]));
  const head = ["package", "version", "licence", "packages with it", "bytes with them", "why"];
  const all = closure(lock, ids.deployed);
  const total = await weightOf(cache, all);
  return `# Dependencies

Made by \`deno task docs\` from deno.json, deno.lock and the packages themselves.

## Deployed

${table(head, rows.deployed)}

Together, each counted once: ${all.length} packages, ${total === undefined ? "?" : megabytes(total)}.

## On one's own machine only

${table(head, rows.local)}

## Licences of everything, dependencies of dependencies included

${table(["licence", "packages"], licences)}
`;
}

async function licenceOf(cache: string, name: string, version: string): Promise<string> {
  const file = join(cache, "registry.npmjs.org", name, version, "package.json");
  return manifestSchema.parse(JSON.parse(await readFile(file, "utf8"))).license;
}

async function licencesOf(cache: string, ids: readonly string[]): Promise<string[][]> {
  const counts = new Map<string, number>();
  for (const id of ids) {
    const { name, version } = splitId(id);
    const licence = await licenceOf(cache, name, version);
    counts.set(licence, (counts.get(licence) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([licence, count]) => [licence, String(count)]);
}
