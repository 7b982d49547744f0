import { type Clock, ConfigError, type Logger, silentLogger, systemClock } from "../base/mod.ts";
import { parseCount, parseDirectConfig, parseRetailerId } from "./_config.ts";
import { type StartTimer, systemTimer } from "./_exchange.ts";
import { PlatformChannel } from "./_platform_channel.ts";
import { Redactor } from "./_redactor.ts";
import { DEFAULT_MAX_REQUEST_BYTES } from "./_requests.ts";
import { type FetchLike, TokenChannel } from "./_token_channel.ts";
import { Transport, type TransportParts } from "./_transport.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import { FluentClient } from "./fluent_client.ts";
import { RetryBudget } from "./retry_budget.ts";
import type { RetailerId } from "./types.ts";

/** Access to a Fluent account. Checked when the client is created, so that environment values can be passed as they are. */
export interface FluentClientConfig {
  /** `https://ACCOUNT.api.fluentretail.com`, or `.sandbox.api.` for a sandbox. */
  readonly baseUrl: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly retailerId?: RetailerId | undefined;
  /** With `password`: the OAuth2 password grant. Without: client credentials. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Per request, its answer included. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** For use outside Versori. */
export interface DirectFluentContext {
  readonly config: FluentClientConfig;
  readonly logger?: Logger | undefined;
}

/** What the client needs of Versori's context inside an `http` task; the context itself fits. */
export interface VersoriFluentContext {
  /** Authenticated by the platform; takes relative paths. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  readonly connectionVariables?: Readonly<Record<string, unknown>> | undefined;
  credentials?(): { getAccessToken(name: string, forceRefresh?: boolean): Promise<{ accessToken: string }> };
  readonly log?: Logger | undefined;
}

/** Everything that can be handed in. */
export interface CreateClientOptions {
  /** The Versori connection (system name) whose token is renewed after a 401. Default `fluent_commerce`. */
  readonly connectionName?: string | undefined;
  /** Wins over the configuration's and the connection variable `retailerId`. */
  readonly retailerId?: RetailerId | undefined;
  /** Per request, its answer included. Default: the configuration's, else 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Attempts in all for what may be repeated. Default 4. */
  readonly attempts?: number | undefined;
  /** Shared by clients that talk to the same Fluent. Default: one of the client's own. */
  readonly breaker?: CircuitBreaker | undefined;
  /** What the calls of the client's job may repeat together. Default: one of the client's own. */
  readonly retryBudget?: RetryBudget | undefined;
  /** The largest request body in bytes; a larger batch is refused before it leaves. Default 5 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** First and longest backoff (full jitter). Defaults 500 and 10,000. */
  readonly baseDelayMs?: number | undefined;
  readonly maxDelayMs?: number | undefined;
  /** The longest `Retry-After` waited for inside a call; a longer one is thrown to the caller. Default 30,000. */
  readonly maxRetryAfterMs?: number | undefined;
  /** Direct use only: what sends the requests. */
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  /** A number in [0, 1). */
  readonly random?: (() => number) | undefined;
  /** What limits a request in time. Not the clock, because requests take real time where waits are virtual. */
  readonly startTimer?: StartTimer | undefined;
}

/**
 * A client for one Fluent account.
 *
 * With `{ config, logger? }`, or the configuration alone, it signs in by itself (one login for all calls, renewed a minute
 * before it expires). With the context of a Versori `http` task it sends relative paths through the platform's
 * connection. In both a 401 is tried once more with a fresh token.
 *
 * @throws {ConfigError} when the context is neither, or a value is missing or wrong.
 *
 * @example
 * ```ts
 * import { createClient } from "./mod.ts";
 * const client = createClient({
 *   config: { baseUrl: "https://acme.sandbox.api.fluentretail.com", clientId: "ACME", clientSecret: "…", retailerId: 1 },
 * });
 * console.log(client.getRetailerId());
 * ```
 */
export function createClient(
  context: DirectFluentContext | FluentClientConfig | VersoriFluentContext,
  options: CreateClientOptions = {},
): FluentClient {
  if (isDirect(context)) return directClient(context, options);
  if (isVersori(context)) return platformClient(context, options);
  if (isConfig(context)) return directClient({ config: context }, options);
  throw new ConfigError(
    "Cannot create a Fluent client: expected { config: { baseUrl, clientId, clientSecret, … }, logger? } or the context of " +
      `a Versori http task (with fetch), found ${keysOf(context)}`,
  );
}

function directClient(context: DirectFluentContext, options: CreateClientOptions): FluentClient {
  const config = parseDirectConfig(context.config);
  const parts = partsOf(options, context.logger, config.timeoutMs);
  const channel = new TokenChannel(config, options.fetch ?? ((url, init) => fetch(url, init)), parts);
  const retailerId = parseRetailerId(options.retailerId, "options.retailerId") ?? config.retailerId;
  return clientOf(new Transport(channel, parts), retailerId, true, options);
}

function platformClient(context: VersoriFluentContext, options: CreateClientOptions): FluentClient {
  const parts = partsOf(options, context.log, undefined);
  const channel = new PlatformChannel(context, options.connectionName ?? "fluent_commerce", parts);
  const retailerId = parseRetailerId(options.retailerId, "options.retailerId") ??
    parseRetailerId(context.connectionVariables?.retailerId, "the connection variable retailerId");
  return clientOf(new Transport(channel, parts), retailerId, false, options);
}

function clientOf(
  transport: Transport,
  retailerId: RetailerId | undefined,
  ownToken: boolean,
  options: CreateClientOptions,
): FluentClient {
  const { maxRequestBytes } = options;
  return new FluentClient({
    transport,
    retailerId,
    ownToken,
    maxRequestBytes: parseCount(maxRequestBytes, "maxRequestBytes", DEFAULT_MAX_REQUEST_BYTES, 1),
  });
}

function partsOf(
  options: CreateClientOptions,
  logger: Logger | undefined,
  configuredTimeoutMs: number | undefined,
): TransportParts {
  const clock = options.clock ?? systemClock;
  return {
    clock,
    breaker: options.breaker ?? new CircuitBreaker({ clock }),
    retryBudget: options.retryBudget ?? new RetryBudget(),
    random: options.random ?? Math.random,
    logger: logger ?? silentLogger,
    redactor: new Redactor(),
    policy: {
      attempts: parseCount(options.attempts, "attempts", 4, 1, 20),
      baseDelayMs: parseCount(options.baseDelayMs, "baseDelayMs", 500, 0),
      maxDelayMs: parseCount(options.maxDelayMs, "maxDelayMs", 10_000, 0),
    },
    maxRetryAfterMs: parseCount(options.maxRetryAfterMs, "maxRetryAfterMs", 30_000, 0),
    timeoutMs: parseCount(options.timeoutMs, "timeoutMs", configuredTimeoutMs ?? 30_000, 1),
    startTimer: options.startTimer ?? systemTimer,
  };
}

function isDirect(context: unknown): context is DirectFluentContext {
  return typeof context === "object" && context !== null && "config" in context;
}

function isConfig(context: unknown): context is FluentClientConfig {
  return typeof context === "object" && context !== null && ("baseUrl" in context || "clientId" in context);
}

function isVersori(context: unknown): context is VersoriFluentContext {
  return typeof context === "object" && context !== null && "fetch" in context &&
    typeof context.fetch === "function";
}

function keysOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const keys = Object.keys(value).slice(0, 12);
  return keys.length === 0 ? "an object without keys" : `an object with the keys ${keys.join(", ")}`;
}
