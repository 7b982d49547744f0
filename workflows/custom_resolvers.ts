import type { CustomResolvers } from "../lib/mapping/mod.ts";

/**
 * Resolvers of one's own, `custom.NAME`, for what no mapping can say. Each takes a cell and answers a value, or rejects
 * the row with `helpers.fail("expected …")`. Whatever the inputs are, the same ones must give the same value: a batch
 * may be made again.
 */
export const CUSTOM_RESOLVERS: CustomResolvers = {};
