import type { FieldConfig } from "./mapping_file.ts";
import { type MappingProblem, pointer, problemsOf, suggestion } from "./_problems.ts";
import { isBlank, shown } from "./refusal.ts";
import { SDK_RESOLVERS } from "./resolvers.ts";

/** Path segments that would reach an object's prototype: refused wherever a mapping names a target. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
/** How a source begins that is a value of the run, not of the row. */
export const CONTEXT = "$context.";

/** The part of a mapping that is checked. */
interface Checked {
  readonly fields: Readonly<Record<string, FieldConfig>>;
  readonly key?: readonly string[] | undefined;
  readonly columns?:
    | Readonly<Record<string, { readonly aliases?: readonly string[] | undefined }>>
    | undefined;
}

/** A field that gives a value, and where the mapping has it. */
export interface Leaf {
  readonly field: FieldConfig;
  /** A JSON pointer. */
  readonly at: string;
}

/** Everything a schema cannot tell: sources, resolvers and their options, targets in each other's way, keys. */
export function checkMapping(mapping: Checked): MappingProblem[] {
  const problems: MappingProblem[] = [];
  const leaves = leavesOf(mapping.fields, problems);
  const paths = [...leaves.keys()];
  for (const [path, { at }] of leaves) {
    const inTheWay = paths.find((other) => other.startsWith(`${path}.`));
    if (inTheWay === undefined) continue;
    problems.push({ at, message: `'${path}' cannot be a value and hold '${inTheWay}', too` });
  }
  for (const [i, key] of (mapping.key ?? []).entries()) {
    const at = `/key/${i}`;
    const field = leaves.get(key)?.field;
    if (!field) {
      const message = `expected the name of a field, found '${key}'${suggestion(key, paths)}`;
      problems.push({ at, message });
    } else if (!field.required && field.value === undefined && field.defaultValue === undefined) {
      problems.push({ at, message: `expected '${key}' to be required, found a field rows can lack` });
    }
  }
  if (mapping.columns) checkColumns(mapping.columns, mapping.fields, problems);
  return problems;
}

/** The fields that give values by their whole dotted name; what is wrong with fields goes to `problems`. */
export function leavesOf(fields: Checked["fields"], problems: MappingProblem[] = []): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  checkFields(fields, "/fields", "", problems, leaves);
  return leaves;
}

function checkFields(
  fields: Readonly<Record<string, FieldConfig>>,
  at: string,
  within: string,
  problems: MappingProblem[],
  leaves: Map<string, Leaf>,
): void {
  for (const [name, field] of Object.entries(fields)) {
    const here = `${at}/${pointer(name)}`;
    const whole = within + name;
    const report = (message: string, below = "") => problems.push({ at: here + below, message });
    if (!isTarget(name)) report(`the target '${whole}' is not allowed`);
    checkField(field, report);
    if (leaves.has(whole)) report(`'${whole}' is mapped twice`);
    if (field.fields && !field.isArray) {
      checkFields(field.fields, `${here}/fields`, `${whole}.`, problems, leaves);
    } else {
      leaves.set(whole, { field, at: here });
      if (field.fields) checkFields(field.fields, `${here}/fields`, "", problems, new Map());
    }
  }
}

type Report = (message: string, below?: string) => void;

function checkField(field: FieldConfig, report: Report): void {
  const { source, value, defaultValue, resolver, fields, isArray } = field;
  if (source !== undefined && value !== undefined) report("expected a source or a value, found both");
  const isCustom = resolver?.startsWith("custom.") ?? false;
  if (source === undefined && value === undefined && !fields && !isCustom) {
    report("expected a source, a value, fields or a resolver of one's own, found none");
  }
  if (isArray && source === undefined && value === undefined) {
    report("expected the source of the list, found none");
  }
  if (fields && resolver !== undefined) report("expected fields or a resolver, found both");
  if (fields && value !== undefined) report("expected fields or a value, found both");
  if (source === "$context" || source === CONTEXT) {
    report(`expected $context.NAME, found '${source}'`, "/source");
  }
  for (const [key, given] of Object.entries({ value, defaultValue })) {
    // Blank is no value: it would stand in for a missing one.
    if (given !== undefined && isBlank(given)) report(`expected a value, found ${shown(given)}`, `/${key}`);
  }
  checkResolver(field, report);
}

function checkResolver({ resolver, options }: FieldConfig, report: Report): void {
  if (resolver === undefined) {
    if (options) report("expected a resolver to have options for, found none", "/options");
    return;
  }
  if (resolver.startsWith("custom.")) return;
  const known = SDK_RESOLVERS.get(resolver);
  if (!known) {
    const meant = suggestion(resolver, [...SDK_RESOLVERS.keys()]);
    report(`expected a resolver that exists, found '${resolver}'${meant}`, "/resolver");
    return;
  }
  const parsed = known.options.safeParse(options ?? {});
  if (!parsed.success) {
    const names = Object.keys(known.options.shape);
    for (const { at, message } of problemsOf(parsed.error, options, () => names)) {
      report(message, `/options${at}`);
    }
    return;
  }
  const made = known.make(parsed.data);
  if (typeof made === "string") report(made, "/options");
}

/** Every source must be a declared column, so that a misspelt one is found before any row is read. */
function checkColumns(
  columns: NonNullable<Checked["columns"]>,
  fields: Checked["fields"],
  problems: MappingProblem[],
): void {
  const names = Object.keys(columns);
  const check = (of: Checked["fields"], at: string): void => {
    for (const [name, field] of Object.entries(of)) {
      const here = `${at}/${pointer(name)}`;
      const { source } = field;
      if (source !== undefined && !source.startsWith(CONTEXT) && !names.includes(source)) {
        const message = `expected a column declared in /columns, found '${source}'${
          suggestion(source, names)
        }`;
        problems.push({ at: `${here}/source`, message });
      }
      if (field.fields) check(field.fields, `${here}/fields`);
    }
  };
  check(fields, "/fields");
  const owners = new Map<string, string>();
  for (const [column, { aliases = [] }] of Object.entries(columns)) {
    for (const name of [column, ...aliases]) {
      const owner = owners.get(name.trim().toLowerCase());
      if (owner !== undefined && owner !== column) {
        const message = `expected '${name}' to name one column, found it for '${owner}' and '${column}'`;
        problems.push({ at: `/columns/${pointer(column)}`, message });
      }
      owners.set(name.trim().toLowerCase(), column);
    }
  }
}

/** Whether this may be a target: names joined by dots, none of which reaches a prototype. */
export function isTarget(path: string): boolean {
  return path.split(".").every((segment) => segment !== "" && !FORBIDDEN.has(segment));
}

/** Where a key stands that no object may have: schema checks would pass over it unseen. */
export function forbiddenKey(json: unknown, at: string): string | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  for (const [key, value] of Object.entries(json)) {
    const here = `${at}/${pointer(key)}`;
    if (key === "__proto__") return here;
    const below = forbiddenKey(value, here);
    if (below !== undefined) return below;
  }
  return undefined;
}
