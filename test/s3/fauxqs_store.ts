import { buildApp } from "fauxqs";
import { type Clock, type Logger, silentLogger } from "../../lib/base/mod.ts";
import { S3DataSource, type S3DataSourceConfig } from "../../lib/s3/mod.ts";

/** A real S3 server on a free port of this machine with one empty bucket. */
export interface FauxqsBucket {
  readonly endpoint: string;
  readonly config: S3DataSourceConfig;
  source(options?: { clock?: Clock; logger?: Logger }): S3DataSource;
  close(): Promise<void>;
}

export async function startFauxqsBucket(bucket = "inventory"): Promise<FauxqsBucket> {
  const app = buildApp({ logger: false });
  const endpoint = await app.listen({ port: 0, host: "127.0.0.1" });
  const created = await fetch(`${endpoint}/${bucket}`, { method: "PUT" });
  await created.body?.cancel();
  const config: S3DataSourceConfig = {
    type: "S3_CSV",
    s3Config: {
      accessKeyId: "local",
      secretAccessKey: "local-secret",
      region: "us-east-1",
      bucket,
      endpoint,
    },
  };
  const sources: S3DataSource[] = [];
  return {
    endpoint,
    config,
    source({ clock, logger = silentLogger } = {}) {
      const source = new S3DataSource(config, logger, { clock, random: () => 0 });
      sources.push(source);
      return source;
    },
    async close() {
      for (const source of sources) await source.dispose();
      await app.close();
    },
  };
}
