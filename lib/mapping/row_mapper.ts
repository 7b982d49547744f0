import { ConfigError } from "../base/mod.ts";
import { CONTEXT } from "./_check.ts";
import { absent, type Data, errorOf, type Field, type MappingError, settle, settleLater } from "./_field.ts";
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
  /** Maps a row at once; what a resolver would answer later is refused. */
  readonly map: (cells: readonly string[]) => MappedRow;
  /** Present only where resolvers of the mapping answer later. */
  readonly later?: LaterMapper;
}

/** Maps rows whose resolvers answer later: once by asking them, and again from what they gave. */
export interface LaterMapper {
  /** The fields they give, dotted; `values` are in this order. */
  readonly fields: readonly string[];
  /** Asks the resolvers. It never rejects: what they fail with is an error of the row. */
  readonly map: (cells: readonly string[]) => Promise<ResolvedRow>;
  /** The same row from the values they gave: asks none of them. */
  readonly again: (cells: readonly string[], values: readonly unknown[]) => MappedRow;
}

/** A mapped row, and what its resolvers gave, as JSON keeps it. */
export interface ResolvedRow {
  readonly mapped: MappedRow;
  /** Undefined where a field is left out. */
  readonly values: readonly unknown[];
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
  /** Its place among the fields whose values come later; negative when it is none of them. */
  readonly later: number;
}

/**
 * Compiles fields for rows of these columns.
 *
 * @param key names of fields
 * @param context values of `$context.NAME`
 * @param resolved the fields whose values are given when a row is mapped again; default: whose resolvers answer later
 * @throws ConfigError when a field wants a list, or a value that no row provides is missing or wrong
 */
export function compileRow(
  fields: readonly Field[],
  columns: readonly string[],
  key: readonly string[],
  context: Data,
  resolved?: readonly string[],
): RowMapper {
  const groups: Group[] = [];
  const flat = flatten(fields, [], groups);
  const laterFields = resolved ??
    flat.filter(({ field }) => field.isLater).map(({ path }) => path.join("."));
  const steps = flat.map(({ field, path }) =>
    stepOf(field, path, columns, context, laterFields.indexOf(path.join(".")))
  );
  const keyAt = key.map((name) => {
    const at = steps.findIndex(({ path }) => path.join(".") === name);
    if (at < 0) throw new ConfigError(`Cannot use the mapping: its key names '${name}', which is no field`);
    return at;
  });
  const needsData = steps.some(({ field }) => field.resolve !== undefined);
  const isKey = steps.map((_, i) => keyAt.includes(i));

  const mapWith = (cells: readonly string[], given: readonly unknown[] | undefined): MappedRow => {
    const scope = needsData ? { data: recordOf(columns, cells), context } : NO_SCOPE;
    const entity: Record<string, unknown> = {};
    const keys: unknown[] = [];
    let errors: MappingError[] | undefined;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      let value = step.constant;
      if (given !== undefined && step.later >= 0) value = given[step.later];
      else if (step.cell >= 0) {
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
  const map = (cells: readonly string[]) => mapWith(cells, undefined);
  if (laterFields.length === 0) return { map };
  const asked = steps.filter(({ later }) => later >= 0).sort((a, b) => a.later - b.later);
  const mapLater = async (cells: readonly string[]): Promise<ResolvedRow> => {
    const scope = { data: recordOf(columns, cells), context };
    const values = await Promise.all(asked.map(async ({ field, cell, found }) => {
      const value = await settleLater(field, cell < 0 ? found : cells[cell], scope);
      return value instanceof Refusal ? value : asJson(value);
    }));
    return { mapped: mapWith(cells, values), values };
  };
  return { map, later: { fields: laterFields, map: mapLater, again: mapWith } };
}

/** What is read back of a value that was put away. */
function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
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

function stepOf(
  field: Field,
  path: readonly string[],
  columns: readonly string[],
  context: Data,
  later: number,
): Step {
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
  return { field, path, top: path.length === 1 ? path[0] : undefined, cell, found, constant, isPlain, later };
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
