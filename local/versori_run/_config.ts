import { readFileSync } from "node:fs";
import process from "node:process";
import { z } from "zod";
import { type Clock, machineClock } from "./_clock.ts";
import type { PlatformEvent } from "./_events.ts";
import { messageOf } from "./_execution_error.ts";
import { optionsSchema } from "./_options.ts";

const text = z.string().min(1);
const url = z.url({ protocol: /^https?$/ });

const authSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("none") }),
  z.strictObject({
    type: z.literal("apiKey"),
    key: text,
    in: z.enum(["header", "query", "cookie"]).default("header"),
    name: text.default("x-api-key"),
  }),
  z.strictObject({
    type: z.literal("basic"),
    username: z.string(),
    password: z.string(),
  }),
  z.strictObject({
    type: z.literal("oauth2ClientCredentials"),
    tokenUrl: url,
    clientId: text,
    clientSecret: text,
    scope: text.optional(),
  }),
  z.strictObject({
    type: z.literal("oauth2Password"),
    tokenUrl: url,
    clientId: text,
    clientSecret: text,
    username: text,
    password: text,
    scope: text.optional(),
  }),
  z.strictObject({
    type: z.literal("hmac"),
    secret: text,
    header: text,
    algorithm: z.enum(["sha1", "sha256", "sha384", "sha512"]).default("sha256"),
    encoding: z.enum(["hex", "base64"]).default("hex"),
  }),
]);

const connectionSchema = z.strictObject({
  /** Scheme, host and port; path and missing scheme are treated as the platform does. */
  baseUrl: text.optional(),
  /** What `ctx.connectionVariables` shows. */
  variables: z.record(z.string(), z.json()).default({}),
  auth: authSchema,
});

const functionOf = <F>(what: string) =>
  z.custom<F>((value) => typeof value === "function", `expected ${what}`);

/** Schema of the local platform's configuration. */
export const configSchema = z.strictObject({
  /** Folder of the SQLite database, relative to the working directory. */
  stateDir: text.default(".local"),
  /** Port on 127.0.0.1; 0 = any free one. */
  port: z.int().min(0).max(65_535).default(3000),
  /** What this process does. */
  roles: z.strictObject({
    http: z.boolean().default(true),
    scheduler: z.boolean().default(true),
    worker: z.boolean().default(true),
  }).prefault({}),
  /** Name of the environment; part of every KV prefix but the organisation's. */
  environment: text.default("local"),
  organisationId: text.default("local-organisation"),
  projectId: text.default("local-project"),
  /** Where triggers are reached from outside; a scheduler without the http role calls them there. */
  publicUrl: url.optional(),
  /** Connections of the static user by system name; other users fall back to them. */
  connections: z.record(z.string(), connectionSchema).default({}),
  /** Activation variables of the static user. */
  variables: z.record(z.string(), z.json()).default({}),
  /** Further activations by the external id of their user. */
  users: z.record(
    z.string(),
    z.strictObject({
      variables: z.record(z.string(), z.json()).default({}),
      connections: z.record(z.string(), connectionSchema).default({}),
    }),
  ).default({}),
  options: optionsSchema.prefault({}),
  log: z.strictObject({
    /** Default: pretty on a terminal, JSON elsewhere. */
    format: z.enum(["json", "pretty"]).optional(),
    level: z.enum(["debug", "info", "warn", "error"]).default("info"),
    /** Takes each finished line, without its end, instead of standard error. In-process only. */
    write: functionOf<(line: string) => void>("a function").optional(),
  }).prefault({}),
  /** Told of everything the platform does. In-process only. */
  onEvent: functionOf<(event: PlatformEvent) => void>("a function").optional(),
  /** Time, for tests. In-process only. */
  clock: z.custom<Clock>(
    (value) =>
      typeof (value as Clock | undefined)?.now === "function" &&
      typeof (value as Clock).sleep === "function",
    "expected an object with now() and sleep()",
  ).default(machineClock),
}).check((context) => {
  const { roles, publicUrl } = context.value;
  if (roles.scheduler && !roles.http && publicUrl === undefined) {
    context.issues.push({
      code: "custom",
      input: publicUrl,
      path: ["publicUrl"],
      message: "needed by a scheduler that runs without the http role",
    });
  }
});

/** A connection with every default filled in. */
export type ConnectionConfig = z.output<typeof connectionSchema>;
/** A connection as a configuration gives it. */
export type ConnectionConfigInput = z.input<typeof connectionSchema>;
/** How a connection authenticates. */
export type ConnectionAuth = z.output<typeof authSchema>;
/** The configuration with every default filled in. */
export type ResolvedConfig = z.output<typeof configSchema>;
/** The configuration as `configurePlatform` and the file take it. */
export type PlatformConfig = z.input<typeof configSchema>;

/** Environment variable that names the configuration file of a process that was not configured in-process. */
export const CONFIG_FILE_VARIABLE = "VERSORI_LOCAL_CONFIG";

/**
 * Checks a configuration and fills in its defaults.
 *
 * @throws Error whose message names each wrong key, without any value (they may be secrets).
 */
export function resolveConfig(input: unknown, where: string): ResolvedConfig {
  const parsed = configSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new Error(
    `Cannot use the local platform's configuration (${where}): ${problems.join("; ")}`,
  );
}

// `newInstance()` takes no arguments on the platform, so the configuration has to wait for it here.
let configured: ResolvedConfig | undefined;

/**
 * Sets the configuration of the interpreters that this process creates from now on.
 *
 * @throws Error that names each wrong key.
 */
export function configurePlatform(config: PlatformConfig): void {
  configured = resolveConfig(config, "configurePlatform");
}

/** What was configured in-process, else the file named by `VERSORI_LOCAL_CONFIG`, else the defaults. */
export function currentConfig(): ResolvedConfig {
  if (configured) return configured;
  const file = process.env[CONFIG_FILE_VARIABLE];
  if (!file) return resolveConfig({}, "defaults");
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(
      `Cannot read ${CONFIG_FILE_VARIABLE}=${file}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return resolveConfig(content, file);
}
