import { ConnectorError } from "../../lib/base/mod.ts";
import { UsageError } from "./usage_error.ts";

/** What a webhook answers, as far as this command looks into it. */
export type Answered = Record<string, unknown>;

/** Calls the webhooks of one environment. */
export class JobsClient {
  readonly #url: string;
  readonly #key: string;
  readonly #signal: AbortSignal | undefined;

  constructor(url: string, key: string, signal?: AbortSignal) {
    this.#url = url.replace(/\/+$/, "");
    this.#key = key;
    this.#signal = signal;
  }

  get(webhook: string, query: Readonly<Record<string, string | undefined>>): Promise<Answered> {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return this.#call(`${webhook}?${new URLSearchParams(given)}`, {});
  }

  post(webhook: string, body: object, headers: Record<string, string> = {}): Promise<Answered> {
    return this.#call(webhook, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  async #call(path: string, init: RequestInit): Promise<Answered> {
    let response: Response;
    try {
      response = await fetch(`${this.#url}/${path}`, {
        ...init,
        headers: { "x-api-key": this.#key, ...init.headers },
        ...(this.#signal ? { signal: this.#signal } : {}),
      });
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw new ConnectorError(
        `Cannot reach ${this.#url}: ${error instanceof Error ? error.message : error}`,
        {
          code: "not-reachable",
          retry: "later",
          cause: error,
        },
      );
    }
    const text = await response.text();
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined; // told below
    }
    if (typeof body !== "object" || body === null) {
      throw new ConnectorError(
        `${this.#url}/${path.split("?")[0]} answered ${response.status}: expected JSON, found ${
          JSON.stringify(text.slice(0, 60))
        }`,
        { code: "bad-answer", retry: "never" },
      );
    }
    if (response.ok) return body as Answered;
    const { detail, message, code } = body as { detail?: string; message?: string; code?: string };
    if (response.status === 401 || response.status === 403) {
      throw new UsageError(
        `The key is not accepted (${response.status}): set INVENTORY_API_KEY to the environment's`,
      );
    }
    if (response.status === 400) throw new UsageError(detail ?? message ?? "The request is not understood");
    throw new ConnectorError(detail ?? message ?? `It answered ${response.status}`, {
      code: code ?? "refused",
      retry: "never",
    });
  }
}
