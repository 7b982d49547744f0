/**
 * An S3 server for one's own machine: fauxqs speaking the protocol over plain files that survive the process.
 *
 * @module
 */
export { type S3Credentials, type S3Server, type S3ServerOptions, startS3Server } from "./s3_server.ts";
export { startS3InWorker } from "./worker.ts";
