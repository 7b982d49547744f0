import { messageOf } from "../base/mod.ts";
import { limited, TimedOut } from "./_exchange.ts";
import { noToken } from "./_failures.ts";
import { SharedFlight } from "./_shared_flight.ts";
import type { Channel, Pass, TransportParts } from "./_transport.ts";
import type { VersoriFluentContext } from "./create_client.ts";

/**
 * Requests through a Versori connection: relative paths, the platform adds and refreshes the token. After a 401 the
 * platform is asked for a fresh one, once for all who wait.
 */
export class PlatformChannel implements Channel {
  readonly target: string;
  readonly credentialsHint: string;
  readonly #context: VersoriFluentContext;
  readonly #connectionName: string;
  readonly #parts: TransportParts;
  readonly #renewal = new SharedFlight<boolean>();
  readonly #signIn = new SharedFlight<void>();
  #signedIn = false;
  #generation = 1;

  constructor(context: VersoriFluentContext, connectionName: string, parts: TransportParts) {
    this.#context = context;
    this.#connectionName = connectionName;
    this.#parts = parts;
    this.target = `the connection '${connectionName}'`;
    this.credentialsHint =
      `check the credentials of the connection '${connectionName}' and the user's permissions`;
  }

  /** The platform adds the token; asked for once beforehand, so that a sign-in that fails is known to be no more. */
  async authorise(signal?: AbortSignal): Promise<Pass> {
    if (signal?.aborted) throw signal.reason;
    if (!this.#signedIn) await this.#signIn.join((inner) => this.#firstToken(inner), signal);
    return { headers: {}, generation: this.#generation };
  }

  renew(pass: Pass, signal?: AbortSignal): Promise<boolean> {
    if (pass.generation !== this.#generation) return Promise.resolve(true);
    return this.#renewal.join((inner) => this.#forceRefresh(inner), signal);
  }

  /** A text body, whatever `once` says: what else the platform's fetch takes is not documented. */
  fetch(path: string, init: RequestInit & { readonly body?: string }): Promise<Response> {
    return this.#context.fetch(path, init);
  }

  async #firstToken(signal: AbortSignal): Promise<void> {
    const why = await this.#askForToken(false, signal);
    if (why !== undefined) throw noToken(why, this.#connectionName, this.credentialsHint);
    this.#signedIn = true;
  }

  async #forceRefresh(signal: AbortSignal): Promise<boolean> {
    if (this.#context.credentials === undefined) return false;
    const why = await this.#askForToken(true, signal);
    if (why !== undefined) {
      this.#parts.logger.warn("The platform gave no fresh Fluent token", {
        connection: this.#connectionName,
        error: why,
      });
      return false;
    }
    this.#generation++;
    return true;
  }

  /** Has the platform get a token; says why there is none. A context without credentials is taken at its word. */
  async #askForToken(fresh: boolean, signal: AbortSignal): Promise<string | undefined> {
    const { redactor, timeoutMs, startTimer } = this.#parts;
    const credentials = this.#context.credentials?.();
    if (credentials === undefined) return undefined;
    try {
      const token = await limited(() => credentials.getAccessToken(this.#connectionName, fresh), {
        timeoutMs,
        startTimer,
        signal,
      });
      redactor.add(token.accessToken);
      return undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      return redactor.clean(
        error instanceof TimedOut ? `no answer within ${timeoutMs} ms` : messageOf(error),
      );
    }
  }
}
