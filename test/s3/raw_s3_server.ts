import { S3DataSource, type S3DataSourceConfig } from "../../lib/s3/mod.ts";
import type { Clock, Logger } from "../../lib/base/mod.ts";

/** A request as it came over the wire; the path is neither decoded nor normalised. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** An answer, honest or not; or none: `hang up` closes the connection, `silence` keeps it open. */
export type RawAnswer = "hang up" | "silence" | {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** What the answer says its length is, where that is not the truth; then the connection is closed. */
  readonly promisedBytes?: number;
};

export type RawHandler = (request: RawRequest, number: number) => RawAnswer;

/** The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 22;

/** An HTTP server written byte by byte, because a proper one would not let itself be made faulty. */
export class RawS3Server implements AsyncDisposable {
  readonly requests: RawRequest[] = [];
  readonly #listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  readonly #connections = new Set<Deno.Conn>();
  readonly #serving: Promise<void>[] = [];
  readonly #sources: S3DataSource[] = [];
  readonly #handler: RawHandler;
  readonly #answersTls: boolean;

  /** `answersTls`: to a TLS handshake it says in plain HTTP that it does not understand (default), or nothing. */
  constructor(handler: RawHandler, options: { answersTls?: boolean } = {}) {
    this.#handler = handler;
    this.#answersTls = options.answersTls ?? true;
    this.#serving.push(this.#accept());
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** `GET /in/a.csv`, …: the requests in short, without the bucket and the queries that only name the operation. */
  get calls(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path.replace(/^\/inventory/, "")}`);
  }

  source(
    options: { clock?: Clock; logger?: Logger } & Partial<S3DataSourceConfig["s3Config"]> = {},
  ): S3DataSource {
    const { clock, logger, ...s3Config } = options;
    const source = new S3DataSource(
      {
        type: "S3_CSV",
        s3Config: {
          accessKeyId: "AKIDEXAMPLE",
          secretAccessKey: "canary-secret",
          region: "us-east-1",
          bucket: "inventory",
          endpoint: this.endpoint,
          ...s3Config,
        },
      },
      logger,
      { clock, random: () => 0.5 },
    );
    this.#sources.push(source);
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const source of this.#sources) await source.dispose();
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let connection: Deno.Conn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        throw error;
      }
      this.#connections.add(connection);
      this.#serving.push(this.#serve(connection));
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    const reader = new Reader(connection);
    try {
      if (this.#answersTls && await reader.beginsWith(TLS_HANDSHAKE)) {
        await writeAll(connection, bytes("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"));
        return;
      }
      for (;;) {
        const request = await readRequest(reader);
        if (!request) return;
        this.requests.push(request);
        const answer = this.#handler(request, this.requests.length);
        if (answer === "hang up") return;
        // Waiting for the next request, which never comes, is how to stay silent.
        if (answer === "silence") continue;
        await writeAll(connection, answerHead(request, answer));
        if (request.method !== "HEAD") await writeAll(connection, bytes(answer.body ?? ""));
        if (answer.promisedBytes !== undefined) return;
      }
    } catch (error) {
      // The client went away, or the test is over.
      const gone = error instanceof Deno.errors.BadResource || error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.Interrupted;
      if (!gone) throw error;
    } finally {
      this.#connections.delete(connection);
      close(connection);
    }
  }
}

/** An S3 error document. */
export function errorXml(code: string, message = "said the server"): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message>` +
    `<RequestId>REQ42</RequestId></Error>`;
}

/** The headers every object is described by. */
export function objectHeaders(etag: string): Record<string, string> {
  return {
    "etag": `"${etag}"`,
    "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "content-type": "text/csv",
  };
}

function bytes(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

function answerHead(request: RawRequest, answer: Exclude<RawAnswer, string>): Uint8Array {
  const length = String(answer.promisedBytes ?? bytes(answer.body ?? "").length);
  // Only the answer to a HEAD may name a length that is not that of its body.
  const headers = request.method === "HEAD"
    ? { "content-length": "0", ...answer.headers }
    : { ...answer.headers, "content-length": length };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return bytes(`HTTP/1.1 ${answer.status ?? 200} Whatever\r\n${lines.join("")}\r\n`);
}

class Reader {
  #buffer = new Uint8Array(0);
  constructor(readonly connection: Deno.Conn) {}

  async beginsWith(byte: number): Promise<boolean> {
    return (this.#buffer.length > 0 || await this.#more()) && this.#buffer[0] === byte;
  }

  /** Bytes until a mark, or `undefined` at the end of the stream. */
  async until(mark: string): Promise<string | undefined> {
    for (;;) {
      const text = new TextDecoder("latin1").decode(this.#buffer);
      const at = text.indexOf(mark);
      if (at >= 0) {
        this.#buffer = this.#buffer.slice(at + mark.length);
        return text.slice(0, at);
      }
      if (!await this.#more()) return undefined;
    }
  }

  async exactly(length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#buffer.length === 0 && !await this.#more()) return undefined;
      const part = this.#buffer.slice(0, missing);
      this.#buffer = this.#buffer.slice(part.length);
      parts.push(part);
      missing -= part.length;
    }
    return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  }

  async #more(): Promise<boolean> {
    const chunk = new Uint8Array(64 * 1024);
    const read = await this.connection.read(chunk);
    if (read === null) return false;
    const joined = new Uint8Array(this.#buffer.length + read);
    joined.set(this.#buffer);
    joined.set(chunk.subarray(0, read), this.#buffer.length);
    this.#buffer = joined;
    return true;
  }
}

async function readRequest(reader: Reader): Promise<RawRequest | undefined> {
  const head = await reader.until("\r\n\r\n");
  if (head === undefined) return undefined;
  const [first = "", ...lines] = head.split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const [path = "", query = ""] = target.split("?");
  const headers = new Headers(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
  }));
  const body = await reader.exactly(Number(headers.get("content-length") ?? 0));
  return body && { method, path, query: new URLSearchParams(query), headers, body };
}

async function writeAll(connection: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await connection.write(data.subarray(at));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    // Closed before, from the other side of the test.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
