import { hostInWorker } from "../worker_host.ts";
import type { S3Server, S3ServerOptions } from "./s3_server.ts";

/**
 * Starts an S3 server in a thread of this process, which ends with the process.
 *
 * @throws as `startS3Server` does.
 */
export async function startS3InWorker(options: S3ServerOptions): Promise<S3Server> {
  const host = await hostInWorker<S3ServerOptions>(new URL("./_worker.ts", import.meta.url), options);
  return { url: host.url, port: host.port, stop: () => host.stop() };
}
