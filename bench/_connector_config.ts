import { localFluentCredentials } from "../local/fluent/mod.ts";

export const BUCKET = "bench";
export const S3_KEYS = { accessKeyId: "bench", secretAccessKey: "bench-secret" };
export const API_KEY = "bench-key";

/** The platform's configuration for one connector process on these servers. */
export function connectorConfig(
  folder: string,
  servers: { s3: string; fluent: string },
  variables: Readonly<Record<string, string | number>>,
) {
  return {
    stateDir: `${folder}/platform`,
    port: 0,
    connections: {
      fluent_commerce: {
        baseUrl: servers.fluent,
        auth: {
          type: "oauth2Password",
          tokenUrl: `${servers.fluent}/oauth/token`,
          ...localFluentCredentials,
        },
      },
      s3: {
        baseUrl: servers.s3,
        auth: { type: "basic", username: S3_KEYS.accessKeyId, password: S3_KEYS.secretAccessKey },
      },
      inventory_webhooks: { auth: { type: "apiKey", key: API_KEY } },
      inventory_page: { auth: { type: "basic", username: "bench", password: API_KEY } },
    },
    variables: {
      s3BucketName: BUCKET,
      s3Endpoint: servers.s3,
      s3ConditionalPut: "yes",
      fluentRetailerId: 1,
      pollIntervalSeconds: 0.2,
      ...variables,
    },
    log: { format: "json", level: "info" },
  };
}
