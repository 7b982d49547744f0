/**
 * From rows to entities: mapping files, their header contract, and the mapper with its strict resolvers.
 *
 * @module
 */
export { type FieldConfig, loadMapping, type MappingFile, mappingFileSchema } from "./mapping_file.ts";
export {
  loadMappingTests,
  type MappingTestReport,
  type MappingTests,
  mappingTestsJsonSchema,
  runMappingTests,
} from "./mapping_tests.ts";
export { mappingJsonSchema } from "./mapping_json_schema.ts";
export { readMappingFile } from "./read_mapping_file.ts";
export { type ResolvedHeader, resolveHeader } from "./header.ts";
export {
  type CustomResolver,
  type CustomResolvers,
  type ResolverHelpers,
  type ResolverTimeout,
  SDK_RESOLVERS,
} from "./resolvers.ts";
export { type LaterMapper, type MappedRow, type ResolvedRow, type RowMapper } from "./row_mapper.ts";
export { Refusal } from "./refusal.ts";
export { type MappingError } from "./_field.ts";
export { type MapperOptions, type Mapping, type MapResult, UniversalMapper } from "./universal_mapper.ts";
