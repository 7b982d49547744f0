import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./_answer.ts";

/** Reads a request's body; undefined when it is longer than `limit` bytes or the caller went away. */
export function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      // Past the limit the rest is read and thrown away, so that the caller gets to see the answer.
      if (size <= limit) chunks.push(chunk);
    });
    request.on("end", () => resolve(size > limit ? undefined : joined(chunks, size)));
    request.on("error", () => resolve(undefined));
  });
}

/** Resolves once the first bytes of a request's body have come, or its end where it has none. */
export function untilBodyBegins(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["data", "end", "error"]) request.once(event, () => resolve());
  });
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

export function sendAnswer(response: ServerResponse, answer: Answer): void {
  sendText(response, answer.status, "application/json", JSON.stringify(answer.body ?? null), answer.headers);
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = new TextEncoder().encode(text);
  response.writeHead(status, { "content-type": type, "content-length": String(body.length), ...headers });
  response.end(body);
}

/** Sends the head and the first half of an answer, then closes the connection. */
export function sendHalf(response: ServerResponse, answer: Answer): void {
  const body = new TextEncoder().encode(JSON.stringify(answer.body ?? null));
  response.on("error", () => {/* the error given below */});
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": String(body.length),
    ...answer.headers,
  });
  response.write(body.subarray(0, Math.floor(body.length / 2)));
  // Deno 2.3 says a part is written before it is, and then forgets it: so it gets a moment.
  const drop = () => response.destroy(new Error("connection dropped in an answer, on request"));
  const timer = setTimeout(drop, 20);
  response.once("close", () => clearTimeout(timer));
}

/**
 * Closes the connection before a byte of an answer is out. Starting a body and failing it is what does so on every
 * version of Deno: 2.3 ignores `destroy` on a response that hasn't begun.
 */
export function dropConnection(response: ServerResponse): void {
  response.on("error", () => {/* the error given below */});
  response.writeHead(200);
  response.write("");
  response.destroy(new Error("connection dropped on request"));
}
