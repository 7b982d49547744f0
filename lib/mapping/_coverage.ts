import type { MappingError } from "./_field.ts";
import { CONTEXT } from "./_check.ts";
import type { FieldConfig, MappingFile } from "./mapping_file.ts";
import { isBlank } from "./refusal.ts";

/** What can become of a field of a row. */
type Outcome = "value" | "blank" | "refused";

/** How much of a mapping its tests have touched. */
export interface CoverageReport {
  readonly fields: Share;
  readonly resolvers: Share;
  /** A value, blank (default, left out or an error) and, where the resolver can refuse one, refused. */
  readonly outcomes: Share;
  /** Of all three together. */
  readonly percent: number;
  /** What was not touched, such as `qty refused`. */
  readonly missing: readonly string[];
}

/** How many of how many. */
export interface Share {
  readonly covered: number;
  readonly total: number;
}

/** Resolvers that take every text a cell can hold. The text resolvers can refuse one only by their lists. */
const TAKE_ANY_TEXT = new Set(["sdk.toString", "sdk.toJson", "sdk.default", "sdk.identity", "sdk.coalesce"]);
const TEXT = new Set(["sdk.trim", "sdk.uppercase", "sdk.lowercase"]);

/** Notes which fields, resolvers and outcomes of a mapping have been seen to do what a test wanted. */
export class Coverage {
  readonly #fields = new Map<string, FieldConfig>();
  readonly #seen = new Map<string, Set<Outcome>>();

  constructor(mapping: MappingFile) {
    collect(mapping.fields, "", this.#fields);
    for (const name of this.#fields.keys()) this.#seen.set(name, new Set());
  }

  /** A row that was mapped. */
  mapped(columns: readonly string[], cells: readonly string[], entity: Record<string, unknown>): void {
    for (const [name, field] of this.#fields) {
      if (isBlankIn(field, columns, cells)) this.#seen.get(name)!.add("blank");
      else if (valueAt(entity, name) !== undefined) this.#seen.get(name)!.add("value");
    }
  }

  /** A row that was rejected: only the fields it was rejected for count. */
  rejected(columns: readonly string[], cells: readonly string[], errors: readonly MappingError[]): void {
    for (const { field: name } of errors) {
      const field = this.#fields.get(name);
      if (field) this.#seen.get(name)!.add(isBlankIn(field, columns, cells) ? "blank" : "refused");
    }
  }

  report(): CoverageReport {
    const missing: string[] = [];
    const fields = { covered: 0, total: 0 };
    const outcomes = { covered: 0, total: 0 };
    const resolvers = new Map<string, boolean>();
    for (const [name, field] of this.#fields) {
      const seen = this.#seen.get(name)!;
      fields.total++;
      if (seen.has("value")) fields.covered++;
      const { resolver } = field;
      if (resolver !== undefined) {
        resolvers.set(resolver, (resolvers.get(resolver) ?? false) || seen.has("value"));
      }
      for (const outcome of possible(field)) {
        outcomes.total++;
        if (seen.has(outcome)) outcomes.covered++;
        else missing.push(`${name} ${outcome}`);
      }
    }
    const used = [...resolvers.values()];
    const shares = {
      fields,
      outcomes,
      resolvers: { covered: used.filter(Boolean).length, total: used.length },
    };
    const all = Object.values(shares);
    const covered = all.reduce((sum, share) => sum + share.covered, 0);
    const total = all.reduce((sum, share) => sum + share.total, 0);
    return { ...shares, percent: covered / total * 100, missing };
  }
}

function collect(fields: MappingFile["fields"], within: string, into: Map<string, FieldConfig>): void {
  for (const [name, field] of Object.entries(fields)) {
    if (field.fields && !field.isArray) collect(field.fields, `${within}${name}.`, into);
    else into.set(within + name, field);
  }
}

/** A value that comes from the run or the mapping is the same for each row: it has one outcome. */
function possible(field: FieldConfig): Outcome[] {
  const { source, resolver } = field;
  if (source === undefined || source.startsWith(CONTEXT)) return ["value"];
  return mayRefuse(resolver, field.options) ? ["value", "blank", "refused"] : ["value", "blank"];
}

function mayRefuse(resolver: string | undefined, options: FieldConfig["options"]): boolean {
  if (resolver === undefined || TAKE_ANY_TEXT.has(resolver)) return false;
  return TEXT.has(resolver) ? Boolean(options?.["oneOf"] ?? options?.["noneOf"]) : true;
}

function isBlankIn({ source }: FieldConfig, columns: readonly string[], cells: readonly string[]): boolean {
  if (source === undefined || source.startsWith(CONTEXT)) return false;
  return isBlank(cells[columns.indexOf(source)]);
}

function valueAt(entity: unknown, path: string): unknown {
  let at = entity;
  for (const segment of path.split(".")) at = (at as Record<string, unknown> | undefined)?.[segment];
  return at;
}
