import {
  type CopyOptions,
  type FileMetadata,
  type ListOptions,
  type MoveOptions,
  type ObjectStore,
  type OpenOptions,
  type OperationOptions,
  S3Error,
  type S3Operation,
  type UploadOptions,
} from "../../lib/s3/mod.ts";
import { moveObject } from "../../lib/s3/_move.ts";
import { MemoryObjectStore } from "../s3/memory_object_store.ts";
import type { Effects } from "./effects.ts";
import type { Process } from "./process.ts";

/** Looks at a change of the bucket before it is made. */
export interface StoreWatch {
  beforeWrite(key: string, process: Process): Promise<void>;
  beforeDelete(key: string, process: Process): Promise<void>;
}

/** The bucket as one process reaches it; all share one memory. */
export class StoreModel implements ObjectStore {
  readonly bucket: string;
  readonly capabilities;
  readonly #memory: MemoryObjectStore;
  readonly #process: Process;
  readonly #effects: Effects;
  readonly #watch: StoreWatch;

  constructor(memory: MemoryObjectStore, process: Process, effects: Effects, watch: StoreWatch) {
    this.bucket = memory.bucket;
    this.capabilities = memory.capabilities;
    this.#memory = memory;
    this.#process = process;
    this.#effects = effects;
    this.#watch = watch;
  }

  async *listObjects(options: ListOptions = {}): AsyncGenerator<FileMetadata, undefined> {
    yield* await this.#call("list", options.prefix ?? "", false, async () => {
      const files: FileMetadata[] = [];
      for await (const file of this.#memory.listObjects(options)) files.push(file);
      return files;
    });
  }

  statFile(key: string, options: OperationOptions = {}) {
    return this.#call("stat", key, false, () => this.#memory.statFile(key, options));
  }

  openFile(key: string, options: OpenOptions = {}) {
    return this.#call("read", key, false, () => this.#memory.openFile(key, options));
  }

  async uploadFile(
    key: string,
    body: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: UploadOptions = {},
  ) {
    const content = typeof body === "string" || body instanceof Uint8Array ? body : await gather(body);
    return await this.#call("write", key, true, async () => {
      await this.#watch.beforeWrite(key, this.#process);
      return await this.#memory.uploadFile(key, content, options);
    });
  }

  copyFile(from: string, to: string, options: CopyOptions = {}) {
    return this.#call("copy", to, true, async () => {
      await this.#watch.beforeWrite(to, this.#process);
      return await this.#memory.copyFile(from, to, options);
    });
  }

  deleteFile(key: string, options: OperationOptions = {}) {
    return this.#call("delete", key, true, async () => {
      await this.#watch.beforeDelete(key, this.#process);
      await this.#memory.deleteFile(key, options);
    });
  }

  moveFile(from: string, to: string, options: MoveOptions = {}) {
    return moveObject(this, from, to, options);
  }

  #call<T>(
    operation: S3Operation["operation"],
    key: string,
    changes: boolean,
    apply: () => Promise<T>,
  ): Promise<T> {
    return this.#effects.call(
      this.#process,
      { port: "store", name: operation, key, changes },
      apply,
      () =>
        new S3Error("no answer", {
          operation,
          key,
          bucket: this.bucket,
          code: "s3-unreachable",
          retry: "later",
        }),
    );
  }
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
