import { messageOf } from "../base/mod.ts";
import type { FieldConfig } from "./mapping_file.ts";
import { type Read } from "./_paths.ts";
import { isBlank, Refusal, shown } from "./refusal.ts";
import type { Convert } from "./resolvers.ts";

/** Why one field of one record could not be mapped. */
export interface MappingError {
  /** The target field. */
  readonly field: string;
  /** The column (or path) its value came from. */
  readonly source?: string;
  readonly code: string;
  /** The value as it was found. */
  readonly value: unknown;
  readonly message: string;
}

export type Data = Readonly<Record<string, unknown>>;

/** A custom resolver bound to its field, its context and helpers. */
export type Resolve = (value: unknown, data: Data) => unknown;

/** One target field, ready to be used. */
export interface Field {
  /** Dotted. */
  readonly name: string;
  /** From the object that holds it. */
  readonly path: readonly string[];
  readonly config: FieldConfig;
  /** Where its value comes from in a record. */
  readonly read: Read;
  /** One of the connector's own resolvers. */
  readonly convert: Convert | undefined;
  readonly resolve: Resolve | undefined;
  readonly nested: readonly Field[] | undefined;
}

const MISSING = new Refusal("value-missing", "a value");
const ASYNC = new Refusal("resolver-async", "a resolver that answers at once");

/** What `fail` of a custom resolver's helpers throws. */
export class ResolverError extends Error {
  override name = "ResolverError";
  constructor(readonly refusal: Refusal) {
    super(`expected ${refusal.expected}`);
  }
}

/** The field's value from what was found: converted, or its default, or nothing; a `Refusal` when that won't do. */
export function settle(field: Field, found: unknown, data: Data): unknown {
  if (field.resolve) {
    const value = attempt(field.resolve, found, data);
    return value instanceof Promise ? ASYNC : outcome(field, value);
  }
  if (isBlank(found)) return outcome(field, undefined);
  return field.convert ? outcome(field, field.convert(found)) : found;
}

/** As `settle`, for resolvers that may answer later. */
export async function settleLater(field: Field, found: unknown, data: Data): Promise<unknown> {
  if (!field.resolve) return settle(field, found, data);
  try {
    return outcome(field, await attempt(field.resolve, found, data));
  } catch (error) {
    return new Refusal("resolver-failed", `the resolver to answer (${messageOf(error)})`);
  }
}

function attempt(resolve: Resolve, found: unknown, data: Data): unknown {
  try {
    const value = resolve(found, data);
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
  if (!isBlank(value)) return value;
  return field.config.defaultValue ?? (field.config.required ? MISSING : undefined);
}

/** The error of a field that was refused. */
export function errorOf(field: Field, value: unknown, refusal: Refusal): MappingError {
  const { source } = field.config;
  const from = source === undefined || source === field.name ? "" : ` from '${source}'`;
  return {
    field: field.name,
    ...(source === undefined ? {} : { source }),
    code: refusal.code,
    value,
    message: `Cannot map '${field.name}'${from}: expected ${refusal.expected}, found ${shown(value)}`,
  };
}
