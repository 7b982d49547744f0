import { mappingJsonSchema, mappingTestsJsonSchema } from "../../lib/mapping/mod.ts";
import { callers } from "./callers.ts";
import { mappingKeys, mappingResolvers } from "./mapping_reference.ts";

/** A section of a document that is made from code. */
export interface Section {
  /** Below the project's folder. */
  readonly file: string;
  readonly name: string;
  /** Its Markdown. */
  readonly render: () => string;
}

/** A file that is made from code, whole. */
export interface GeneratedFile {
  /** Below the project's folder. */
  readonly file: string;
  readonly render: () => string;
}

/** Every generated file there is. */
export const FILES: readonly GeneratedFile[] = [
  { file: "mappings/mapping.schema.json", render: () => json(mappingJsonSchema()) },
  { file: "mappings/mapping-test.schema.json", render: () => json(mappingTestsJsonSchema()) },
];

function json(schema: Record<string, unknown>): string {
  return JSON.stringify(schema, undefined, 2) + "\n";
}

/** Every generated section there is. */
export const SECTIONS: readonly Section[] = [
  { file: "docs/mapping.md", name: "mapping keys", render: mappingKeys },
  { file: "docs/mapping.md", name: "resolvers", render: mappingResolvers },
  { file: "docs/security.md", name: "callers", render: callers },
];
