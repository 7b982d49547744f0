import { z } from "zod";
import { ConfigError } from "../base/mod.ts";
import { checkMapping, forbiddenKey, isTarget, pointer, suggestion } from "./_check.ts";

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

const fieldSchema: z.ZodType<FieldConfig> = z.strictObject({
  source: z.string().min(1).optional()
    .describe("The column (or path in a record) to read, or $context.NAME for a value the run provides."),
  value: z.json().optional().describe("A constant, instead of a source."),
  resolver: z.string().regex(/^(sdk|custom)\.[A-Za-z][A-Za-z0-9]*$/, "expected sdk.NAME or custom.NAME")
    .optional()
    .describe("Converts the value; an error of the row when it cannot be converted without loss."),
  options: z.record(z.string(), z.json()).optional()
    .describe('Options of the resolver, such as { "min": 0 } or { "thousands": "," } of sdk.parseInt.'),
  required: z.boolean().optional()
    .describe("A row without a value is rejected. Judged after the resolver; blank is no value."),
  defaultValue: z.json().optional().describe("Taken as it is when there is no value."),
  get fields() {
    return z.record(target, fieldSchema).optional().describe("Fields of a nested object.");
  },
  isArray: z.boolean().optional()
    .describe("The source is a list: the resolver, or the nested fields, are applied to each element."),
}).describe("How one target field gets its value.");

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

/** The schema of mapping files for editors, as JSON Schema 2020-12. `mappings/mapping.schema.json` is its output. */
export function mappingJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(mappingFileSchema, { io: "input" });
}

/**
 * Checks the text of a mapping file.
 *
 * @param where what to call it in errors
 * @throws ConfigError saying where (JSON pointer), what was expected and what was found
 */
export function loadMapping(text: string, where: string): MappingFile {
  const fail = (problems: readonly string[]) =>
    new ConfigError(`Cannot read the mapping '${where}': ${problems.join("; ")}`);
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw fail([`expected JSON, found ${(error as Error).message}`]);
  }
  // Before the schema sees it: assigning such a key would change a prototype instead.
  const forbidden = forbiddenKey(json, "");
  if (forbidden !== undefined) throw fail([`at ${forbidden}: this name would reach a prototype`]);
  const result = mappingFileSchema.safeParse(json);
  if (!result.success) throw fail(result.error.issues.flatMap((issue) => describe(issue, json)));
  const problems = checkMapping(result.data);
  if (problems.length > 0) throw fail(problems.map(({ at, message }) => `at ${at}: ${message}`));
  return result.data;
}

const KEYS_OF = {
  column: Object.keys(columnSchema.shape),
  field: ["source", "value", "resolver", "options", "required", "defaultValue", "fields", "isArray"],
  file: Object.keys(mappingFileSchema.shape),
} as const;

function describe(issue: z.core.$ZodIssue, json: unknown): string[] {
  const at = "/" + issue.path.map((segment) => pointer(String(segment))).join("/");
  if (issue.code === "unrecognized_keys") {
    const known =
      KEYS_OF[issue.path.length === 0 ? "file" : issue.path[0] === "columns" ? "column" : "field"];
    return issue.keys.map((key) =>
      `at ${at}: expected one of ${known.join(", ")}, found '${key}'${suggestion(key, known)}`
    );
  }
  if (issue.code === "invalid_key") {
    return [`at ${at}: ${issue.issues.map(({ message }) => message).join("; ")}`];
  }
  let found: unknown = json;
  for (const segment of issue.path) found = (found as Record<PropertyKey, unknown> | undefined)?.[segment];
  const shown = found === undefined ? "nothing" : (JSON.stringify(found) ?? "").slice(0, 60);
  // zod names the type it found; the value itself says more.
  const expected = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
  return [`at ${at}: ${expected}, found ${shown}`];
}
