import { type Clock, type Logger, silentLogger, systemClock } from "../base/mod.ts";
import { archiveFile } from "./archive_file.ts";
import { listFiles, type ListFilesOptions } from "./list_files.ts";
import type {
  CopyOptions,
  FileMetadata,
  ListOptions,
  MovedFile,
  MoveOptions,
  ObjectStore,
  ObjectStoreCapabilities,
  OpenedFile,
  OpenOptions,
  OperationOptions,
  UploadOptions,
} from "./object_store.ts";
import { readS3Config, type S3DataSourceConfig } from "./s3_config.ts";
import { S3Error } from "./s3_error.ts";
import { type Call, S3Gateway } from "./_gateway.ts";
import { listAllObjects } from "./_list.ts";
import { moveObject } from "./_move.ts";
import { copySource, fileMetadata, quoted, unquoted } from "./_names.ts";
import { openObject } from "./_open.ts";
import { uploadObject } from "./_upload.ts";

/** What a data source is handed besides its configuration; the defaults are the machine's own. */
export interface S3DataSourceDeps {
  readonly clock?: Clock | undefined;
  /** A number in [0, 1), for the jitter of retries. */
  readonly random?: (() => number) | undefined;
}

/** Options of {@link S3DataSource.downloadFile}. */
export interface DownloadOptions extends OpenOptions {
  /** `utf8` (default) gives a string, `binary` the bytes. */
  readonly encoding?: "utf8" | "binary" | undefined;
}

/**
 * One bucket of S3 or of an S3-compatible server, over the AWS SDK, which is loaded at the first request.
 *
 * Failures that may pass (broken connections, 429, 5xx, `SlowDown`, …) are repeated with backoff and jitter,
 * `maxAttempts` in all. Idle connections close by themselves after a second; `dispose` closes them now.
 *
 * @example
 * ```ts ignore
 * const s3 = new S3DataSource({
 *   type: "S3_CSV",
 *   s3Config: { accessKeyId, secretAccessKey, region: "us-east-1", bucket: "inventory-bucket" },
 * }, logger);
 * for (const file of await s3.listFiles({ prefix: "inventory/updates/", extensions: [".csv"] })) {
 *   const text = await s3.downloadFile(file.key);
 *   await s3.archiveFile(file.key, "inventory/archive/");
 * }
 * ```
 */
export class S3DataSource implements ObjectStore, AsyncDisposable {
  readonly bucket: string;
  readonly capabilities: ObjectStoreCapabilities;
  readonly #gateway: S3Gateway;
  /** A 404 that names no reason may mean the bucket; once something was found in it, it means the object. */
  #bucketSeen = false;

  /** @throws ConfigError naming the keys of the configuration that are missing or wrong. */
  constructor(config: S3DataSourceConfig, logger: Logger = silentLogger, deps: S3DataSourceDeps = {}) {
    const settings = readS3Config(config);
    this.bucket = settings.bucket;
    this.capabilities = { conditionalPut: settings.conditionalPut };
    this.#gateway = new S3Gateway(settings, {
      clock: deps.clock ?? systemClock,
      random: deps.random ?? Math.random,
      logger,
    });
  }

  listObjects(options: ListOptions = {}): AsyncIterable<FileMetadata> {
    return listAllObjects(this.#gateway, options);
  }

  /** The files under a prefix, filtered and sorted; never a part of them. A string is a prefix. */
  async listFiles(options: string | ListFilesOptions = {}): Promise<FileMetadata[]> {
    return await listFiles(this, typeof options === "string" ? { prefix: options } : options);
  }

  async statFile(key: string, options: OperationOptions = {}): Promise<FileMetadata | undefined> {
    const call: Call = { operation: "stat", key, signal: options.signal };
    for (let explained = false;;) {
      try {
        return await this.#head(call);
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        const status = error.details["status"];
        const unclear = status === 400 || status === 403;
        // The answer to a HEAD has no body, so S3 cannot say why; a listing is asked the same and is told.
        if ((unclear && !explained) || (status === 404 && !this.#bucketSeen)) await this.#probe(call, key);
        if (error.code === "s3-not-found") return undefined;
        if (!unclear || explained) throw error;
        // The listing was answered, perhaps after the SDK learned the server's time from it.
        explained = true;
      }
    }
  }

  async openFile(key: string, options: OpenOptions = {}): Promise<OpenedFile> {
    return await openObject(this.#gateway, key, options);
  }

  /**
   * A whole file in memory: text by default, which has to be valid UTF-8 (a byte order mark is left out), or bytes.
   *
   * @throws S3Error `s3-not-utf8` rather than ever giving U+FFFD for what could not be decoded.
   */
  downloadFile(key: string, options: DownloadOptions & { readonly encoding: "binary" }): Promise<Uint8Array>;
  downloadFile(key: string, options?: DownloadOptions & { readonly encoding?: "utf8" }): Promise<string>;
  async downloadFile(key: string, options: DownloadOptions = {}): Promise<string | Uint8Array> {
    const { encoding = "utf8", ...open } = options;
    const call = { operation: "read", key } as const;
    if (encoding !== "utf8" && encoding !== "binary") {
      throw this.#gateway.fail(call, `encoding '${encoding}' is neither 'utf8' nor 'binary'`, {
        code: "s3-invalid-argument",
      });
    }
    const { body } = await this.openFile(key, open);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const bytes = concatenated(chunks);
    if (encoding === "binary") return bytes;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (cause) {
      throw this.#gateway.fail(call, "it is not valid UTF-8; use encoding 'binary' and decode it", {
        code: "s3-not-utf8",
        cause,
      });
    }
  }

  /** A file as a web stream; cancelling it releases the connection. */
  async downloadStream(key: string, options: OpenOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.openFile(key, options);
    return ReadableStream.from(body);
  }

  async uploadFile(
    key: string,
    body: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: UploadOptions = {},
  ): Promise<{ readonly etag: string; readonly size: number }> {
    const call = { operation: "write", key } as const;
    if (options.ifNoneMatch && !this.capabilities.conditionalPut) {
      throw this.#gateway.fail(
        call,
        "the store is not declared capable of a conditional put; set s3Config.conditionalPut where it is",
        { code: "s3-unsupported" },
      );
    }
    if (typeof body === "string" && !body.isWellFormed()) {
      throw this.#gateway.fail(call, "the text holds half a surrogate pair, which UTF-8 cannot express", {
        code: "s3-not-utf8",
      });
    }
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    return await uploadObject(this.#gateway, key, bytes, options);
  }

  async copyFile(from: string, to: string, options: CopyOptions = {}): Promise<{ readonly etag: string }> {
    const { ifMatch, signal } = options;
    const call = { operation: "copy", key: from, signal } as const;
    this.#gateway.checkKey({ operation: "copy", key: to });
    const output = await this.#gateway.call(call, ({ client, s3 }, send) =>
      client.send(
        new s3.CopyObjectCommand({
          Bucket: this.bucket,
          Key: to,
          CopySource: copySource(this.bucket, from),
          ...(ifMatch === undefined ? {} : { CopySourceIfMatch: quoted(ifMatch) }),
        }),
        send,
      ));
    const etag = output.CopyObjectResult?.ETag;
    if (!etag) {
      throw this.#gateway.fail(call, "the server did not confirm the copy with an ETag", {
        code: "s3-unexpected",
        facts: { target: to },
      });
    }
    return { etag: unquoted(etag) };
  }

  async deleteFile(key: string, options: OperationOptions = {}): Promise<void> {
    const call = { operation: "delete", key, signal: options.signal } as const;
    try {
      await this.#gateway.call(
        call,
        ({ client, s3 }, send) =>
          client.send(new s3.DeleteObjectCommand({ Bucket: this.bucket, Key: key }), send),
      );
    } catch (error) {
      // S3 itself answers 204 for what is not there; some compatible servers answer 404.
      if (!(error instanceof S3Error && error.code === "s3-not-found")) throw error;
    }
  }

  async moveFile(from: string, to: string, options: MoveOptions = {}): Promise<MovedFile> {
    return await moveObject(this, from, to, options);
  }

  /** {@link archiveFile} on this store. */
  async archiveFile(key: string, prefix = "archive/", options: MoveOptions = {}): Promise<MovedFile> {
    return await archiveFile(this, key, prefix, options);
  }

  /**
   * Lists at most one key, to see whether server, credentials and bucket are right.
   *
   * @param prefix where to look; credentials may be limited to a prefix.
   * @returns `true`; anything wrong throws.
   * @throws S3Error whose message says what to change.
   */
  async validateConnection(prefix = "", options: OperationOptions = {}): Promise<true> {
    await this.#probe({ operation: "connect to", key: prefix, signal: options.signal }, prefix);
    return true;
  }

  /** Closes idle connections; what is under way fails. The data source can still be used afterwards. */
  async dispose(): Promise<void> {
    await this.#gateway.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #head(call: Call): Promise<FileMetadata> {
    const { key } = call;
    const head = await this.#gateway.call(
      call,
      ({ client, s3 }, send) =>
        client.send(new s3.HeadObjectCommand({ Bucket: this.bucket, Key: key }), send),
    );
    const { ContentLength: size, LastModified: lastModified, ETag: etag } = head;
    if (size === undefined || !lastModified || !etag) {
      throw this.#gateway.fail(call, "the answer lacks size, date or ETag", { code: "s3-unexpected" });
    }
    this.#bucketSeen = true;
    return fileMetadata(key, { size, lastModified, etag });
  }

  async #probe(call: Call, prefix: string): Promise<void> {
    const page = await this.#gateway.call({ ...call, onBucket: true }, ({ client, s3 }, send) =>
      client.send(
        new s3.ListObjectsV2Command({
          Bucket: this.bucket,
          MaxKeys: 1,
          ...(prefix ? { Prefix: prefix } : {}),
        }),
        send,
      ));
    if (page.IsTruncated === undefined) {
      const { server } = this.#gateway.settings;
      throw this.#gateway.fail(call, `what ${server} answered is no listing; check the endpoint`, {
        code: "s3-unexpected",
      });
    }
    this.#bucketSeen = true;
  }
}

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
