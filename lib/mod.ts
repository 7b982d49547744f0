/**
 * The connector as a library: everything its folders give out, by the names the guide knows.
 *
 * @module
 */
export * from "./base/mod.ts";
export * from "./csv/mod.ts";
export * from "./fluent/mod.ts";
export * from "./jobs/mod.ts";
export * from "./mapping/mod.ts";
export * from "./recovery/mod.ts";
export * from "./s3/mod.ts";
export * from "./state/mod.ts";
