import { ConfigError } from "../../lib/base/mod.ts";
import type { FluentAccess, S3Access } from "../stack.ts";

/** @throws ConfigError saying what the variable is for */
export function neededVariable(env: NodeJS.ProcessEnv, name: string, why: string): string {
  const value = env[name];
  if (value) return value;
  throw new ConfigError(`Environment variable ${name} is missing: ${why}`);
}

/** Access to an S3 store of one's own: the address from an option, the keys from the environment. */
export function s3Access(endpoint: string, env: NodeJS.ProcessEnv): S3Access {
  return {
    endpoint,
    accessKeyId: neededVariable(env, "AWS_ACCESS_KEY_ID", "the store's access key id"),
    secretAccessKey: neededVariable(env, "AWS_SECRET_ACCESS_KEY", "the store's secret access key"),
    region: env["AWS_REGION"] || "us-east-1",
  };
}

/** Access to a Fluent account of one's own. With a user or a password in the environment: the password grant. */
export function fluentAccess(url: string, env: NodeJS.ProcessEnv): FluentAccess {
  const byPassword = Boolean(env["FLUENT_USERNAME"] || env["FLUENT_PASSWORD"]);
  return {
    url,
    clientId: neededVariable(env, "FLUENT_CLIENT_ID", "the Fluent account's client id"),
    clientSecret: neededVariable(env, "FLUENT_CLIENT_SECRET", "the Fluent account's client secret"),
    ...(byPassword
      ? {
        username: neededVariable(env, "FLUENT_USERNAME", "the Fluent user FLUENT_PASSWORD belongs to"),
        password: neededVariable(env, "FLUENT_PASSWORD", "the password of FLUENT_USERNAME"),
      }
      : {}),
  };
}
