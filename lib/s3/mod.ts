/**
 * Files in S3 and S3-compatible stores: `ObjectStore` is the port the connector's steps are handed, `S3DataSource`
 * the adapter over the AWS SDK, with the guide's methods on top.
 *
 * It keeps to the plain subset of S3 that every compatible server has: ListObjectsV2, ranged GET, HEAD, PUT with
 * `Content-MD5`, multipart upload, COPY, DELETE of one object. Anything else is a declared capability.
 *
 * @module
 */
export type {
  CopyOptions,
  FileMetadata,
  ListOptions,
  MovedFile,
  MoveOptions,
  ObjectBody,
  ObjectStore,
  ObjectStoreCapabilities,
  OpenedFile,
  OpenOptions,
  OperationOptions,
  TransferProgress,
  UploadOptions,
} from "./object_store.ts";
export { S3Error, type S3ErrorCode, type S3ErrorInit, type S3Operation } from "./s3_error.ts";
export type { S3DataSourceConfig } from "./s3_config.ts";
export { archiveFile } from "./archive_file.ts";
export { listFiles, type ListFilesOptions } from "./list_files.ts";
export { type DownloadOptions, S3DataSource, type S3DataSourceDeps } from "./s3_data_source.ts";
export { readS3Secret, type S3Keys } from "./s3_secret.ts";
