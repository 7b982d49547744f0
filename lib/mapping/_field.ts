import { messageOf } from "../base/mod.ts";
import { isJson } from "./_json.ts";
import type { FieldConfig } from "./mapping_file.ts";
import { type Read } from "./_paths.ts";
import { isBlank, Refusal, shown } from "./refusal.ts";
import type { Convert } from "./resolvers.ts";

/** Why one field of one record could not be mapped. */
export interface MappingError {
  /** The target field; an element of a list by its index, as in `lines[2].qty`. */
  readonly field: string;
  /** The column (or path) its value came from. */
  readonly source?: string;
  readonly code: string;
  /** The value as it was found. */
  readonly value: unknown;
  readonly message: string;
}

export type Data = Readonly<Record<string, unknown>>;

/** What a field may look at beside its own value. */
export interface Scope {
  /** The whole record. */
  readonly data: Data;
  readonly context: Data;
}

/** A custom resolver bound to its field and helpers. */
export type Resolve = (value: unknown, scope: Scope) => unknown;

/** One target field, ready to be used. */
export interface Field {
  /** Dotted, from the object or list element that holds it. */
  readonly name: string;
  /** From the object that holds it. */
  readonly path: readonly string[];
  readonly config: FieldConfig;
  /** Where its value comes from in a record. */
  readonly read: Read;
  /** One of the connector's own resolvers. */
  readonly convert: Convert | undefined;
  readonly resolve: Resolve | undefined;
  /** Whether its resolver is declared to answer later. */
  readonly isLater: boolean;
  readonly nested: readonly Field[] | undefined;
  /** The field of each element, where the field is a list: it has neither a default, nor is it required. */
  readonly element: Field | undefined;
}

const MISSING = new Refusal("value-missing", "a value");
const ASYNC = new Refusal("resolver-async", "a resolver that answers at once, or is declared async");
const NOT_JSON = new Refusal("not-json-value", "a value JSON can hold");

/** What `fail` of a custom resolver's helpers throws. */
export class ResolverError extends Error {
  override name = "ResolverError";
  constructor(readonly refusal: Refusal) {
    super(`expected ${refusal.expected}`);
  }
}

/** The field's value from what was found: converted, or its default, or nothing; a `Refusal` when that won't do. */
export function settle(field: Field, found: unknown, scope: Scope): unknown {
  if (field.resolve) {
    const value = attempt(field.resolve, found, scope);
    return value instanceof Promise ? ASYNC : outcome(field, value);
  }
  if (isBlank(found)) return absent(field);
  return outcome(field, field.convert ? field.convert(found) : found);
}

/** As `settle`, for resolvers that may answer later. */
export async function settleLater(field: Field, found: unknown, scope: Scope): Promise<unknown> {
  if (!field.resolve) return settle(field, found, scope);
  return outcome(field, await attempt(field.resolve, found, scope));
}

/** What a field without a value gets: its default, or nothing; a `Refusal` when it is required. */
export function absent(field: Field): unknown {
  return field.config.defaultValue ?? (field.config.required ? MISSING : undefined);
}

function attempt(resolve: Resolve, found: unknown, scope: Scope): unknown {
  try {
    const value = resolve(found, scope);
    // Where it isn't awaited, a later rejection has to be heard all the same.
    if (value instanceof Promise) {
      return value.catch((error: unknown) => refused(error));
    }
    return value;
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): Refusal {
  if (error instanceof ResolverError) return error.refusal;
  return new Refusal("resolver-failed", `the resolver to answer (${messageOf(error)})`);
}

function outcome(field: Field, value: unknown): unknown {
  if (isBlank(value)) return absent(field);
  if (typeof value === "string" || value instanceof Refusal || isJson(value)) return value;
  if (!field.resolve) return NOT_JSON;
  return new Refusal(NOT_JSON.code, `the resolver to give ${NOT_JSON.expected} (it gave ${shown(value)})`);
}

/** The error of a field that was refused. */
export function errorOf(field: Field, value: unknown, refusal: Refusal, within = ""): MappingError {
  const { source } = field.config;
  const name = within + field.name;
  const from = source === undefined || source === name ? "" : ` from '${source}'`;
  return {
    field: name,
    ...(source === undefined ? {} : { source }),
    code: refusal.code,
    value,
    message: `Cannot map '${name}'${from}: expected ${refusal.expected}, found ${shown(value)}`,
  };
}
