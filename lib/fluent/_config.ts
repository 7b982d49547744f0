import { z } from "zod";
import { ConfigError } from "../base/mod.ts";
import type { RetailerId } from "./types.ts";

/** A direct client's configuration, checked. */
export interface DirectConfig {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly retailerId?: RetailerId | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The longest delay a timer takes (2^31 - 1 ms). */
const MAX_TIMER_MS = 2_147_483_647;
const SERVER_URL = "must be an http or https URL of a server, such as https://ACCOUNT.api.fluentretail.com";
const text = z.string("must be a non-empty text").refine(
  (value) => value.trim() !== "",
  "must be a non-empty text",
);
const milliseconds = z.int("must be a whole number of milliseconds").min(1, "must be at least 1 millisecond")
  .max(MAX_TIMER_MS, `must be at most ${MAX_TIMER_MS} milliseconds`);
const optionalText = text.nullish().transform((value) => value ?? undefined);
const directConfig = z.object({
  baseUrl: z.string(SERVER_URL).refine(isServerUrl, SERVER_URL)
    .transform((value) => value.trim().replace(/\/+$/, "")),
  clientId: text,
  clientSecret: text,
  username: optionalText,
  password: optionalText,
  timeoutMs: milliseconds.nullish().transform((value) => value ?? undefined),
}, "must be an object").superRefine(({ username, password }, context) => {
  if ((username === undefined) === (password === undefined)) return;
  const [missing, given] = username === undefined ? ["username", "password"] : ["password", "username"];
  context.addIssue({ code: "custom", path: [missing], message: `must be given together with ${given}` });
});

/**
 * Checks a direct client's configuration.
 *
 * @throws {ConfigError} naming every field that is wrong, never its value.
 */
export function parseDirectConfig(config: unknown): DirectConfig {
  const read = directConfig.safeParse(config);
  if (read.success) {
    const { retailerId } = config as { retailerId?: unknown };
    return { ...read.data, retailerId: parseRetailerId(retailerId, "config.retailerId") };
  }
  const problems = read.error.issues.map(({ path, message }) => {
    const name = path.map(String).join(".");
    return `${["config", ...path].join(".")} ${message}${
      name !== "" && isMissing(config, name) ? ", found nothing" : ""
    }`;
  });
  throw new ConfigError(`Cannot create a Fluent client: ${problems.join("; ")}`, { problems });
}

/**
 * A retailer: a positive whole number or a non-empty text; `undefined` and `null` mean none.
 *
 * @throws {ConfigError} for anything else; `name` says where it was found.
 */
export function parseRetailerId(value: unknown, name: string): RetailerId | undefined {
  if (value === undefined || value === null) return undefined;
  if (isRetailerId(value)) return value;
  throw new ConfigError(
    `Cannot create a Fluent client: ${name} must be a positive whole number or a non-empty text, found ${
      typeof value === "number" ? value : value === "" ? "an empty text" : typeof value
    }`,
  );
}

/** Whether a value can be a retailer. */
export function isRetailerId(value: unknown): value is RetailerId {
  return typeof value === "number"
    ? Number.isSafeInteger(value) && value > 0
    : typeof value === "string" && value.trim() !== "";
}

/** A whole number of milliseconds or attempts within its bounds, or the ConfigError that names it. */
export function parseCount(
  value: unknown,
  name: string,
  fallback: number,
  least: number,
  most = MAX_TIMER_MS,
): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new ConfigError(
    `Cannot create a Fluent client: options.${name} must be a whole number from ${least} to ${most}, found ${
      String(value)
    }`,
  );
}

function isServerUrl(value: string): boolean {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return false;
  }
  return /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.search === "" &&
    url.hash === "";
}

function isMissing(config: unknown, name: string): boolean {
  return typeof config === "object" && config !== null &&
    (config as Record<string, unknown>)[name] === undefined;
}
