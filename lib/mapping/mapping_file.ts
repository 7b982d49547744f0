import { z } from "zod";
import { ConfigError, messageOf } from "../base/mod.ts";
import { checkMapping, forbiddenKey, isTarget } from "./_check.ts";
import { entityProblems } from "./_entity.ts";
import { type MappingProblem, problemsOf, toldProblems } from "./_problems.ts";

/** A target path: names joined by dots. */
const target = z.string().min(1).refine(
  isTarget,
  "expected names joined by dots, none of them __proto__, constructor or prototype",
);

/** How one target field gets its value. */
export interface FieldConfig {
  readonly source?: string | undefined;
  readonly value?: unknown;
  readonly resolver?: string | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  readonly required?: boolean | undefined;
  readonly defaultValue?: unknown;
  readonly fields?: Readonly<Record<string, FieldConfig>> | undefined;
  readonly isArray?: boolean | undefined;
}

/** The names resolvers of one's own may have. */
export const CUSTOM_RESOLVER = /^custom\.[A-Za-z][A-Za-z0-9]*$/;
/** What the JSON Schema calls the schema of a field. */
export const FIELD_SCHEMA_ID = "field";

const json = z.json().meta({ id: "json" });

const fieldSchema: z.ZodType<FieldConfig> = z.strictObject({
  source: z.string().min(1).optional()
    .describe("The column to read (or path in a record), or $context.NAME for a value the run provides."),
  value: json.optional().describe("A constant, instead of a source."),
  resolver: z.string().regex(/^(sdk|custom)\.[A-Za-z][A-Za-z0-9]*$/, "expected sdk.NAME or custom.NAME")
    .optional()
    .describe("Converts the value. What it cannot convert without loss is an error of the row."),
  options: z.record(z.string(), json).optional()
    .describe('Options of the resolver, such as { "min": 0 } or { "thousands": "," } of sdk.parseInt.'),
  required: z.boolean().optional()
    .describe("Whether a row without a value is rejected. Judged after the resolver; blank is no value."),
  defaultValue: json.optional().describe("What a row without a value gets, as it is."),
  get fields() {
    return z.record(target, fieldSchema).optional().describe(
      "Fields of a nested object, instead of a resolver.",
    );
  },
  isArray: z.boolean().optional().describe(
    "Whether the source is a list: the resolver, or the nested fields, are applied to each element. Not for rows of files.",
  ),
}).meta({ id: FIELD_SCHEMA_ID, description: "How one target field gets its value." });

const columnSchema = z.strictObject({
  aliases: z.array(z.string().min(1)).optional().describe("Other names this column goes by in headers."),
  required: z.boolean().optional()
    .describe("Whether a file without this column is held. By default so when a required field reads it."),
}).describe("A column a file may have.");

/** A mapping file: which columns a file must have, and how a row becomes an entity. */
export const mappingFileSchema = z.strictObject({
  $schema: z.string().optional().describe("Where editors find this schema."),
  name: z.string().min(1).describe("The mapping's name in jobs and reports."),
  version: z.string().min(1).describe("Changes whenever the mapping does."),
  description: z.string().optional().describe("For people."),
  entityType: z.literal("INVENTORY").describe("What Fluent calls the entities."),
  key: z.array(target).min(1)
    .describe("Target fields that name a position: of rows with the same key only the last is sent."),
  columns: z.record(z.string().min(1), columnSchema).optional()
    .describe(
      "The columns a file may have, by the name the fields' sources use. Without it: those they use.",
    ),
  fields: z.record(target, fieldSchema).describe("Target field, or dotted path, to how it gets its value."),
}).describe("Maps the rows of CSV files to Fluent entities.");
export type MappingFile = z.output<typeof mappingFileSchema>;

/**
 * Checks the text of a mapping file.
 *
 * @param where what to call it in errors
 * @throws ConfigError saying where (JSON pointer), what was expected and what was found
 */
export function loadMapping(text: string, where: string): MappingFile {
  const fail = (problem: string) => new ConfigError(`Cannot read the mapping '${where}': ${problem}`);
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw fail(`expected JSON, found ${messageOf(error)}`);
  }
  // Before the schema sees it: assigning such a key would change a prototype instead.
  const forbidden = forbiddenKey(json, "");
  if (forbidden !== undefined) throw fail(`at ${forbidden}: this name would reach a prototype`);
  const result = mappingFileSchema.safeParse(json);
  if (!result.success) throw fail(toldProblems(problemsOf(result.error, json, keysAt)));
  const problems = [...checkMapping(result.data), ...entityProblems(result.data)];
  if (problems.length > 0) throw fail(toldProblems(problems));
  return result.data;
}

/** The part of a mapping file that a mapper uses. */
const mappingSchema = z.object({
  fields: mappingFileSchema.shape.fields,
  key: mappingFileSchema.shape.key.optional(),
  columns: mappingFileSchema.shape.columns,
});

/** What is wrong with the shape of a mapping that was not read from a file. */
export function mappingProblems(mapping: unknown): MappingProblem[] {
  const result = mappingSchema.safeParse(mapping);
  return result.success ? [] : problemsOf(result.error, mapping, keysAt);
}

const FIELD_KEYS = [
  "source",
  "value",
  "resolver",
  "options",
  "required",
  "defaultValue",
  "fields",
  "isArray",
];

/** The keys of the object at a path of a mapping file. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(mappingFileSchema.shape);
  return path[0] === "columns" ? Object.keys(columnSchema.shape) : FIELD_KEYS;
}
