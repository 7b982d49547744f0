import { mappingJsonSchema, SDK_RESOLVERS } from "../../lib/mapping/mod.ts";
import { table } from "./table.ts";

/** The part of JSON Schema that the reference is made of. */
interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Every key of a mapping file, from its schema. */
export function mappingKeys(): string {
  const schema = mappingJsonSchema() as Schema;
  const column = schema.properties?.["columns"]?.additionalProperties as Schema;
  return [
    "Of the file:",
    keys(schema),
    "Of a column (`columns.NAME`):",
    keys(column),
    "Of a field (`fields.TARGET`):",
    keys(schema.$defs!["field"]!),
  ].join("\n\n");
}

/** Every resolver that comes with the connector, with its options. */
export function mappingResolvers(): string {
  const parts = [...SDK_RESOLVERS].map(([name, { gives, refuses, options }]) => {
    const rows = Object.entries(options.toJSONSchema({ io: "input" }).properties ?? {}).map(
      ([option, schema]) => [`\`${option}\``, typeOf(schema as Schema), (schema as Schema).description ?? ""],
    );
    const told = rows.length > 0 ? table(["option", "takes", "what it does"], rows) : "It has no options.";
    return [`### ${name}`, table(["gives", "refuses"], [[gives, refuses]]), told].join("\n\n");
  });
  return parts.join("\n\n");
}

function keys({ properties = {}, required = [] }: Schema): string {
  return table(
    ["key", "takes", "what it is"],
    Object.entries(properties).map(([key, schema]) => [
      `\`${key}\`${required.includes(key) ? " (needed)" : ""}`,
      typeOf(schema),
      schema.description ?? "",
    ]),
  );
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map(character).join(" ");
  if (schema.$ref?.endsWith("/json")) return "any JSON value";
  switch (schema.type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "array":
      return `list of ${typeOf(schema.items ?? {})}`;
    case "object":
      return "object";
    case undefined:
      return "text";
    default:
      return schema.type;
  }
}

/** A character that may not be seen where it stands. */
function character(text: string): string {
  const names: Readonly<Record<string, string>> = {
    " ": "space",
    "\u00a0": "no-break space (U+00A0)",
    "\u202f": "narrow no-break space (U+202F)",
  };
  return names[text] ?? `\`${text}\``;
}
