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
