import { z } from "zod";
import { ConfigError } from "../base/mod.ts";

const text = z.string().min(1);
/** May be passed as the environment has it; that it is missing is said when the data source is made. */
const fromEnvironment = text as z.ZodType<string, string | undefined>;

const schema = z.object({
  type: z.literal("S3_CSV"),
  connectionId: z.string().optional(),
  name: z.string().optional(),
  s3Config: z.object({
    accessKeyId: fromEnvironment,
    secretAccessKey: fromEnvironment,
    sessionToken: text.optional(),
    region: fromEnvironment,
    bucket: fromEnvironment,
    endpoint: z.string().optional(),
    forcePathStyle: z.boolean().optional(),
    maxAttempts: z.int().min(1).max(20).optional(),
    timeoutMs: z.int().min(1).optional(),
    conditionalPut: z.boolean().optional(),
  }),
});

/**
 * Where the files are, in the guide's shape.
 *
 * `s3Config`: static credentials, `region` and `bucket` are required. `endpoint` is the http(s) URL of an
 * S3-compatible server (default: AWS); `forcePathStyle` puts the bucket into the path (default: when an endpoint is
 * given); `maxAttempts` counts the first try (default 4); `timeoutMs` is how long the server may stay silent
 * (default 30,000); `conditionalPut` declares that the server honours `If-None-Match` on put (default false).
 */
export type S3DataSourceConfig = z.input<typeof schema>;

/** The same, checked, with every default filled in. */
export interface S3Settings {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly endpoint: string | undefined;
  readonly forcePathStyle: boolean;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly conditionalPut: boolean;
  /** The server as a message names it. */
  readonly server: string;
}

/**
 * Checks a configuration and fills in its defaults.
 *
 * @throws ConfigError naming every key that is missing or wrong, never showing a value.
 */
export function readS3Config(config: unknown): S3Settings {
  const parsed = schema.safeParse(config);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const path = issue.path.join(".") || "the configuration";
      const found = issue.path.reduce<unknown>(
        (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
        config,
      );
      const missing = found === undefined || found === null || found === "";
      return `${path} ${missing ? "is missing" : `is wrong (${issue.message})`}`;
    });
    throw new ConfigError(`Cannot use the S3 data source: ${problems.join("; ")}`, {
      keys: parsed.error.issues.map((issue) => issue.path.join(".")),
    });
  }
  const s3 = parsed.data.s3Config;
  const endpoint = s3.endpoint ? readEndpoint(s3.endpoint) : undefined;
  return {
    accessKeyId: s3.accessKeyId,
    secretAccessKey: s3.secretAccessKey,
    sessionToken: s3.sessionToken,
    region: s3.region,
    bucket: s3.bucket,
    endpoint,
    forcePathStyle: s3.forcePathStyle ?? endpoint !== undefined,
    maxAttempts: s3.maxAttempts ?? 4,
    timeoutMs: s3.timeoutMs ?? 30_000,
    conditionalPut: s3.conditionalPut ?? false,
    server: endpoint ?? `AWS S3 (${s3.region})`,
  };
}

function readEndpoint(endpoint: string): string {
  const wrong = (what: string) =>
    new ConfigError(`Cannot use the S3 data source: s3Config.endpoint ${what}`, {
      keys: ["s3Config.endpoint"],
    });
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw wrong("is not an http:// or https:// URL");
  }
  if (url.username || url.password) {
    throw wrong("holds a user name or password; they belong into accessKeyId and secretAccessKey");
  }
  return endpoint.replace(/\/+$/, "");
}
