import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { ConfigError, messageOf } from "../base/mod.ts";
import { resolveHeader } from "./header.ts";
import type { MappingFile } from "./mapping_file.ts";
import { Coverage, type CoverageReport } from "./_coverage.ts";
import { problemsOf, toldProblems } from "./_problems.ts";
import { type CustomResolvers } from "./resolvers.ts";
import { UniversalMapper } from "./universal_mapper.ts";

const rowSchema = z.record(z.string(), z.string())
  .describe(
    "Header cell to cell, as they would stand in a file: names or aliases of columns, cells as text.",
  );

const errorSchema = z.strictObject({
  field: z.string().describe("The target field."),
  code: z.string().describe("The error's code, such as not-a-whole-number."),
  message: z.string().optional().describe("Its whole message, when that matters."),
}).describe("An error the row must have.");

const testSchema = z.strictObject({
  name: z.string().min(1).describe("A sentence about what must be so."),
  row: rowSchema,
  entity: z.record(z.string(), z.json()).optional().describe("The entity the row must give, whole."),
  errors: z.array(errorSchema).min(1).optional()
    .describe("The errors the row must be rejected with, all of them, in order of the mapping's fields."),
  held: z.string().min(1).optional()
    .describe("The code a file with this header must be held with, such as header-missing."),
}).refine(
  ({ entity, errors, held }) =>
    [entity, errors, held].filter((expected) => expected !== undefined).length === 1,
  "expected one of entity, errors and held",
).describe("One row, and what must become of it.");

/** A mapping test file: rows in, entities or errors out. */
export const mappingTestsSchema = z.strictObject({
  $schema: z.string().optional().describe("Where editors find this schema."),
  mapping: z.string().min(1).describe("The mapping that is tested: a file beside this one."),
  context: z.record(z.string(), z.json()).optional().describe("Values of $context.NAME sources."),
  tests: z.array(testSchema).min(1).describe("What must be so."),
}).describe("Tests of a mapping, as data.");
export type MappingTests = z.output<typeof mappingTestsSchema>;
type MappingTest = MappingTests["tests"][number];

/** The schema of mapping test files for editors, as JSON Schema 2020-12. `mappings/mapping-test.schema.json` is its output. */
export function mappingTestsJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(mappingTestsSchema, { io: "input" });
}

/** What became of one test. */
export interface MappingTestOutcome {
  readonly name: string;
  readonly ok: boolean;
  /** What was wanted and what came instead. */
  readonly why?: string;
}

/** What became of all tests of one mapping, and what of it they touch. */
export interface MappingTestReport {
  readonly passed: number;
  readonly failed: number;
  readonly outcomes: readonly MappingTestOutcome[];
  readonly coverage: CoverageReport;
}

/**
 * Checks the text of a mapping test file.
 *
 * @param where what to call it in errors
 * @throws ConfigError saying where, what was expected and what was found
 */
export function loadMappingTests(text: string, where: string): MappingTests {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new ConfigError(
      `Cannot read the mapping tests '${where}': expected JSON, found ${messageOf(error)}`,
    );
  }
  const result = mappingTestsSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = toldProblems(problemsOf(result.error, json, keysAt));
  throw new ConfigError(`Cannot read the mapping tests '${where}': ${problems}`);
}

/** The keys of the object at a path of a test file. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(mappingTestsSchema.shape);
  return Object.keys(path.includes("errors") ? errorSchema.shape : testSchema.shape);
}

/**
 * Runs tests as the flow would map their rows. Only tests that pass count as coverage.
 *
 * @throws ConfigError when the mapping cannot be used at all
 */
export async function runMappingTests(
  mapping: MappingFile,
  tests: MappingTests,
  customResolvers?: CustomResolvers,
): Promise<MappingTestReport> {
  const mapper = new UniversalMapper(mapping, {
    context: tests.context ?? {},
    ...(customResolvers ? { customResolvers } : {}),
  });
  const coverage = new Coverage(mapping);
  const outcomes: MappingTestOutcome[] = [];
  for (const test of tests.tests) {
    const why = await failureOf(mapping, mapper, test, coverage);
    outcomes.push(why === undefined ? { name: test.name, ok: true } : { name: test.name, ok: false, why });
  }
  const failed = outcomes.filter(({ ok }) => !ok).length;
  return { passed: outcomes.length - failed, failed, outcomes, coverage: coverage.report() };
}

async function failureOf(
  mapping: MappingFile,
  mapper: UniversalMapper,
  test: MappingTest,
  coverage: Coverage,
): Promise<string | undefined> {
  const header = resolveHeader(mapping, Object.keys(test.row));
  if (test.held !== undefined || header.problem) {
    return header.problem?.code === test.held ? undefined : differs(
      test.held === undefined ? "a header that can be read" : `a file held with ${test.held}`,
      header.problem ? `${header.problem.code} (${header.problem.message})` : "a header that can be read",
    );
  }
  // As the flow names columns the mapping doesn't know.
  const columns = header.columns.map((column, i) => column ?? `\u0000${i}`);
  const cells = Object.values(test.row);
  const row = mapper.compileRow(columns);
  const mapped = row.later ? (await row.later.map(cells)).mapped : row.map(cells);
  if (!mapped.ok) {
    const found = mapped.errors.map(({ field, code, message }) => ({ field, code, message }));
    const wanted = test.errors ?? [];
    const same = wanted.length === found.length &&
      wanted.every(({ field, code, message }, i) =>
        found[i]!.field === field && found[i]!.code === code &&
        (message === undefined || found[i]!.message === message)
      );
    if (!same) return differs(expectedOf(test), `errors ${JSON.stringify(found)}`);
    coverage.rejected(columns, cells, mapped.errors);
    return undefined;
  }
  // As it would be sent: what JSON leaves out is not there.
  const entity: unknown = JSON.parse(JSON.stringify(mapped.entity));
  if (test.entity === undefined || !isDeepStrictEqual(entity, test.entity)) {
    return differs(expectedOf(test), `the entity ${JSON.stringify(entity)}`);
  }
  coverage.mapped(columns, cells, mapped.entity);
  return undefined;
}

function expectedOf({ entity, errors }: MappingTest): string {
  return entity ? `the entity ${JSON.stringify(entity)}` : `errors ${JSON.stringify(errors)}`;
}

function differs(wanted: string, found: string): string {
  return `expected ${wanted}, found ${found}`;
}
