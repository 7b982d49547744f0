import { leavesOf } from "./_check.ts";
import { type MappingProblem, pointer, suggestion } from "./_problems.ts";
import type { FieldConfig, MappingFile } from "./mapping_file.ts";
import { shown } from "./refusal.ts";

/** What a field of an entity takes. */
type Kind = "text" | "whole number" | "anything";

/**
 * The fields of an inventory entity that are known. Source: Fluent's "Submit Inventory Batches" and its attributes page;
 * the whole table isn't published, so other fields are let through.
 */
const FIELDS: Readonly<Record<string, Kind>> = {
  locationRef: "text",
  skuRef: "text",
  qty: "whole number",
  correctedQty: "whole number",
  retailerId: "anything",
  type: "text",
  status: "text",
  attributes: "anything",
};
const NEEDED = ["locationRef", "skuRef", "qty"];
/** Attributes that Fluent keeps by itself. Source: "Submit Inventory Batches With Attributes". */
const ATTRIBUTES = [
  "associationType",
  "associationRef",
  "parentRef",
  "expectedOn",
  "expiresOn",
  "condition",
  "storageAreaRef",
  "supplier",
  "manufacturer",
  "manufacturerBatchNumber",
  "countryOfOrigin",
  "channel",
  "segment1",
  "segment2",
  "segment3",
];
/** Resolvers that give something else than the text of the cell. */
const GIVES_NO_TEXT = ["sdk.parseInt", "sdk.parseFloat", "sdk.number", "sdk.boolean", "sdk.parseJson"];

/** What is wrong with a mapping of rows as a mapping to inventory entities. */
export function entityProblems(mapping: MappingFile): MappingProblem[] {
  const problems: MappingProblem[] = [];
  flatProblems(mapping.fields, "/fields", problems);
  const leaves = leavesOf(mapping.fields);
  const missing = NEEDED.filter((name) => !leaves.has(name));
  if (missing.length > 0) {
    const unknown = [...leaves.keys()].filter((name) => !Object.hasOwn(FIELDS, name));
    const meant = missing.map((name) => suggestion(name, unknown)).find((text) => text !== "") ?? "";
    const names = missing.map((name) => `'${name}'`).join(" and ");
    problems.push({
      at: "/fields",
      message: `expected ${names}, without which nothing is an inventory entity, found none${meant}`,
    });
  }
  for (const [name, { field, at }] of leaves) {
    const kind = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (kind === undefined) {
      if (ATTRIBUTES.includes(name)) {
        const message = `Fluent keeps '${name}' in attributes; did you mean 'attributes.${name}'?`;
        problems.push({ at, message });
      }
      continue;
    }
    problems.push(...kindProblems(name, kind, field, at));
  }
  return problems;
}

function kindProblems(name: string, kind: Kind, field: FieldConfig, at: string): MappingProblem[] {
  const problems: MappingProblem[] = [];
  const { resolver } = field;
  const isCustom = resolver?.startsWith("custom.") ?? false;
  const isConstant = field.value !== undefined && resolver === undefined;
  if (kind === "whole number" && !isCustom && !isConstant && resolver !== "sdk.parseInt") {
    const message =
      `expected sdk.parseInt, or a resolver of one's own, as '${name}' is a whole number, found ` +
      shown(resolver);
    problems.push({ at: `${at}/resolver`, message });
  }
  if (kind === "text" && resolver !== undefined && GIVES_NO_TEXT.includes(resolver)) {
    const message = `expected a resolver that gives text, as '${name}' is text, found '${resolver}'`;
    problems.push({ at: `${at}/resolver`, message });
  }
  for (const key of ["value", "defaultValue"] as const) {
    const given = field[key];
    // What a resolver makes of a value is the resolver's to judge.
    if (given === undefined || (key === "value" && resolver !== undefined)) continue;
    const fits = kind === "anything" ||
      (kind === "text" ? typeof given === "string" : Number.isSafeInteger(given));
    if (!fits) {
      problems.push({
        at: `${at}/${key}`,
        message: `expected ${kind === "text" ? "text" : `a ${kind}`}, found ${shown(given)}`,
      });
    }
  }
  return problems;
}

/** Rows of cells have neither lists nor objects in them. */
function flatProblems(
  fields: Readonly<Record<string, FieldConfig>>,
  at: string,
  problems: MappingProblem[],
): void {
  for (const [name, field] of Object.entries(fields)) {
    const here = `${at}/${pointer(name)}`;
    if (field.isArray) {
      problems.push({
        at: `${here}/isArray`,
        message: "expected one value, as rows have no lists, found a list",
      });
    } else if (field.fields && field.source !== undefined) {
      problems.push({
        at: `${here}/source`,
        message: "expected none, as rows hold no objects, found a source",
      });
    }
    if (field.fields) flatProblems(field.fields, `${here}/fields`, problems);
  }
}
