import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import type { Answer } from "./_exchange.ts";
import { badAnswer, describeText, notJson, type RequestFacts } from "./_failures.ts";
import { SharedFlight } from "./_shared_flight.ts";
import { type Channel, type Pass, repeat, type TransportParts, tryOnce } from "./_transport.ts";
import type { DirectConfig } from "./_config.ts";

/** A token is replaced this long before it expires (or at half of a shorter life). */
const EXPIRY_BUFFER_MS = 60_000;
const TOKEN_PATH = "/oauth/token";

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  /** Seconds. Without it the token is used until Fluent answers 401. */
  expires_in: z.coerce.number().nonnegative().nullish(),
  refresh_token: z.string().min(1).nullish(),
});

interface Token {
  readonly value: string;
  readonly generation: number;
  /** When it is time for the next one, milliseconds since the epoch. */
  readonly freshUntil: number;
}

/** The fetch a direct client sends with. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Requests to a base URL with a token of our own: OAuth2 password grant when there is a user, else client credentials
 * (`POST /oauth/token`, form body). One login serves all who wait for it.
 */
export class TokenChannel implements Channel {
  readonly target: string;
  readonly credentialsHint = "check the client id, secret and the user's permissions";
  readonly #config: DirectConfig;
  readonly #fetch: FetchLike;
  readonly #parts: TransportParts;
  readonly #login = new SharedFlight<Token>();
  #token: Token | undefined;
  /** Single-use: taken out before it is sent. */
  #refreshToken: string | undefined;
  #generation = 0;

  constructor(config: DirectConfig, fetchLike: FetchLike, parts: TransportParts) {
    this.#config = config;
    this.#fetch = fetchLike;
    this.#parts = parts;
    const url = new URL(config.baseUrl);
    this.target = `${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`;
    parts.redactor.keep(config.clientSecret, config.password, `${config.clientId}:${config.clientSecret}`);
  }

  async authorise(signal?: AbortSignal): Promise<Pass> {
    const current = this.#token;
    const token = current !== undefined && this.#parts.clock.now() < current.freshUntil
      ? current
      : await this.#login.join((inner) => this.#next(inner), signal);
    return { headers: { authorization: `Bearer ${token.value}` }, generation: token.generation };
  }

  async renew(pass: Pass, signal?: AbortSignal): Promise<boolean> {
    if (pass.generation !== this.#generation) return true; // another request has already got a new one
    this.#token = undefined;
    this.#refreshToken = undefined; // a refused token says nothing good of its refresh token: sign in anew
    await this.#login.join((inner) => this.#next(inner), signal);
    return true;
  }

  fetch(path: string, init: RequestInit & { readonly body?: string }, once: boolean): Promise<Response> {
    // Deno's fetch sends a request again by itself when a pooled connection breaks before the answer, a POST too, if it can
    // clone the body (seen with 2.9.6; denoland/deno#32566, #36415). It cannot clone a Blob, whose length is known all the same.
    const body = once && init.body !== undefined ? { body: new Blob([init.body]) } : {};
    return this.#fetch(this.#config.baseUrl + path, { ...init, ...body });
  }

  async #next(signal: AbortSignal): Promise<Token> {
    const refreshToken = this.#refreshToken;
    this.#refreshToken = undefined;
    if (refreshToken !== undefined) {
      try {
        return await this.#ask({ grant_type: "refresh_token", refresh_token: refreshToken }, signal, 1);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#parts.logger.warn("Fluent refused the refresh token, signing in again", {
          error: messageOf(error),
        });
      }
    }
    const { username, password } = this.#config;
    const grant: Record<string, string> = username !== undefined && password !== undefined
      ? { grant_type: "password", username, password, scope: "api" }
      : { grant_type: "client_credentials", scope: "api" };
    return await this.#ask(grant, signal, this.#parts.policy.attempts);
  }

  async #ask(grant: Record<string, string>, signal: AbortSignal, attempts: number): Promise<Token> {
    const { clientId, clientSecret } = this.#config;
    const body = new URLSearchParams({ ...grant, client_id: clientId, client_secret: clientSecret })
      .toString();
    const facts: RequestFacts = {
      doing: "sign in to Fluent",
      method: "POST",
      path: TOKEN_PATH,
      repeatable: true,
      target: this.target,
      credentialsHint: this.#config.username === undefined
        ? "check the client id and secret"
        : "check the client id, secret, user name and password",
    };
    const parts = { ...this.#parts, policy: { ...this.#parts.policy, attempts } };
    const from = parts.clock.now();
    const answer = await repeat(
      facts,
      parts,
      { signal },
      (attempt) =>
        tryOnce(facts, parts, attempt, signal, (inner) =>
          this.fetch(TOKEN_PATH, {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
            body,
            redirect: "manual",
            signal: inner,
          }, false)),
    );
    return this.#keep(facts, answer, from);
  }

  #keep(facts: RequestFacts, answer: Answer, askedAt: number): Token {
    const { redactor } = this.#parts;
    let body: unknown;
    try {
      body = JSON.parse(answer.text);
    } catch {
      // Before the first token a page most likely means a wrong base URL, afterwards that something is in between.
      throw this.#generation === 0
        ? badAnswer(facts, answer, "JSON", describeText(answer, redactor), redactor)
        : notJson(facts, answer, redactor);
    }
    const read = tokenAnswer.safeParse(body);
    if (!read.success) {
      throw badAnswer(facts, answer, "an access token", "an answer without a usable one", redactor);
    }
    const { access_token, expires_in, refresh_token } = read.data;
    redactor.add(access_token);
    redactor.add(refresh_token ?? undefined);
    const lifeMs = (expires_in ?? Infinity) * 1000;
    this.#refreshToken = refresh_token ?? undefined;
    this.#token = {
      value: access_token,
      generation: ++this.#generation,
      freshUntil: askedAt + lifeMs - Math.min(EXPIRY_BUFFER_MS, lifeMs / 2),
    };
    return this.#token;
  }
}
