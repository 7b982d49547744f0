import type { OutgoingHttpHeaders } from "node:http";
import { pipeline } from "node:stream";
import { buildApp } from "fauxqs";
import { authenticate, type S3Credentials } from "./_authentication.ts";
import { checkWrite } from "./_conditions.ts";
import { errorXml, S3Failure } from "./_errors.ts";
import { FileBody } from "./_file_body.ts";
import { type FauxqsStores, FileObjectStore } from "./_object_store.ts";

export type { S3Credentials };

/** Options of `startS3Server`; they can be sent to another thread. */
export interface S3ServerOptions {
  /** Folder for the objects; made if missing. */
  readonly stateDir: string;
  /** Port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** Buckets that exist from the start, beside those of an earlier run. */
  readonly buckets?: readonly string[];
  /** The keys to sign with. Without them, any are accepted and no signature is checked. */
  readonly credentials?: S3Credentials;
  /** Whether a put may say `If-None-Match: *` or `If-Match`; a store without answers 501. Default true. */
  readonly conditionalPut?: boolean;
}

/** A running server; use it with path-style addresses. */
export interface S3Server {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts an S3 server: fauxqs for the protocol, plain files and an index in SQLite for the objects. Objects survive
 * a restart and the death of the process: what was answered for is there, with its key, ETag, size and time; what was
 * being written is not there at all.
 *
 * List (in the order of UTF-8 bytes, with continuation), get with ranges and conditions, head, put, copy, delete,
 * multipart and conditional put work. A single put above 11 MiB answers 413; send more in parts. Versions, lifecycle,
 * ACLs and presigned URLs don't exist.
 *
 * @throws when the port is taken, a bucket's name is not valid or the state folder can't be written.
 */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const store = new FileObjectStore(options.stateDir, () => Date.now());
  try {
    for (const bucket of options.buckets ?? []) store.createBucket(bucket);
    const app = buildApp({
      logger: false,
      // fauxqs makes its own SQS and SNS stores where it is given none; only its types want all three.
      stores: { s3Store: store } as unknown as FauxqsStores,
    });
    const { credentials } = options;
    if (credentials !== undefined) {
      app.addHook("onRequest", (request) =>
        authenticate({
          method: request.method,
          url: request.raw.url ?? "/",
          headers: request.headers,
        }, credentials));
    }
    app.addHook("preHandler", (request, _reply, done) => {
      try {
        const { bucket = "", "*": key = "" } = request.params as { bucket?: string; "*"?: string };
        const isPart = "partNumber" in (request.query as Record<string, unknown>);
        if (request.method === "PUT" && key !== "" && !isPart) {
          checkWrite(store, bucket, key, request.headers, options.conditionalPut ?? true);
        }
        done();
      } catch (error) {
        done(error as Error);
      }
    });
    // fauxqs' handlers don't return what they send, so Fastify would answer a second time while a stream begins:
    // a long body is sent past it.
    app.addHook("onSend", (_request, reply, payload, done) => {
      if (!(payload instanceof FileBody)) return done();
      reply.hijack();
      reply.raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
      pipeline(payload, reply.raw, () => {/* either the reader left, or it sees the connection close */});
    });
    app.setErrorHandler((error, request, reply) => {
      const { status, code, message } = errorFacts(error);
      reply.status(status).header("content-type", "application/xml");
      return reply.send(request.method === "HEAD" ? undefined : errorXml(code, message, request.url));
    });
    app.addHook("onClose", (_app, done) => {
      store.close();
      done();
    });
    const address = await app.listen({ port: options.port ?? 0, host: "127.0.0.1" });
    const port = Number(new URL(address).port);
    return { url: `http://127.0.0.1:${port}`, port, stop: () => app.close() };
  } catch (cause) {
    store.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot start the S3 server on 127.0.0.1:${options.port ?? 0}: ${reason}`, { cause });
  }
}

function errorFacts(
  error: unknown,
): { readonly status: number; readonly code: string; readonly message: string } {
  if (error instanceof S3Failure) {
    return { status: error.statusCode, code: error.code, message: error.message };
  }
  const { statusCode: status = 500, message = String(error) } = error as Partial<S3Failure>;
  // Fastify refuses a body above its limit with 413; S3 calls that EntityTooLarge.
  if (status === 413) {
    return { status, code: "EntityTooLarge", message: "Your proposed upload is too large." };
  }
  if (status < 500) return { status, code: "InvalidRequest", message };
  console.error("S3 server: cannot answer", error);
  return { status: 500, code: "InternalError", message: "We encountered an internal error." };
}
