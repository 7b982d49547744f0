import assert from "node:assert/strict";
import {
  type FluentServer,
  type FluentServerOptions,
  localFluentCredentials,
  startFluentServer,
} from "../../../local/fluent/mod.ts";

/** An answer of the server, read to its end. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined when it isn't JSON. */
  // deno-lint-ignore no-explicit-any -- tests reach into answers of every shape
  readonly json: any;
}

export async function request(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, init);
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** A plain caller of a Fluent server, with nothing that repeats or repairs. */
export class Caller {
  readonly url: string;
  #token: string;

  constructor(url: string, token = "") {
    this.url = url;
    this.#token = token;
  }

  /** The same caller, token and all, at another address. */
  at(url: string): Caller {
    return new Caller(url, this.#token);
  }

  get authorization(): string {
    return `Bearer ${this.#token}`;
  }

  token(params: Record<string, string>): Promise<Reply> {
    return request(`${this.url}/oauth/token`, { method: "POST", body: new URLSearchParams(params) });
  }

  async logIn(): Promise<this> {
    const reply = await this.token(grantOf("client_credentials"));
    assert.equal(reply.status, 200, reply.text);
    this.#token = reply.json.access_token;
    return this;
  }

  api(method: string, path: string, body?: unknown, token = this.#token): Promise<Reply> {
    return request(`${this.url}/api/v4.1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  async job(): Promise<string> {
    const reply = await this.api("POST", "/job", { name: "a job", retailerId: 1 });
    assert.equal(reply.status, 200, reply.text);
    return reply.json.id;
  }

  send(jobId: string, entities: readonly unknown[]): Promise<Reply> {
    return this.api("POST", `/job/${jobId}/batch`, batchOf(entities));
  }

  /** Sends a batch that must be accepted. @returns its id. */
  async accepted(jobId: string, entities: readonly unknown[]): Promise<string> {
    const reply = await this.send(jobId, entities);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.id;
  }
}

export function grantOf(type: string): Record<string, string> {
  const { clientId, clientSecret, username, password } = localFluentCredentials;
  return {
    grant_type: type,
    client_id: clientId,
    client_secret: clientSecret,
    scope: "api",
    ...(type === "password" ? { username, password } : {}),
  };
}

export function batchOf(entities: readonly unknown[]): Record<string, unknown> {
  return { action: "UPSERT", entityType: "INVENTORY", source: "test", event: "InventoryChanged", entities };
}

export function entity(sku: string, location: string, qty: number): Record<string, unknown> {
  return { locationRef: location, skuRef: sku, qty, correctedQty: 0, retailerId: 1 };
}

/** Runs a server for one test; `work` gets a caller that is logged in. */
export async function withServer(
  options: FluentServerOptions,
  work: (server: FluentServer, caller: Caller) => Promise<void>,
): Promise<void> {
  const server = await startFluentServer(options);
  try {
    await work(server, await new Caller(server.url).logIn());
  } finally {
    await server.stop();
  }
}

/** A folder for one test. */
export async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
