import { setImmediate } from "node:timers";
import { Agent, type Dispatcher } from "undici";
import { Connector } from "./_undici_connect.ts";
import { percentEncoded } from "./_names.ts";

/**
 * The AWS SDK's requests over undici, instead of over `fetch` or `node:http`. It sends the path and gives back the
 * body exactly as they are. Deno's `fetch` folds `/../` out of a key, and that of Deno 2.3 decompresses objects stored
 * with a `Content-Encoding`; its `node:http` folds the path too and ends the process with an uncaught error when
 * a connection breaks in the middle of a body.
 *
 * undici's own time limits are off: the caller watches the clock (see `_gateway.ts`), and with limits above a second
 * undici keeps a timer running that nobody can stop.
 */
export class UndiciHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #connector: Connector;
  readonly #agent: Agent;

  /** @param connectLimitMs how long to wait for a connection, its TLS handshake included. */
  constructor(connectLimitMs: number) {
    this.#connector = new Connector(connectLimitMs);
    this.#agent = new Agent({
      connect: this.#connector.connect,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 1_000,
      keepAliveMaxTimeout: 1_000,
    });
  }

  async handle(
    request: SdkRequest,
    options?: { abortSignal?: unknown },
  ): Promise<{ response: SdkResponse }> {
    const query = queryString(request.query);
    const { body } = request;
    const signal = options?.abortSignal instanceof AbortSignal ? options.abortSignal : undefined;
    if (body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)) {
      throw new TypeError("only strings and bytes are sent as a request body");
    }
    const response = await unlessAborted(
      signal,
      this.#agent.request({
        origin: `${request.protocol}//${request.hostname}${request.port ? `:${request.port}` : ""}`,
        path: query ? `${request.path}?${query}` : request.path,
        method: request.method as Dispatcher.HttpMethod,
        // undici refuses `Expect`; the SDK asks for it on every large upload.
        headers: Object.fromEntries(
          Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== "expect"),
        ),
        body: body ?? null,
        ...(signal ? { signal } : {}),
      }),
    );
    // Whoever reads the body sees its error; an unread body must not end the process with it.
    response.body.on("error", () => {});
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
    }
    return { response: { statusCode: response.statusCode, headers, body: response.body } };
  }

  /** Closes every connection; what is under way fails. */
  async close(): Promise<void> {
    this.#connector.close();
    await this.#agent.destroy();
    // undici ends some of its work in immediates; after this one they have run.
    await new Promise((resolve) => setImmediate(resolve));
  }

  destroy(): void {}
  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** What the SDK asks a handler for: its `HttpRequest`. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly method: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What the SDK recognises as its `HttpResponse`. */
interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: AsyncIterable<Uint8Array>;
}

function queryString(query: SdkRequest["query"] = {}): string {
  const parts: string[] = [];
  for (const name of Object.keys(query).sort()) {
    const value = query[name];
    for (const one of Array.isArray(value) ? value : [value]) {
      parts.push(
        one === null || one === undefined
          ? percentEncoded(name)
          : `${percentEncoded(name)}=${percentEncoded(one)}`,
      );
    }
  }
  return parts.join("&");
}

/** undici looks at the signal of a request only when it has a connection for it. */
async function unlessAborted<T>(signal: AbortSignal | undefined, result: Promise<T>): Promise<T> {
  if (!signal) return await result;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
