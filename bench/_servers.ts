/** The S3 and Fluent servers in a process of their own, so that their memory and time are not the connector's. */
import { startFluentServer } from "../local/fluent/mod.ts";
import { startS3Server } from "../local/s3/mod.ts";
import { BUCKET, S3_KEYS } from "./_connector_config.ts";

const [stateDir, latencyMs] = Deno.args;
const s3 = await startS3Server({ stateDir: `${stateDir}/s3`, buckets: [BUCKET], credentials: S3_KEYS });
const fluent = await startFluentServer({ stateDir: `${stateDir}/fluent`, latencyMs: Number(latencyMs) });
console.log(JSON.stringify({ s3: s3.url, fluent: fluent.url }));
