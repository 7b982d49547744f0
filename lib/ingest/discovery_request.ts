import { z } from "zod";
import { TRIGGERS } from "../jobs/mod.ts";

/** How far a look at a feed's files has come. */
export const lookSchema = z.object({
  feed: z.string(),
  /** The last file decided on, in the order of the feed; absent when none was. */
  after: z.object({ lastModified: z.string(), time: z.string().optional(), key: z.string() }).optional(),
  /** Files begun so far, for `maxFiles`. */
  begun: z.number().int().nonnegative(),
});
export type Look = z.output<typeof lookSchema>;

/** What a durable discovery is started with: what a trigger had no time for. */
export const discoveryRequestSchema = z.object({
  v: z.literal(1),
  /** Milliseconds since the epoch: when the trigger looked. A file taken since is not taken again. */
  since: z.number(),
  triggeredBy: z.enum(TRIGGERS),
  prefix: z.string().optional(),
  pattern: z.string().optional(),
  maxFiles: z.number().optional(),
  force: z.object({ by: z.string(), reason: z.string() }).optional(),
  dryRun: z.boolean().optional(),
  reference: z.string().optional(),
  left: z.array(lookSchema),
});
export type DiscoveryRequest = z.output<typeof discoveryRequestSchema>;
