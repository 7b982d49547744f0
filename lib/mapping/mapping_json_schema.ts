import { z } from "zod";
import { CUSTOM_RESOLVER, FIELD_SCHEMA_ID, mappingFileSchema } from "./mapping_file.ts";
import { SDK_RESOLVERS } from "./resolvers.ts";

type JsonSchema = Record<string, unknown>;

/**
 * The schema of mapping files for editors, as JSON Schema 2020-12: what the code checks with, and beyond that every
 * resolver with what it does and the options it takes. `mappings/mapping.schema.json` is its output.
 */
export function mappingJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(mappingFileSchema, { io: "input" }) as JsonSchema & {
    $defs: Record<string, { properties: Record<string, JsonSchema>; allOf?: JsonSchema[] }>;
  };
  const field = schema.$defs[FIELD_SCHEMA_ID]!;
  field.properties["resolver"] = {
    description: field.properties["resolver"]?.["description"],
    anyOf: [
      ...[...SDK_RESOLVERS].map(([name, { gives, refuses }]) => ({
        const: name,
        description: `${gives} Refuses: ${refuses}`,
      })),
      { type: "string", pattern: CUSTOM_RESOLVER.source, description: "A resolver of one's own." },
    ],
  };
  field.allOf = [...SDK_RESOLVERS].map(([name, { options }]) => ({
    if: { properties: { resolver: { const: name } }, required: ["resolver"] },
    then: { properties: { options: optionsSchema(name, options) } },
  }));
  return schema;
}

function optionsSchema(resolver: string, options: z.ZodObject): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(options, { io: "input" });
  const takes = Object.keys(options.shape).length > 0 ? "Options of" : "There are no options of";
  return { description: `${takes} ${resolver}.`, ...schema };
}
