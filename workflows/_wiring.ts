import type { Context, HttpContext } from "@versori/run";
import { ConfigError, systemClock } from "../lib/base/mod.ts";
import { type Feed, feedNamed, hasConditionalPut, readFeeds, type Settings } from "../lib/config/mod.ts";
import { createClient } from "../lib/fluent/mod.ts";
import { type IngestPorts, type IngestState, ingestState } from "../lib/ingest/mod.ts";
import { readMappingFile } from "../lib/mapping/mod.ts";
import { readS3Secret, S3DataSource } from "../lib/s3/mod.ts";
import { VersoriKVAdapter } from "../lib/state/mod.ts";
import { CUSTOM_RESOLVERS } from "./custom_resolvers.ts";
import { DELIVER_PARTITION, MAX_ATTEMPTS } from "./_durable.ts";

/** The systems this project is linked to on the platform, by the names `versori.yaml` declares. */
export const FLUENT = "fluent_commerce";
export const S3 = "s3";
export const WEBHOOKS = "inventory_webhooks";

/** What a workflow hands to `lib/` for one feed. */
export interface Wiring {
  readonly settings: Settings;
  readonly ports: IngestPorts;
  readonly state: IngestState;
}

/** The connector's parts; to be disposed of when a workflow is done, so that no connection stays open. */
export interface Parts extends AsyncDisposable {
  readonly feeds: readonly [Feed, ...Feed[]];
  /** @throws ConnectorError `feed-unknown` when there is no such feed */
  of(feed: string): Wiring;
}

/** Puts the platform's parts into the connector's ports. */
export async function wire(ctx: Context<unknown>): Promise<Parts> {
  const feeds = readFeeds((name) => ctx.activation.getVariable(name));
  const store = await objectStore(ctx, feeds[0].settings);
  return {
    feeds,
    of(feed) {
      const { settings } = feedNamed(feeds, feed);
      const ports: IngestPorts = {
        kv: stateOf(ctx),
        store,
        fluent: (memory) => {
          if (!isHttpContext(ctx)) {
            throw new ConfigError(`Fluent can be reached only from an http task of '${FLUENT}'`);
          }
          return createClient(ctx, {
            connectionName: FLUENT,
            retailerId: settings.fluentRetailerId,
            ...memory,
          });
        },
        loadMapping: readMappingFile,
        customResolvers: CUSTOM_RESOLVERS,
        startPartition: async (request) => {
          await ctx.start(DELIVER_PARTITION, { data: request, maxAttempts: MAX_ATTEMPTS });
        },
        clock: systemClock,
        random: Math.random,
        log: ctx.log,
      };
      return { settings, ports, state: ingestState(ports, settings) };
    },
    [Symbol.asyncDispose]: () => store.dispose(),
  };
}

/** The connector's own corner of the project-wide store: `:project:` would be one activation's only. */
export function stateOf(ctx: Context<unknown>): VersoriKVAdapter {
  return new VersoriKVAdapter(ctx.openKv(":workspace:"));
}

/** S3 keys are the user and password of a basic-auth connection, or JSON in an API-key connection. */
async function objectStore(ctx: Context<unknown>, settings: Settings): Promise<S3DataSource> {
  const keys = readS3Secret(await s3Secret(ctx), S3);
  return new S3DataSource({
    type: "S3_CSV",
    s3Config: {
      ...keys,
      region: settings.s3Region,
      bucket: settings.s3BucketName,
      conditionalPut: hasConditionalPut(settings),
      ...(settings.s3Endpoint ? { endpoint: settings.s3Endpoint } : {}),
    },
  }, ctx.log);
}

async function s3Secret(ctx: Context<unknown>): Promise<string> {
  const credentials = ctx.credentials();
  try {
    return atob((await credentials.getAccessToken(S3)).accessToken);
  } catch (error) {
    // Only a connection with an API key has no token; if it has no raw secret either, the first reason counts.
    const raw = await credentials.getRaw(S3).catch(() => undefined);
    if (raw === undefined) throw error;
    return new TextDecoder().decode(raw);
  }
}

function isHttpContext(ctx: Context<unknown>): ctx is HttpContext<unknown> {
  return "fetch" in ctx;
}
