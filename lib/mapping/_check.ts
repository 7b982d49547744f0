import { distance } from "fastest-levenshtein";
import type { FieldConfig } from "./mapping_file.ts";
import { SDK_RESOLVERS } from "./resolvers.ts";

/** Path segments that would reach an object's prototype: refused wherever a mapping names a target. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
/** How a source begins that is a value of the run, not of the row. */
export const CONTEXT = "$context.";

/** Something wrong with a mapping, and where: a JSON pointer (RFC 6901). */
export interface MappingProblem {
  readonly at: string;
  readonly message: string;
}

/** The part of a mapping that is checked. */
interface Checked {
  readonly fields: Readonly<Record<string, FieldConfig>>;
  readonly key?: readonly string[] | undefined;
  readonly columns?:
    | Readonly<Record<string, { readonly aliases?: readonly string[] | undefined }>>
    | undefined;
}

/** Everything a schema cannot tell: sources, resolvers and their options, targets in each other's way, keys. */
export function checkMapping(mapping: Checked): MappingProblem[] {
  const problems: MappingProblem[] = [];
  const leaves = new Map<string, FieldConfig>();
  checkFields(mapping.fields, "/fields", "", problems, leaves);
  const paths = [...leaves.keys()];
  for (const path of paths) {
    const inTheWay = paths.find((other) => other.startsWith(`${path}.`));
    if (inTheWay === undefined) continue;
    problems.push({ at: "/fields", message: `'${path}' cannot be a value and hold '${inTheWay}', too` });
  }
  for (const key of mapping.key ?? []) {
    const field = leaves.get(key);
    if (!field) {
      const message = `expected the name of a field, found '${key}'${suggestion(key, paths)}`;
      problems.push({ at: "/key", message });
    } else if (!field.required && field.value === undefined && field.defaultValue === undefined) {
      problems.push({ at: "/key", message: `expected '${key}' to be required, found a field rows can lack` });
    }
  }
  if (mapping.columns) checkColumns(mapping.columns, mapping.fields, problems);
  return problems;
}

function checkFields(
  fields: Readonly<Record<string, FieldConfig>>,
  at: string,
  within: string,
  problems: MappingProblem[],
  leaves: Map<string, FieldConfig>,
): void {
  for (const [name, field] of Object.entries(fields)) {
    const here = `${at}/${pointer(name)}`;
    const whole = within + name;
    const report = (message: string, below = "") => problems.push({ at: here + below, message });
    if (!isTarget(name)) report(`the target '${whole}' is not allowed`);
    if (field.source !== undefined && field.value !== undefined) {
      report("expected a source or a value, found both");
    }
    const isCustom = field.resolver?.startsWith("custom.") ?? false;
    if (field.source === undefined && field.value === undefined && !field.fields && !isCustom) {
      report("expected a source, a value, fields or a resolver of one's own, found none");
    }
    if (field.isArray && field.source === undefined && field.value === undefined) {
      report("expected the source of the list, found none");
    }
    if (field.fields && field.resolver !== undefined) report("expected fields or a resolver, found both");
    checkResolver(field, report);
    if (leaves.has(whole)) report(`'${whole}' is mapped twice`);
    if (field.fields && !field.isArray) {
      checkFields(field.fields, `${here}/fields`, `${whole}.`, problems, leaves);
    } else {
      leaves.set(whole, field);
      if (field.fields) checkFields(field.fields, `${here}/fields`, "", problems, new Map());
    }
  }
}

function checkResolver(field: FieldConfig, report: (message: string, below?: string) => void): void {
  const { resolver, options } = field;
  if (resolver === undefined) {
    if (options) report("expected a resolver to have options for, found none", "/options");
    return;
  }
  if (resolver.startsWith("custom.")) return;
  const known = SDK_RESOLVERS.get(resolver);
  if (!known) {
    report(
      `expected a resolver that exists, found '${resolver}'${
        suggestion(resolver, [...SDK_RESOLVERS.keys()])
      }`,
      "/resolver",
    );
    return;
  }
  const parsed = known.options.safeParse(options ?? {});
  if (!parsed.success) {
    const shape = "shape" in known.options ? Object.keys(known.options.shape as object) : [];
    for (const issue of parsed.error.issues) {
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          const list = shape.length > 0 ? `one of ${shape.join(", ")}` : "no options";
          report(`expected ${list} for ${resolver}, found '${key}'${suggestion(key, shape)}`, "/options");
        }
      } else {
        const below = issue.path.map((segment) => `/${pointer(String(segment))}`).join("");
        report(issue.message, `/options${below}`);
      }
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

/** What was probably meant. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = known.map((other) => ({ other, d: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.d - b.d)[0];
  return near && near.d <= Math.max(2, name.length / 3) ? `; did you mean '${near.other}'?` : "";
}

/** Escapes a segment of a JSON pointer. */
export function pointer(segment: string): string {
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
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
