import {
  createClient,
  type CreateClientOptions,
  type FluentClient,
  type FluentClientConfig,
} from "../../lib/fluent/mod.ts";
import type { LogFields, Logger } from "../../lib/base/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";

/** A request as the fake saw it. */
export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly signal: AbortSignal | undefined;
}

/** What the fake answers: a response, something thrown, or nothing until it is aborted. */
export type Reply = Response | Error | "hang";
export type Responder = (call: Call, nth: number) => Reply | Promise<Reply>;

/** JSON with a status. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** Any text with a status. */
export function text(value: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(value, { status, headers: { "content-type": "text/plain", ...headers } });
}

/** A web page with a status. */
export function html(status = 200): Response {
  return new Response("<!doctype html><html><body>Sign in</body></html>", {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
}

/** Keeps what is logged. */
export class ListLogger implements Logger {
  readonly lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  debug = (message: string, fields?: LogFields): void =>
    void this.lines.push({ level: "debug", message, fields });
  info = (message: string, fields?: LogFields): void =>
    void this.lines.push({ level: "info", message, fields });
  warn = (message: string, fields?: LogFields): void =>
    void this.lines.push({ level: "warn", message, fields });
  error = (message: string, fields?: LogFields): void =>
    void this.lines.push({ level: "error", message, fields });
}

export const CONFIG = {
  baseUrl: "https://acme.sandbox.api.fluentretail.com",
  clientId: "ACME",
  clientSecret: "canary-client-secret",
  username: "ada",
  password: "canary-password",
  retailerId: 1,
} as const satisfies FluentClientConfig;

export const TARGET = "acme.sandbox.api.fluentretail.com:443";

/** A Fluent made of one function for the API and one for the token endpoint, and everything needed to drive a client. */
export class FakeFluent {
  readonly calls: Call[] = [];
  readonly clock = new VirtualClock();
  readonly log = new ListLogger();
  /** Every timer started: fire one to let a request run out of time. */
  readonly timers: { ms: number; fire: () => void; stopped: boolean }[] = [];

  constructor(
    readonly api: Responder = () => json({}),
    readonly token: Responder = (_call, nth) =>
      json({ access_token: `canary-token-${nth}`, expires_in: 86_386 }),
  ) {}

  fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname, search } = new URL(url, "http://relative.invalid");
    const call: Call = {
      method: init.method ?? "GET",
      path: pathname + search,
      url,
      headers: new Headers(init.headers),
      body: init.body instanceof Blob ? await init.body.text() : String(init.body ?? ""),
      signal: init.signal ?? undefined,
    };
    this.calls.push(call);
    const isToken = pathname === "/oauth/token";
    const nth = this.calls.filter((one) => (one.path === "/oauth/token") === isToken).length;
    const reply = await (isToken ? this.token(call, nth) : this.api(call, nth));
    if (reply instanceof Error) throw reply;
    if (reply !== "hang") return reply;
    return await new Promise((_resolve, reject) => {
      call.signal?.addEventListener("abort", () => reject(call.signal?.reason), { once: true });
    });
  };

  startTimer = (ms: number, fire: () => void): () => void => {
    const timer = { ms, fire, stopped: false };
    this.timers.push(timer);
    return () => void (timer.stopped = true);
  };

  client(config: Partial<FluentClientConfig> = {}, options: CreateClientOptions = {}): FluentClient {
    const { fetch, clock, log: logger, startTimer } = this;
    return createClient({ config: { ...CONFIG, ...config }, logger }, {
      fetch,
      clock,
      startTimer,
      random: () => 0.5,
      ...options,
    });
  }

  get apiCalls(): Call[] {
    return this.calls.filter((call) => call.path !== "/oauth/token");
  }

  get tokenCalls(): Call[] {
    return this.calls.filter((call) => call.path === "/oauth/token");
  }
}

/** Replies one after the other; the last one stays. Responses are copied, because a body is read only once. */
export function inTurn(...replies: readonly Reply[]): Responder {
  return (_call, nth) => {
    const reply = replies[Math.min(nth, replies.length) - 1]!;
    if (!(reply instanceof Response)) return reply;
    void [...reply.headers]; // Deno 2.9.6 loses headers nobody has looked at before the copy
    return reply.clone();
  };
}

/** What a promise is rejected with; an error when it is not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error("expected a rejection, found a result");
}

/** One good inventory row. */
export function row(index = 0, qty = 5): Record<string, unknown> {
  return { locationRef: "LOC_1", skuRef: `SKU_${index}`, qty, retailerId: 1 };
}

/** A good batch of `count` rows. */
export function batch(
  count = 1,
): { action: string; entityType: string; entities: Record<string, unknown>[] } {
  return {
    action: "UPSERT",
    entityType: "INVENTORY",
    entities: Array.from({ length: count }, (_, i) => row(i)),
  };
}
