import type { Clock } from "./_clock.ts";
import type { ConnectionAuth } from "./_config.ts";
import type { AccessToken } from "./_credentials.ts";
import { messageOf } from "./_execution_error.ts";

/** An OAuth2 connection's authentication. */
export type OAuth2Auth = Extract<
  ConnectionAuth,
  { type: "oauth2ClientCredentials" | "oauth2Password" }
>;

/** A token is renewed this long before it ends, or at the last tenth of its life if that is shorter. */
const RENEW_BEFORE_MS = 60_000;
const TOKEN_TIMEOUT_MS = 30_000;

interface CachedToken {
  readonly token: AccessToken;
  /** Milliseconds since the epoch; without one the token serves until it is refused. */
  readonly renewAt: number | undefined;
}

/** Tokens of OAuth2 connections: fetched once for all who wait, kept until shortly before they end. */
export class OAuth2Tokens {
  readonly #clock: Clock;
  readonly #cached = new Map<string, CachedToken>();
  readonly #fetching = new Map<string, Promise<AccessToken>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param key what the token is kept under: system and user. */
  get(
    key: string,
    system: string,
    auth: OAuth2Auth,
    forceRefresh: boolean,
  ): Promise<AccessToken> {
    const cached = this.#cached.get(key);
    const fresh = cached &&
      (cached.renewAt === undefined || this.#clock.now() < cached.renewAt);
    if (fresh && !forceRefresh) return Promise.resolve(cached.token);
    let fetching = this.#fetching.get(key);
    if (!fetching) {
      fetching = this.#fetch(key, system, auth).finally(() => this.#fetching.delete(key));
      this.#fetching.set(key, fetching);
    }
    return fetching;
  }

  /** Forgets the token that was refused, unless it has been replaced meanwhile. */
  refused(key: string, accessToken: string): void {
    if (this.#cached.get(key)?.token.accessToken === accessToken) {
      this.#cached.delete(key);
    }
  }

  async #fetch(
    key: string,
    system: string,
    auth: OAuth2Auth,
  ): Promise<AccessToken> {
    const askedAt = this.#clock.now();
    const { access_token, token_type, expires_in } = await requestToken(
      system,
      auth,
    );
    if (typeof access_token !== "string" || access_token === "") {
      throw new Error(
        `Cannot get a token for the connection '${system}': the answer has no access_token`,
      );
    }
    // Some servers send the number as a string.
    const lifeMs = expires_in === undefined || expires_in === null ? NaN : Number(expires_in) * 1000;
    const token: AccessToken = {
      accessToken: access_token,
      tokenType: typeof token_type === "string" ? token_type : "Bearer",
      ...(Number.isFinite(lifeMs) ? { expiry: new Date(askedAt + lifeMs) } : {}),
    };
    this.#cached.set(key, {
      token,
      renewAt: Number.isFinite(lifeMs)
        ? askedAt + lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 10)
        : undefined,
    });
    return token;
  }
}

/** Asks the token endpoint, with the parameters in the form body (RFC 6749, sections 2.3.1, 4.3 and 4.4). */
async function requestToken(
  system: string,
  auth: OAuth2Auth,
): Promise<Record<string, unknown>> {
  const form = new URLSearchParams({
    client_id: auth.clientId,
    client_secret: auth.clientSecret,
  });
  if (auth.type === "oauth2Password") {
    form.set("grant_type", "password");
    form.set("username", auth.username);
    form.set("password", auth.password);
  } else {
    form.set("grant_type", "client_credentials");
  }
  if (auth.scope !== undefined) form.set("scope", auth.scope);

  const endpoint = new URL(auth.tokenUrl);
  const where = `${endpoint.origin}${endpoint.pathname}`;
  let response: Response;
  try {
    response = await fetch(endpoint, {
      method: "POST",
      headers: { accept: "application/json" },
      body: form,
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    });
  } catch (error) {
    // The runtime's message repeats the whole URL, and a query may hold secrets.
    const reason = messageOf(error).replaceAll(endpoint.href, where);
    throw new Error(
      `Cannot get a token for the connection '${system}' from ${where}: ${reason}`,
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(
      `Cannot get a token for the connection '${system}': ${where} answered ${response.status}`,
    );
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (typeof answer !== "object" || answer === null) {
    throw new Error(
      `Cannot get a token for the connection '${system}': ${where} answered no JSON object`,
    );
  }
  return answer as Record<string, unknown>;
}
