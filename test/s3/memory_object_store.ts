import { createHash } from "node:crypto";
import { type Clock, systemClock } from "../../lib/base/mod.ts";
import {
  archiveFile,
  type CopyOptions,
  type FileMetadata,
  listFiles,
  type ListFilesOptions,
  type ListOptions,
  type MovedFile,
  type MoveOptions,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type OpenedFile,
  type OpenOptions,
  type OperationOptions,
  S3Error,
  type S3ErrorCode,
  type S3Operation,
  type UploadOptions,
} from "../../lib/s3/mod.ts";
import { moveObject } from "../../lib/s3/_move.ts";
import { compareKeys } from "../../lib/s3/list_files.ts";

/** How a {@link MemoryObjectStore} is made; everything has a default. */
export interface MemoryObjectStoreOptions {
  readonly bucket?: string;
  readonly clock?: Clock;
  readonly conditionalPut?: boolean;
  /** Bytes per chunk of a body. */
  readonly chunkBytes?: number;
}

/** An `ObjectStore` in memory, for tests: ETags are MD5s of the content, times come from the clock. */
export class MemoryObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly capabilities: ObjectStoreCapabilities;
  readonly #clock: Clock;
  readonly #chunkBytes: number;
  readonly #objects = new Map<string, { readonly file: FileMetadata; readonly bytes: Uint8Array }>();

  constructor(options: MemoryObjectStoreOptions = {}) {
    this.bucket = options.bucket ?? "memory";
    this.capabilities = { conditionalPut: options.conditionalPut ?? false };
    this.#clock = options.clock ?? systemClock;
    this.#chunkBytes = options.chunkBytes ?? 64 * 1024;
  }

  async *listObjects(options: ListOptions = {}): AsyncGenerator<FileMetadata, undefined> {
    const { prefix = "", startAfter = "", signal } = options;
    await this.#begin("list", prefix, signal);
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    for (const key of keys) {
      signal?.throwIfAborted();
      const object = this.#objects.get(key);
      if (object && compareKeys(key, startAfter) > 0) yield object.file;
    }
  }

  listFiles(options: ListFilesOptions = {}): Promise<FileMetadata[]> {
    return listFiles(this, options);
  }

  async statFile(key: string, options: OperationOptions = {}): Promise<FileMetadata | undefined> {
    await this.#begin("stat", key, options.signal);
    return this.#objects.get(key)?.file;
  }

  async openFile(key: string, options: OpenOptions = {}): Promise<OpenedFile> {
    const { range, ifMatch, signal, onProgress } = options;
    await this.#begin("read", key, signal);
    if (
      range &&
      !(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && 0 <= range.start &&
        range.start < range.end)
    ) {
      throw this.#error("read", key, "s3-invalid-argument", "not a range");
    }
    const { file, bytes } = this.#get("read", key, ifMatch);
    if (range && range.start >= bytes.length) {
      throw this.#error("read", key, "s3-invalid-range", "the range begins beyond the object's end");
    }
    const content = range ? bytes.subarray(range.start, range.end) : bytes;
    const chunkBytes = this.#chunkBytes;
    let state: "unread" | "reading" | "closed" = "unread";
    async function* chunks() {
      for (let at = 0; at < content.length && state !== "closed"; at += chunkBytes) {
        await Promise.resolve();
        signal?.throwIfAborted();
        const chunk = content.slice(at, at + chunkBytes);
        onProgress?.({ transferredBytes: at + chunk.length, totalBytes: content.length });
        yield chunk;
      }
    }
    return {
      file,
      body: {
        [Symbol.asyncIterator]() {
          if (state === "reading") throw new TypeError("the body of an object can be read only once");
          if (state === "unread") state = "reading";
          return chunks();
        },
        cancel() {
          state = "closed";
        },
      },
    };
  }

  async uploadFile(
    key: string,
    body: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: UploadOptions = {},
  ): Promise<{ readonly etag: string; readonly size: number }> {
    const { signal, ifNoneMatch, onProgress } = options;
    await this.#begin("write", key, signal);
    if (ifNoneMatch && !this.capabilities.conditionalPut) {
      throw this.#error("write", key, "s3-unsupported", "not declared capable of a conditional put");
    }
    if (typeof body === "string" && !body.isWellFormed()) {
      throw this.#error("write", key, "s3-not-utf8", "the text holds half a surrogate pair");
    }
    const chunks: Uint8Array[] = [];
    if (typeof body === "string") chunks.push(new TextEncoder().encode(body));
    else if (body instanceof Uint8Array) chunks.push(body.slice());
    else {
      for await (const chunk of body) {
        signal?.throwIfAborted();
        chunks.push(chunk.slice());
      }
    }
    const bytes = concat(chunks);
    if (ifNoneMatch && this.#objects.has(key)) {
      throw this.#error("write", key, "s3-target-exists", "an object of this name exists already");
    }
    const { etag } = this.#put(key, bytes);
    onProgress?.({ transferredBytes: bytes.length, totalBytes: bytes.length });
    return { etag, size: bytes.length };
  }

  async copyFile(from: string, to: string, options: CopyOptions = {}): Promise<{ readonly etag: string }> {
    await this.#begin("copy", from, options.signal);
    return { etag: this.#put(to, this.#get("copy", from, options.ifMatch).bytes).etag };
  }

  async deleteFile(key: string, options: OperationOptions = {}): Promise<void> {
    await this.#begin("delete", key, options.signal);
    this.#objects.delete(key);
  }

  moveFile(from: string, to: string, options: MoveOptions = {}): Promise<MovedFile> {
    return moveObject(this, from, to, options);
  }

  archiveFile(key: string, prefix: string, options: MoveOptions = {}): Promise<MovedFile> {
    return archiveFile(this, key, prefix, options);
  }

  /** Every call takes a turn of the microtask queue, as no real store answers at once. */
  async #begin(
    operation: S3Operation["operation"],
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (key === "" && operation !== "list") {
      throw this.#error(operation, key, "s3-invalid-argument", "the key is empty");
    }
  }

  #put(key: string, bytes: Uint8Array): FileMetadata {
    const file: FileMetadata = {
      key,
      path: key,
      name: key.slice(key.lastIndexOf("/") + 1),
      size: bytes.length,
      lastModified: new Date(this.#clock.now()),
      etag: createHash("md5").update(bytes).digest("hex"),
    };
    this.#objects.set(key, { file, bytes });
    return file;
  }

  #get(operation: S3Operation["operation"], key: string, ifMatch: string | undefined) {
    const object = this.#objects.get(key);
    if (!object) throw this.#error(operation, key, "s3-not-found", "there is no such object");
    if (ifMatch !== undefined && object.file.etag !== ifMatch) {
      throw this.#error(operation, key, "s3-precondition-failed", "the object was changed meanwhile");
    }
    return object;
  }

  #error(operation: S3Operation["operation"], key: string, code: S3ErrorCode, reason: string): S3Error {
    return new S3Error(reason, { operation, key, bucket: this.bucket, code });
  }
}

/** Without a turn of the event loop, which would let a simulated world take another course. */
function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
