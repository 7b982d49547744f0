import { Server } from "node:http";
import { serveInWorker } from "../worker_host.ts";
import { type S3Server, type S3ServerOptions, startS3Server } from "./s3_server.ts";

// Fastify turns the timeout off with a call of this; Deno 2.3 has none to turn off and prints that it hasn't. This
// thread runs one server only, so nobody else can miss the call.
const setTimeoutOfServer = Server.prototype.setTimeout;
Server.prototype.setTimeout = function (this: Server, ...args: unknown[]): Server {
  return args[0] === 0 ? this : Reflect.apply(setTimeoutOfServer, this, args);
};

serveInWorker<S3ServerOptions, S3Server>(startS3Server, () => {});
