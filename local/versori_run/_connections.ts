import { Buffer } from "node:buffer";
import type { Activations } from "./_activations.ts";
import { STATIC_USER } from "./_activations.ts";
import type { Clock } from "./_clock.ts";
import type { ConnectionConfig } from "./_config.ts";
import type { AccessToken, CredentialsProvider } from "./_credentials.ts";
import { OAuth2Tokens } from "./_oauth2.ts";
import type { PlatformOptions } from "./_options.ts";

/** A connection as one user's runs see it. */
export interface OpenConnection {
  /** Scheme, host and port. */
  readonly baseUrl: string;
  readonly variables: Record<string, unknown>;
  /** Authenticated `fetch` for relative paths. */
  readonly fetch: typeof fetch;
}

/** The connections of the configuration, by system name. */
export class Connections {
  readonly #activations: Activations;
  readonly #options: PlatformOptions;
  readonly #tokens: OAuth2Tokens;

  constructor(
    activations: Activations,
    options: PlatformOptions,
    clock: Clock,
  ) {
    this.#activations = activations;
    this.#options = options;
    this.#tokens = new OAuth2Tokens(clock);
  }

  /**
   * The connection of a system.
   *
   * @param signal aborts what it fetches.
   * @throws Error when the user has none, or it has no base URL.
   */
  open(
    system: string,
    externalId: string,
    signal: AbortSignal,
  ): OpenConnection {
    const connection = this.find(system, externalId);
    if (connection.baseUrl === undefined) {
      throw new Error(
        `Cannot use the connection '${system}' in an http task: it has no base URL (key baseUrl)`,
      );
    }
    const baseUrl = effectiveBaseUrl(system, connection.baseUrl);
    const hidden = externalId === STATIC_USER &&
      !this.#options.staticUserConnectionVariables;
    return {
      baseUrl,
      variables: hidden ? {} : structuredClone(connection.variables),
      fetch: (input, init) =>
        this.#fetch(
          system,
          externalId,
          connection,
          baseUrl,
          input,
          init,
          signal,
        ),
    };
  }

  /** @throws Error that names the system when the user has no connection of it. */
  find(system: string, externalId: string): ConnectionConfig {
    const connection = this.#activations.connection(externalId, system);
    if (connection) return connection;
    throw new Error(
      `No connection is configured for the system '${system}' (key connections; system names are exact)`,
    );
  }

  /** Credentials for the runs of one user. */
  credentials(externalId: string): CredentialsProvider {
    const userOf = (activationId: string | undefined) => {
      if (activationId === undefined) return externalId;
      const user = this.#activations.externalIdOf(activationId);
      if (user === undefined) {
        throw new Error(
          `Cannot read credentials: there is no activation '${activationId}'`,
        );
      }
      return user;
    };
    return {
      getRaw: (name, activationId) =>
        Promise.try(() => {
          const { auth } = this.find(name, userOf(activationId));
          if (auth.type === "apiKey") return new TextEncoder().encode(auth.key);
          throw new Error(
            `Cannot read the raw credential of '${name}': it holds ${auth.type}, expected an API key`,
          );
        }),
      getAccessToken: (name, forceRefresh = false, activationId) =>
        Promise.try(() => this.#accessToken(name, userOf(activationId), forceRefresh)),
      getOAuth1Metadata: (name, activationId) =>
        Promise.try(() => {
          const { auth } = this.find(name, userOf(activationId));
          throw new Error(
            `Cannot read the OAuth1 metadata of '${name}': it holds ${auth.type}`,
          );
        }),
    };
  }

  #accessToken(
    system: string,
    externalId: string,
    forceRefresh: boolean,
  ): AccessToken | Promise<AccessToken> {
    const { auth } = this.find(system, externalId);
    switch (auth.type) {
      case "basic":
        return {
          accessToken: base64(`${auth.username}:${auth.password}`),
          tokenType: "Basic",
        };
      case "oauth2ClientCredentials":
      case "oauth2Password":
        return this.#tokens.get(
          tokenKey(system, externalId),
          system,
          auth,
          forceRefresh,
        );
      case "apiKey":
      case "hmac":
      case "none":
        throw new Error(
          `Cannot get an access token of '${system}': it holds ${auth.type}, expected OAuth2 or basic`,
        );
    }
  }

  async #fetch(
    system: string,
    externalId: string,
    connection: ConnectionConfig,
    baseUrl: string,
    input: string | URL | Request,
    init: RequestInit | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = relativeUrl(system, baseUrl, input);
    const headers = new Headers(init?.headers);
    const token = await this.#authenticate(
      system,
      externalId,
      connection,
      url,
      headers,
      false,
    );
    const signals = init?.signal ? AbortSignal.any([signal, init.signal]) : signal;
    const send = () => fetch(url, { ...init, ...sentOnce(init, headers), headers, signal: signals });
    const response = await send();
    if (response.status !== 401 || token === undefined) return response;

    this.#tokens.refused(tokenKey(system, externalId), token);
    if (
      !this.#options.fetchRetriesAfter401 ||
      init?.body instanceof ReadableStream
    ) return response;
    await response.body?.cancel();
    await this.#authenticate(
      system,
      externalId,
      connection,
      url,
      headers,
      true,
    );
    return await send();
  }

  /** Adds the credential to URL or headers; answers the OAuth2 token it used, if it used one. */
  async #authenticate(
    system: string,
    externalId: string,
    { auth }: ConnectionConfig,
    url: URL,
    headers: Headers,
    isRepetition: boolean,
  ): Promise<string | undefined> {
    const callerWins = this.#options.callerAuthorizationWins && !isRepetition;
    const authorize = (value: string) => {
      if (callerWins && headers.has("authorization")) return false;
      headers.set("authorization", value);
      return true;
    };
    switch (auth.type) {
      case "none":
        return undefined;
      case "apiKey":
        if (auth.in === "query") url.searchParams.set(auth.name, auth.key);
        else if (auth.in === "cookie") {
          headers.append(
            "cookie",
            `${auth.name}=${encodeURIComponent(auth.key)}`,
          );
        } else if (auth.name.toLowerCase() === "authorization") {
          authorize(auth.key);
        } else headers.set(auth.name, auth.key);
        return undefined;
      case "basic":
        authorize(`Basic ${base64(`${auth.username}:${auth.password}`)}`);
        return undefined;
      case "oauth2ClientCredentials":
      case "oauth2Password": {
        const { accessToken } = await this.#tokens.get(
          tokenKey(system, externalId),
          system,
          auth,
          false,
        );
        return authorize(`Bearer ${accessToken}`) ? accessToken : undefined;
      }
      case "hmac":
        throw new Error(
          `Cannot use the connection '${system}' for calls: hmac only verifies incoming ones`,
        );
    }
  }
}

/**
 * The base URL as the platform makes it of what was entered: `https://` where no scheme is given, and nothing behind the
 * host (which also takes the trailing `/api` that the runtime would strip).
 */
export function effectiveBaseUrl(system: string, entered: string): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(entered) ? entered : `https://${entered}`;
  if (!URL.canParse(text)) {
    throw new Error(
      `Cannot use the base URL of the connection '${system}': it is no URL`,
    );
  }
  return new URL(text).origin;
}

/**
 * Deno's `fetch` sends a request again by itself when a pooled connection breaks before the answer, a POST too, if it
 * can clone the body (seen with 2.9.6; denoland/deno#32566, #36415). It cannot clone a Blob, whose length is known all
 * the same; so a call goes out as often as the workflow makes it.
 */
function sentOnce(init: RequestInit | undefined, headers: Headers): Pick<RequestInit, "body"> {
  if (typeof init?.body !== "string") return {};
  if (!headers.has("content-type")) headers.set("content-type", "text/plain;charset=UTF-8");
  return { body: new Blob([init.body]) };
}

function relativeUrl(
  system: string,
  baseUrl: string,
  input: string | URL | Request,
): URL {
  if (
    typeof input !== "string" || /^([a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(input)
  ) {
    throw new TypeError(
      `Cannot fetch through the connection '${system}': only relative paths such as "/api/x" are allowed`,
    );
  }
  const url = new URL(input.startsWith("/") ? input : `/${input}`, baseUrl);
  if (url.origin !== baseUrl) {
    throw new TypeError(
      `Cannot fetch through the connection '${system}': the path leads to another host`,
    );
  }
  return url;
}

function tokenKey(system: string, externalId: string): string {
  return JSON.stringify([system, externalId]);
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
