import { randomBytes, timingSafeEqual } from "node:crypto";
import { type Answer, ok } from "./_answer.ts";
import type { FluentCredentials } from "./options.ts";
import type { FluentStore } from "./_store.ts";

const DEFAULT_LIFETIME_S = 86_400;

/** `POST /oauth/token` and the check of the tokens it gave out. */
export class TokenService {
  readonly #store: FluentStore;
  readonly #credentials: FluentCredentials;
  readonly #retailerId: number;
  readonly #lifetimeS: number;
  readonly #prefix: string;

  constructor(
    store: FluentStore,
    options: {
      credentials: FluentCredentials;
      retailerId?: number;
      tokenLifetimeS?: number;
      tokenPrefix?: string;
    },
  ) {
    this.#store = store;
    this.#credentials = options.credentials;
    this.#retailerId = options.retailerId ?? 1;
    this.#prefix = options.tokenPrefix ?? "";
    this.#lifetimeS = options.tokenLifetimeS ?? DEFAULT_LIFETIME_S;
  }

  /** Answers a token request whose parameters came as a form or in the query. */
  grant(params: URLSearchParams, now: number): Answer {
    const type = params.get("grant_type");
    switch (type) {
      case "password":
        if (!this.#isClient(params)) {
          return unauthorised("invalid_client", "client_id or client_secret is wrong");
        }
        if (!this.#isUser(params)) return unauthorised("invalid_grant", "username or password is wrong");
        return this.#tokens(now);
      case "client_credentials":
        if (!this.#isClient(params)) {
          return unauthorised("invalid_client", "client_id or client_secret is wrong");
        }
        return this.#tokens(now);
      case "refresh_token":
        if (!this.#isClient(params)) {
          return unauthorised("invalid_client", "client_id or client_secret is wrong");
        }
        if (!this.#store.useRefreshToken(params.get("refresh_token") ?? "")) {
          return unauthorised("invalid_grant", "the refresh token is unknown or has been used");
        }
        return this.#tokens(now);
      default:
        return oauthError(
          400,
          type === null ? "invalid_request" : "unsupported_grant_type",
          `expected grant_type password, client_credentials or refresh_token, found ${type ?? "none"}`,
        );
    }
  }

  /** Why this Authorization header opens nothing, or undefined when it does. */
  objection(authorization: string | undefined, now: number): string | undefined {
    const token = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return "expected an Authorization header with a bearer token, found none";
    const expiresAt = this.#store.accessExpiry(token);
    if (expiresAt === undefined) return "the access token is unknown";
    return expiresAt <= now ? "the access token has expired" : undefined;
  }

  #tokens(now: number): Answer {
    const access = this.#prefix + randomBytes(24).toString("base64url");
    const refresh = this.#prefix + randomBytes(24).toString("base64url");
    this.#store.addTokens(access, now + this.#lifetimeS * 1000, refresh);
    return ok({
      access_token: access,
      token_type: "bearer",
      refresh_token: refresh,
      expires_in: this.#lifetimeS,
      scope: "api",
      Retailer_id: this.#retailerId,
    });
  }

  #isClient(params: URLSearchParams): boolean {
    return same(params.get("client_id"), this.#credentials.clientId) &&
      same(params.get("client_secret"), this.#credentials.clientSecret);
  }

  #isUser(params: URLSearchParams): boolean {
    return same(params.get("username"), this.#credentials.username) &&
      same(params.get("password"), this.#credentials.password);
  }
}

function same(given: string | null, wanted: string): boolean {
  const a = new TextEncoder().encode(given ?? "");
  const b = new TextEncoder().encode(wanted);
  return given !== null && a.length === b.length && timingSafeEqual(a, b);
}

function unauthorised(error: string, description: string): Answer {
  return oauthError(401, error, description);
}

/** The error shape of RFC 6749, section 5.2; Fluent's own is not public. */
function oauthError(status: number, error: string, description: string): Answer {
  return { status, body: { error, error_description: description } };
}
