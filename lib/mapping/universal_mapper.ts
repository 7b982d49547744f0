import { ConfigError, type Logger, silentLogger } from "../base/mod.ts";
import { checkMapping, CONTEXT } from "./_check.ts";
import {
  type Data,
  errorOf,
  type Field,
  type MappingError,
  type Resolve,
  ResolverError,
  settleLater,
} from "./_field.ts";
import type { FieldConfig, MappingFile } from "./mapping_file.ts";
import { own, put, type Read, reader } from "./_paths.ts";
import { isBlank, Refusal } from "./refusal.ts";
import {
  type Convert,
  type CustomResolver,
  type CustomResolvers,
  type ResolverHelpers,
  SDK_RESOLVERS,
} from "./resolvers.ts";
import { compileRow, type RowMapper } from "./row_mapper.ts";

/** A mapped record: every error, not the first. */
export interface MapResult {
  readonly success: boolean;
  /** What could be mapped; complete only with success. */
  readonly data: Record<string, unknown>;
  readonly errors: readonly MappingError[];
}

/** What a mapper may be handed. */
export interface MapperOptions {
  readonly customResolvers?: CustomResolvers;
  /** Values of `$context.NAME` sources. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Told, once per file, which sources its columns lack. */
  readonly logger?: Logger;
}

/** The part of a mapping file the mapper itself needs. */
export type Mapping =
  & { readonly fields: Readonly<Record<string, FieldConfig>> }
  & Partial<Pick<MappingFile, "key" | "columns">>;

/**
 * Maps records to entities by a declarative mapping. Compiled once; strict: a value that cannot be converted without
 * loss is an error of its record, blank is no value, and nothing is invented.
 *
 * @example
 * ```ts
 * import { UniversalMapper } from "./mod.ts";
 * const mapper = new UniversalMapper({
 *   fields: { skuRef: { source: "sku", required: true }, qty: { source: "qty", resolver: "sdk.parseInt" } },
 * });
 * const good = await mapper.map({ sku: "00123", qty: "7" });
 * const bad = await mapper.map({ sku: "00123", qty: "N/A" });
 * console.log(good.data, bad.errors[0]?.message);
 * ```
 */
export class UniversalMapper {
  readonly #mapping: Mapping;
  readonly #context: Data;
  readonly #log: Logger;
  readonly #custom = new Map<string, CustomResolver>();
  #compiled: readonly Field[] | undefined;

  /** @throws ConfigError when the mapping is wrong, or a custom resolver's name is */
  constructor(mapping: Mapping, options: MapperOptions = {}) {
    if (typeof mapping?.fields !== "object" || mapping.fields === null) {
      throw new ConfigError("Cannot use the mapping: expected an object with fields");
    }
    const problems = checkMapping(mapping);
    if (problems.length > 0) {
      const all = problems.map(({ at, message }) => `at ${at}: ${message}`).join("; ");
      throw new ConfigError(`Cannot use the mapping: ${all}`);
    }
    this.#mapping = mapping;
    this.#context = options.context ?? {};
    this.#log = options.logger ?? silentLogger;
    this.registerResolvers(options.customResolvers ?? {});
  }

  /** Adds a resolver of one's own. @throws ConfigError unless its name is `custom.NAME` */
  registerResolver(name: string, resolver: CustomResolver): void {
    if (!/^custom\.[A-Za-z][A-Za-z0-9]*$/.test(name)) {
      throw new ConfigError(
        `Cannot register the resolver '${name}': expected a name such as custom.buildRef`,
      );
    }
    this.#custom.set(name, resolver);
    this.#compiled = undefined;
  }

  /** Adds resolvers of one's own. @throws ConfigError unless their names are `custom.NAME` */
  registerResolvers(resolvers: CustomResolvers): void {
    for (const [name, resolver] of Object.entries(resolvers)) this.registerResolver(name, resolver);
  }

  hasResolver(name: string): boolean {
    return SDK_RESOLVERS.has(name) || this.#custom.has(name);
  }

  getResolverNames(): string[] {
    return [...SDK_RESOLVERS.keys(), ...this.#custom.keys()];
  }

  /**
   * Maps one record; custom resolvers may answer later.
   *
   * @throws ConfigError when a custom resolver the mapping names was never registered
   */
  async map(record: Readonly<Record<string, unknown>>): Promise<MapResult> {
    const errors: MappingError[] = [];
    const data = await mapFields(this.#fields(), record, record, errors);
    return { success: errors.length === 0, data, errors };
  }

  /**
   * Compiles the mapping for rows of these columns, named as the mapping's sources name them.
   *
   * @throws ConfigError when a custom resolver was never registered, a field wants a list, or a value that comes from
   * the context or the mapping itself is missing or wrong
   */
  compileRow(columns: readonly string[]): RowMapper {
    const row = compileRow(this.#fields(), columns, this.#mapping.key ?? []);
    const absent = Object.values(this.#mapping.fields).map(({ source }) => source)
      .filter((source) => source !== undefined && !source.startsWith(CONTEXT) && !columns.includes(source));
    if (absent.length > 0) {
      this.#log.debug("The file lacks columns the mapping could use", { columns: absent });
    }
    return row;
  }

  #fields(): readonly Field[] {
    return this.#compiled ??= this.#compile(this.#mapping.fields, "");
  }

  #compile(fields: Readonly<Record<string, FieldConfig>>, within: string): readonly Field[] {
    return Object.entries(fields).map(([name, config]): Field => ({
      name: within + name,
      path: name.split("."),
      config,
      read: this.#reader(config),
      ...this.#resolver(within + name, config),
      nested: config.fields && this.#compile(config.fields, `${within}${name}.`),
    }));
  }

  #reader({ source, value }: FieldConfig): Read {
    if (source === undefined) return () => value;
    if (!source.startsWith(CONTEXT)) return reader(source);
    const provided = own(this.#context, source.slice(CONTEXT.length));
    return () => provided;
  }

  #resolver(
    field: string,
    config: FieldConfig,
  ): { convert: Convert | undefined; resolve: Resolve | undefined } {
    const { resolver: name, options = {} } = config;
    if (name === undefined) return { convert: undefined, resolve: undefined };
    const convert = sdkConvert(name, options);
    if (convert) return { convert, resolve: undefined };
    const custom = this.#custom.get(name);
    if (!custom) {
      throw new ConfigError(
        `Cannot use the mapping: '${field}' needs the resolver '${name}', which is not registered`,
      );
    }
    const helpers: ResolverHelpers = {
      options,
      fail(expected, code = "resolver-failed") {
        throw new ResolverError(new Refusal(code, expected));
      },
      resolve(sdkName, value, sdkOptions = {}) {
        const convert = sdkConvert(sdkName, sdkOptions);
        if (!convert) throw new ConfigError(`Cannot resolve: '${sdkName}' is no resolver of the connector`);
        const converted = convert(value);
        if (converted instanceof Refusal) throw new ResolverError(converted);
        return converted;
      },
    };
    return { convert: undefined, resolve: (value, data) => custom(value, data, this.#context, helpers) };
  }
}

function sdkConvert(name: string, options: Readonly<Record<string, unknown>>): Convert | undefined {
  const made = SDK_RESOLVERS.get(name)?.make(options);
  if (typeof made === "string") throw new ConfigError(`Cannot use the resolver '${name}': ${made}`);
  return made;
}

async function mapFields(
  fields: readonly Field[],
  record: unknown,
  whole: Data,
  errors: MappingError[],
): Promise<Record<string, unknown>> {
  const into: Record<string, unknown> = {};
  for (const field of fields) {
    const found = field.read(record);
    const value = await valueOf(field, found, record, whole, errors);
    if (value instanceof Refusal) errors.push(errorOf(field, found, value));
    else if (value !== undefined) put(into, field.path, value);
  }
  return into;
}

async function valueOf(
  field: Field,
  found: unknown,
  record: unknown,
  whole: Data,
  errors: MappingError[],
): Promise<unknown> {
  const { nested, config } = field;
  if (config.isArray) {
    if (isBlank(found)) {
      return settleLater({ ...field, convert: undefined, resolve: undefined }, found, whole);
    }
    const elements: unknown[] = Array.isArray(found) ? found : [found];
    const values: unknown[] = [];
    for (const element of elements) {
      const value = nested
        ? await mapFields(nested, element, whole, errors)
        : await settleLater(field, element, whole);
      if (value instanceof Refusal) errors.push(errorOf(field, element, value));
      else if (value !== undefined) values.push(value);
    }
    return values;
  }
  if (!nested) return await settleLater(field, found, whole);
  const data = await mapFields(nested, config.source === undefined ? record : found, whole, errors);
  if (Object.keys(data).length > 0) return data;
  return await settleLater({ ...field, convert: undefined, resolve: undefined }, undefined, whole);
}
