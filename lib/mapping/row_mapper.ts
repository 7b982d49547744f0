import { ConfigError } from "../base/mod.ts";
import { CONTEXT } from "./_check.ts";
import { absent, type Data, errorOf, type Field, type MappingError, settle } from "./_field.ts";
import { own, put } from "./_paths.ts";
import { isBlank, Refusal } from "./refusal.ts";

/** A mapped row of cells. */
export type MappedRow =
  | {
    readonly ok: true;
    readonly entity: Record<string, unknown>;
    /** What the row is about: equal for two rows exactly when their key fields are. */
    readonly key: string;
  }
  | { readonly ok: false; readonly errors: readonly MappingError[] };

/** A mapping compiled for the columns of one file: synchronous, no I/O. */
export interface RowMapper {
  readonly map: (cells: readonly string[]) => MappedRow;
}

/** One field, compiled for a column. */
interface Step {
  readonly field: Field;
  readonly path: readonly string[];
  /** The name, when the value stands at the top of the entity; undefined when it is nested. */
  readonly top: string | undefined;
  /** The cell it is made of; negative when it is made of none. */
  readonly cell: number;
  /** What is found where no cell is: what the run or the mapping provides. */
  readonly found: unknown;
  /** The value, or refusal, when it is made of no cell and by no custom resolver. */
  readonly constant: unknown;
  /** Cells are the value as they are, unless blank. */
  readonly isPlain: boolean;
}

/**
 * Compiles fields for rows of these columns.
 *
 * @param key names of fields
 * @param context values of `$context.NAME`
 * @throws ConfigError when a field wants a list, or a value that no row provides is missing or wrong
 */
export function compileRow(
  fields: readonly Field[],
  columns: readonly string[],
  key: readonly string[],
  context: Data,
): RowMapper {
  const groups: Group[] = [];
  const steps = flatten(fields, [], groups).map(({ field, path }) => stepOf(field, path, columns, context));
  const keyAt = key.map((name) => {
    const at = steps.findIndex(({ path }) => path.join(".") === name);
    if (at < 0) throw new ConfigError(`Cannot use the mapping: its key names '${name}', which is no field`);
    return at;
  });
  const needsData = steps.some(({ field }) => field.resolve !== undefined);
  const isKey = steps.map((_, i) => keyAt.includes(i));

  const map = (cells: readonly string[]): MappedRow => {
    const scope = needsData ? { data: recordOf(columns, cells), context } : NO_SCOPE;
    const entity: Record<string, unknown> = {};
    const keys: unknown[] = [];
    let errors: MappingError[] | undefined;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      let value = step.constant;
      if (step.cell >= 0) {
        const cell = cells[step.cell];
        value = step.isPlain && !isBlank(cell) ? cell : settle(step.field, cell, scope);
      } else if (step.field.resolve) {
        value = settle(step.field, step.found, scope);
      }
      if (value instanceof Refusal) {
        (errors ??= []).push(errorOf(step.field, step.cell < 0 ? step.found : cells[step.cell], value));
        continue;
      }
      if (isKey[i]) keys[i] = value;
      if (value === undefined) continue;
      if (step.top === undefined) put(entity, step.path, value);
      else entity[step.top] = value;
    }
    if (groups.length > 0) errors = settleGroups(groups, entity, errors);
    return errors ? { ok: false, errors } : { ok: true, entity, key: joined(keyAt, keys) };
  };
  return { map };
}

const NO_DATA: Data = Object.freeze(Object.create(null));
const NO_SCOPE = { data: NO_DATA, context: NO_DATA };

/** A field of nested ones that has to have a value. */
interface Group {
  readonly field: Field;
  readonly path: readonly string[];
}

/** Gives groups none of whose fields has a value their default, or reports that they are missing. */
function settleGroups(
  groups: readonly Group[],
  entity: Record<string, unknown>,
  errors: MappingError[] | undefined,
): MappingError[] | undefined {
  for (const { field, path } of groups) {
    const isThere = path.reduce<unknown>(own, entity) !== undefined;
    // Fields that are wrong are not missing as well.
    if (isThere || errors?.some((error) => error.field.startsWith(`${field.name}.`))) continue;
    const value = absent(field);
    if (value instanceof Refusal) (errors ??= []).push(errorOf(field, undefined, value));
    else if (value !== undefined) put(entity, path, value);
  }
  return errors;
}

/** Each part but the last is preceded by its length, so that no two lists of parts join to the same text. */
function joined(keyAt: readonly number[], values: readonly unknown[]): string {
  let key = "";
  for (let i = 0; i < keyAt.length; i++) {
    const part = String(values[keyAt[i]!]);
    key += i < keyAt.length - 1 ? `${part.length}:${part}` : part;
  }
  return key;
}

function stepOf(field: Field, path: readonly string[], columns: readonly string[], context: Data): Step {
  const { source } = field.config;
  const isColumn = source !== undefined && !source.startsWith(CONTEXT);
  const cell = isColumn ? columns.indexOf(source) : -1;
  const found = isColumn ? undefined : field.read(undefined, context);
  const constant = cell >= 0 || field.resolve ? undefined : settle(field, found, NO_SCOPE);
  // A column the file lacks is each row's error; what the run provides is wrong for all of them.
  if (constant instanceof Refusal && !isColumn) {
    throw new ConfigError(errorOf(field, found, constant).message);
  }
  const isPlain = field.convert === undefined && field.resolve === undefined;
  return { field, path, top: path.length === 1 ? path[0] : undefined, cell, found, constant, isPlain };
}

function recordOf(columns: readonly string[], cells: readonly string[]): Data {
  const record: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < columns.length; i++) record[columns[i]!] = cells[i];
  return record;
}

/** Nested fields of flat rows are dotted paths. Fields of nested ones that must have a value: inner ones first. */
function flatten(
  fields: readonly Field[],
  within: readonly string[],
  groups: Group[],
): { field: Field; path: readonly string[] }[] {
  return fields.flatMap((field) => {
    if (field.config.isArray) {
      throw new ConfigError(
        `Cannot use the mapping on rows of cells: the field '${field.name}' wants a list`,
      );
    }
    const path = [...within, ...field.path];
    if (!field.nested) return [{ field, path }];
    const inner = flatten(field.nested, path, groups);
    if (field.config.required || field.config.defaultValue !== undefined) groups.push({ field, path });
    return inner;
  });
}
