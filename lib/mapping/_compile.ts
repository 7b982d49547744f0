import { ConfigError } from "../base/mod.ts";
import { CONTEXT } from "./_check.ts";
import { type Field, type Resolve, ResolverError } from "./_field.ts";
import { frozen } from "./_json.ts";
import type { FieldConfig } from "./mapping_file.ts";
import { type Read, reader } from "./_paths.ts";
import { Refusal } from "./refusal.ts";
import {
  type Convert,
  type CustomResolver,
  type ResolverHelpers,
  type ResolverTimeout,
  SDK_RESOLVERS,
} from "./resolvers.ts";

/** Conversions a custom resolver's helpers keep ready, by name and options. */
const KEPT_CONVERSIONS = 100;

/**
 * Fields, ready to be used on any number of records.
 *
 * @param timeout of resolvers that answer later; none: they may take as long as they like
 * @param within what stands before their names: the dotted path of the object that holds them
 * @throws ConfigError when a custom resolver was never registered
 */
export function compileFields(
  fields: Readonly<Record<string, FieldConfig>>,
  custom: ReadonlyMap<string, CustomResolver>,
  timeout: ResolverTimeout | undefined,
  within = "",
): readonly Field[] {
  return Object.entries(fields).map(([name, given]): Field => {
    const config = {
      ...given,
      ...(given.value === undefined ? {} : { value: frozen(given.value) }),
      ...(given.defaultValue === undefined ? {} : { defaultValue: frozen(given.defaultValue) }),
    };
    // The fields of a list's elements are named from the element, whose index stands before them.
    const inner = config.isArray ? "" : `${within}${name}.`;
    const field = {
      name: within + name,
      path: name.split("."),
      config,
      read: readerOf(config),
      ...resolverOf(within + name, config, custom, timeout),
      nested: config.fields && compileFields(config.fields, custom, timeout, inner),
      element: undefined,
    };
    if (!config.isArray) return field;
    const { required: _, defaultValue: __, ...one } = config;
    return { ...field, element: { ...field, config: one } };
  });
}

function readerOf({ source, value }: FieldConfig): Read {
  if (source === undefined) return () => value;
  if (!source.startsWith(CONTEXT)) return reader(source);
  const read = reader(source.slice(CONTEXT.length));
  return (_record, context) => read(context, context);
}

function resolverOf(
  field: string,
  config: FieldConfig,
  custom: ReadonlyMap<string, CustomResolver>,
  timeout: ResolverTimeout | undefined,
): Pick<Field, "convert" | "resolve" | "isLater"> {
  const { resolver: name, options = {} } = config;
  if (name === undefined) return { convert: undefined, resolve: undefined, isLater: false };
  const convert = sdkConvert(name, options);
  if (convert) return { convert, resolve: undefined, isLater: false };
  const resolver = custom.get(name);
  if (!resolver) {
    throw new ConfigError(
      `Cannot use the mapping: '${field}' needs the resolver '${name}', which is not registered`,
    );
  }
  const helpers = helpersOf(options);
  const isLater = Object.prototype.toString.call(resolver) === "[object AsyncFunction]";
  const resolve: Resolve = (value, scope) => resolver(value, scope.data, scope.context, helpers);
  return {
    convert: undefined,
    resolve: isLater && timeout ? inTime(name, resolver, helpers, timeout) : resolve,
    isLater,
  };
}

/** Refuses a value its resolver has no answer for in time, and tells the resolver to stop. */
function inTime(
  name: string,
  resolver: CustomResolver,
  helpers: ResolverHelpers,
  { ms, clock }: ResolverTimeout,
): Resolve {
  const late = new Refusal("resolver-timeout", `an answer of '${name}' within ${ms / 1000} s`);
  return async (value, { data, context }) => {
    const tooLate = new AbortController();
    const answered = new AbortController();
    const waiting = clock.sleep(ms, answered.signal).then(() => {
      throw new ResolverError(late);
    });
    try {
      const answer = resolver(value, data, context, { ...helpers, signal: tooLate.signal });
      return await Promise.race([answer, waiting]);
    } catch (error) {
      if (error instanceof ResolverError && error.refusal === late) tooLate.abort(error);
      throw error;
    } finally {
      answered.abort();
    }
  };
}

function helpersOf(options: Readonly<Record<string, unknown>>): ResolverHelpers {
  const kept = new Map<string, Convert>();
  return {
    options,
    fail(expected, code = "resolver-failed") {
      throw new ResolverError(new Refusal(code, expected));
    },
    resolve(name, value, sdkOptions = {}) {
      const key = name + JSON.stringify(sdkOptions);
      let convert = kept.get(key);
      if (!convert) {
        convert = sdkConvert(name, sdkOptions);
        if (!convert) throw new ConfigError(`Cannot resolve: '${name}' is no resolver of the connector`);
        if (kept.size >= KEPT_CONVERSIONS) kept.clear();
        kept.set(key, convert);
      }
      const converted = convert(value);
      if (converted instanceof Refusal) throw new ResolverError(converted);
      return converted;
    },
  };
}

function sdkConvert(name: string, options: Readonly<Record<string, unknown>>): Convert | undefined {
  const made = SDK_RESOLVERS.get(name)?.make(options);
  if (typeof made === "string") throw new ConfigError(`Cannot use the resolver '${name}': ${made}`);
  return made;
}
