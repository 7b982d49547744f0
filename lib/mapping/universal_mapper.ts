import { ConfigError, type Logger, silentLogger } from "../base/mod.ts";
import { checkMapping, CONTEXT } from "./_check.ts";
import { compileFields } from "./_compile.ts";
import type { Data, Field, MappingError } from "./_field.ts";
import { mapFields } from "./_map.ts";
import { toldProblems } from "./_problems.ts";
import { CUSTOM_RESOLVER, type FieldConfig, type MappingFile, mappingProblems } from "./mapping_file.ts";
import { shown } from "./refusal.ts";
import {
  type CustomResolver,
  type CustomResolvers,
  type ResolverTimeout,
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
  /** How long an `async` custom resolver may take; without it, as long as it likes. */
  readonly resolverTimeout?: ResolverTimeout;
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
  readonly #timeout: ResolverTimeout | undefined;
  readonly #custom = new Map<string, CustomResolver>();
  #compiled: readonly Field[] | undefined;

  /** @throws ConfigError when the mapping is wrong, or a custom resolver's name is */
  constructor(mapping: Mapping, options: MapperOptions = {}) {
    const shape = mappingProblems(mapping);
    const problems = shape.length > 0 ? shape : checkMapping(mapping);
    if (problems.length > 0) throw new ConfigError(`Cannot use the mapping: ${toldProblems(problems)}`);
    this.#mapping = mapping;
    this.#context = options.context ?? {};
    this.#log = options.logger ?? silentLogger;
    this.#timeout = options.resolverTimeout;
    this.registerResolvers(options.customResolvers ?? {});
  }

  /** Adds a resolver of one's own. @throws ConfigError unless its name is `custom.NAME` */
  registerResolver(name: string, resolver: CustomResolver): void {
    if (!CUSTOM_RESOLVER.test(name)) {
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
   * @param options `context`: values of `$context.NAME` for this record, over those the mapper was made with
   * @throws ConfigError when the record is no object, or a custom resolver the mapping names was never registered
   */
  async map(
    record: Readonly<Record<string, unknown>>,
    options: { readonly context?: Readonly<Record<string, unknown>> } = {},
  ): Promise<MapResult> {
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw new ConfigError(`Cannot map a record: expected an object, found ${shown(record)}`);
    }
    const errors: MappingError[] = [];
    const context = options.context ? { ...this.#context, ...options.context } : this.#context;
    const data = await mapFields(this.#fields(), record, { scope: { data: record, context }, errors });
    return { success: errors.length === 0, data, errors };
  }

  /**
   * Compiles the mapping for rows of these columns, named as the mapping's sources name them.
   *
   * @param resolved fields whose values resolvers gave when the rows were mapped first; by default those whose
   * resolvers answer later
   * @throws ConfigError when a custom resolver was never registered, a field wants a list, or a value that comes from
   * the context or the mapping itself is missing or wrong
   */
  compileRow(columns: readonly string[], resolved?: readonly string[]): RowMapper {
    const row = compileRow(this.#fields(), columns, this.#mapping.key ?? [], this.#context, resolved);
    const missing = Object.values(this.#mapping.fields).map(({ source }) => source)
      .filter((source) => source !== undefined && !source.startsWith(CONTEXT) && !columns.includes(source));
    if (missing.length > 0) {
      this.#log.debug("The file lacks columns the mapping could use", { columns: missing });
    }
    return row;
  }

  #fields(): readonly Field[] {
    return this.#compiled ??= compileFields(this.#mapping.fields, this.#custom, this.#timeout);
  }
}
