import type { CustomResolvers } from "../lib/mapping/mod.ts";

/**
 * Resolvers of one's own, `custom.NAME`, for what no mapping can say. Each takes a cell and answers a value, or rejects
 * the row with `helpers.fail("expected …")`. The same inputs must give the same value, because a batch may be made again;
 * except of an `async` function, which may ask others: its answers are kept.
 */
export const CUSTOM_RESOLVERS: CustomResolvers = {};
