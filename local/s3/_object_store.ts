import { Buffer } from "node:buffer";
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { buildApp } from "fauxqs";
import { noSuchBucket, S3Failure } from "./_errors.ts";
import { AT_ONCE, bodyOf, FileBody } from "./_file_body.ts";
import { type ObjectAttributes, type ObjectEntry, ObjectIndex, type UploadEntry } from "./_index.ts";

/** The stores fauxqs lets a caller bring. */
export type FauxqsStores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>["stores"]>;
type S3Store = FauxqsStores["s3Store"];
type S3Object = ReturnType<S3Store["getObject"]>;
type SystemMetadata = NonNullable<Parameters<S3Store["putObject"]>[5]>;
type ChecksumData = NonNullable<Parameters<S3Store["putObject"]>[6]>;
/** What fauxqs' S3 routes ask of a store, so that a release that asks more fails the type check. */
type StorePort = Pick<S3Store, Exclude<keyof S3Store, FauxqsOwnMatters>>;
/** Used by fauxqs' own start and persistence, which this store takes the place of. */
type FauxqsOwnMatters =
  | "spy"
  | "persistence"
  | "relaxedRules"
  | "setBucketCreationDate"
  | "restoreObject"
  | "restoreMultipartUpload"
  | "restoreBucketLifecycleConfiguration"
  | "emptyBucket"
  | "clearObjects"
  | "purgeAll";

/** Smallest part but the last (Amazon S3 User Guide, multipart upload limits). */
const MIN_PART_BYTES = 5 * 1024 * 1024;

/**
 * fauxqs' object store over plain files and an index in SQLite. fauxqs speaks the protocol; what it would keep is
 * kept here, because `buildApp` persists nothing, and its own store reads a whole object for every range of it and
 * orders a list by collation while it continues one by code units, so that pages after the first can miss keys.
 */
export class FileObjectStore implements StorePort {
  readonly #dir: string;
  readonly #index: ObjectIndex;
  readonly #now: () => number;

  constructor(dir: string, now: () => number) {
    mkdirSync(join(dir, "objects"), { recursive: true });
    mkdirSync(join(dir, "parts"), { recursive: true });
    this.#dir = dir;
    this.#index = new ObjectIndex(dir);
    this.#now = now;
    this.#sweep();
  }

  close(): void {
    this.#index.close();
  }

  createBucket(name: string): void {
    // Amazon S3 User Guide, bucket naming rules; the rest of them don't matter to a folder's name.
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
      throw new S3Failure("InvalidBucketName", `The specified bucket is not valid: ${name}`, 400);
    }
    mkdirSync(join(this.#dir, "objects", name), { recursive: true });
    this.#index.addBucket(name, this.#now());
  }

  getBucketType(name: string): "general-purpose" | undefined {
    return this.#index.hasBucket(name) ? "general-purpose" : undefined;
  }

  hasBucket(name: string): boolean {
    return this.#index.hasBucket(name);
  }

  listBuckets(): { name: string; creationDate: Date }[] {
    return this.#index.buckets().map(({ name, createdAt }) => ({ name, creationDate: new Date(createdAt) }));
  }

  deleteBucket(name: string): void {
    this.#needBucket(name);
    if (!this.#index.objects(name, "", "").next().done || this.#index.hasUploads(name)) {
      throw new S3Failure("BucketNotEmpty", "The bucket you tried to delete is not empty.", 409);
    }
    this.#index.removeBucket(name);
    rmSync(join(this.#dir, "objects", name), { recursive: true, force: true });
  }

  putObject(
    bucket: string,
    key: string,
    body: Buffer,
    contentType?: string,
    metadata?: Record<string, string>,
    systemMetadata?: SystemMetadata,
    checksum?: ChecksumData,
  ): S3Object {
    this.#needBucket(bucket);
    const file = this.#newFile(bucket, key);
    const md5 = writeBody(join(this.#dir, file), body);
    const entry: ObjectEntry = {
      key,
      file,
      etag: `"${md5}"`,
      size: body.length,
      lastModified: this.#now(),
      attributes: {
        ...attributesOf(contentType, metadata, systemMetadata),
        ...(checksum === undefined ? {} : {
          checksumAlgorithm: checksum.algorithm,
          checksumValue: checksum.value,
          checksumType: checksum.type,
        }),
      },
    };
    this.#replace(bucket, entry, () => this.#index.putObject(bucket, entry));
    return this.#asObject(entry);
  }

  getObject(bucket: string, key: string): S3Object {
    const entry = this.#needObject(bucket, key);
    return { ...this.#asObject(entry), body: bodyOf(join(this.#dir, entry.file), 0, entry.size) };
  }

  headObject(bucket: string, key: string): S3Object {
    return this.#asObject(this.#needObject(bucket, key));
  }

  /** The ETag of an object, with its quotes; undefined when there is none. */
  etagOf(bucket: string, key: string): string | undefined {
    return this.#index.object(bucket, key)?.etag;
  }

  deleteObject(bucket: string, key: string): void {
    this.#needBucket(bucket);
    const entry = this.#index.object(bucket, key);
    if (entry === undefined) return;
    this.#index.removeObject(bucket, key);
    rmSync(join(this.#dir, entry.file), { force: true });
  }

  deleteObjects(bucket: string, keys: string[]): string[] {
    for (const key of keys) this.deleteObject(bucket, key);
    return keys;
  }

  listObjects(
    bucket: string,
    options: Parameters<S3Store["listObjects"]>[1] = {},
  ): ReturnType<S3Store["listObjects"]> {
    this.#needBucket(bucket);
    const { prefix = "", delimiter, maxKeys = 1000 } = options;
    const startAfter = options.startAfter || options.marker || "";
    const objects: S3Object[] = [];
    const commonPrefixes = new Set<string>();
    for (const entry of this.#index.objects(bucket, prefix, startAfter)) {
      const cut = delimiter ? entry.key.indexOf(delimiter, prefix.length) : -1;
      const common = cut < 0 ? undefined : entry.key.slice(0, cut + (delimiter?.length ?? 0));
      // A prefix that a former page ended with, or that is listed already, stands for this key too.
      if (common !== undefined && (commonPrefixes.has(common) || startAfter.startsWith(common))) continue;
      if (objects.length + commonPrefixes.size >= maxKeys) {
        return { objects, commonPrefixes: [...commonPrefixes], isTruncated: true };
      }
      if (common === undefined) objects.push(this.#asObject(entry));
      else commonPrefixes.add(common);
    }
    return { objects, commonPrefixes: [...commonPrefixes], isTruncated: false };
  }

  createMultipartUpload(
    bucket: string,
    key: string,
    contentType?: string,
    metadata?: Record<string, string>,
    systemMetadata?: SystemMetadata,
  ): string {
    this.#needBucket(bucket);
    const id = randomUUID();
    this.#index.addUpload({
      id,
      bucket,
      key,
      attributes: attributesOf(contentType, metadata, systemMetadata),
    });
    return id;
  }

  uploadPart(
    uploadId: string,
    partNumber: number,
    body: Buffer,
    checksumValue?: string,
  ): { etag: string; checksumValue?: string } {
    this.#needUpload(uploadId);
    const before = this.#index.parts(uploadId).find((part) => part.partNumber === partNumber);
    const file = join("parts", `${randomUUID()}-${partNumber}`);
    const md5 = writeBody(join(this.#dir, file), body);
    this.#index.putPart(uploadId, { partNumber, file, md5, size: body.length });
    if (before !== undefined) rmSync(join(this.#dir, before.file), { force: true });
    return { etag: `"${md5}"`, ...(checksumValue === undefined ? {} : { checksumValue }) };
  }

  completeMultipartUpload(uploadId: string, partSpecs: { partNumber: number; etag: string }[]): S3Object {
    const upload = this.#needUpload(uploadId);
    const stored = new Map(this.#index.parts(uploadId).map((part) => [part.partNumber, part]));
    const chosen = partSpecs.map(({ partNumber, etag }, i) => {
      const part = stored.get(partNumber);
      if (part === undefined || part.md5 !== etag.replaceAll('"', "")) {
        throw new S3Failure(
          "InvalidPart",
          `Part ${partNumber} could not be found with this entity tag.`,
          400,
        );
      }
      if (i > 0 && partNumber <= (partSpecs[i - 1]?.partNumber ?? 0)) {
        throw new S3Failure("InvalidPartOrder", "The list of parts was not in ascending order.", 400);
      }
      if (i < partSpecs.length - 1 && part.size < MIN_PART_BYTES) {
        throw new S3Failure(
          "EntityTooSmall",
          `Part ${partNumber} is smaller than the minimum allowed size.`,
          400,
        );
      }
      return part;
    });
    if (chosen.length === 0) throw new S3Failure("MalformedXML", "The list of parts is empty.", 400);

    const file = this.#newFile(upload.bucket, upload.key);
    const digests = createHash("md5");
    const parts: NonNullable<ObjectAttributes["parts"]> = [];
    const target = openSync(join(this.#dir, file), "w");
    let size = 0;
    try {
      for (const part of chosen) {
        writeSync(target, readFileSync(join(this.#dir, part.file)));
        digests.update(part.md5, "hex");
        parts.push({ partNumber: part.partNumber, offset: size, length: part.size });
        size += part.size;
      }
    } finally {
      closeSync(target);
    }
    const entry: ObjectEntry = {
      key: upload.key,
      file,
      etag: `"${digests.digest("hex")}-${chosen.length}"`,
      size,
      lastModified: this.#now(),
      attributes: { ...upload.attributes, parts },
    };
    this.#replace(upload.bucket, entry, () => this.#index.endUpload(upload, entry));
    for (const part of stored.values()) rmSync(join(this.#dir, part.file), { force: true });
    return this.#asObject(entry);
  }

  abortMultipartUpload(uploadId: string): void {
    const upload = this.#needUpload(uploadId);
    const parts = this.#index.parts(uploadId);
    this.#index.endUpload(upload);
    for (const part of parts) rmSync(join(this.#dir, part.file), { force: true });
  }

  renameObject(): void {
    throw notImplemented("RenameObject");
  }

  putBucketLifecycleConfiguration(): void {
    throw notImplemented("PutBucketLifecycleConfiguration");
  }

  getBucketLifecycleConfiguration(): undefined {
    return undefined;
  }

  deleteBucketLifecycleConfiguration(): void {}

  #needBucket(bucket: string): void {
    if (!this.#index.hasBucket(bucket)) throw noSuchBucket(bucket);
  }

  #needObject(bucket: string, key: string): ObjectEntry {
    const entry = this.#index.object(bucket, key);
    if (entry !== undefined) return entry;
    this.#needBucket(bucket);
    throw new S3Failure("NoSuchKey", "The specified key does not exist.", 404);
  }

  #needUpload(uploadId: string): UploadEntry {
    const upload = this.#index.upload(uploadId);
    if (upload === undefined) {
      throw new S3Failure("NoSuchUpload", "The specified multipart upload does not exist.", 404);
    }
    return upload;
  }

  /** Enters new bytes, then deletes the ones they replace. */
  #replace(bucket: string, entry: ObjectEntry, enter: () => void): void {
    const before = this.#index.object(bucket, entry.key);
    enter();
    if (before !== undefined) rmSync(join(this.#dir, before.file), { force: true });
  }

  /** A file of its own for every version: readable by people, safe whatever the key. */
  #newFile(bucket: string, key: string): string {
    const readable = key.replaceAll(/[^A-Za-z0-9._-]+/g, "_").slice(-100);
    return join("objects", bucket, `${randomUUID().slice(0, 13)}-${readable}`);
  }

  /** Everything about an object but its bytes. */
  #asObject({ key, etag, size, lastModified, attributes }: ObjectEntry): S3Object {
    return {
      key,
      etag,
      contentLength: size,
      lastModified: new Date(lastModified),
      ...attributes,
      body: Buffer.alloc(0),
    };
  }

  /** Deletes bytes that no entry refers to: what a killed process had written but not entered, or taken out. */
  #sweep(): void {
    const known = this.#index.files();
    for (const folder of ["parts", ...this.#index.buckets().map(({ name }) => join("objects", name))]) {
      mkdirSync(join(this.#dir, folder), { recursive: true });
      for (const name of readdirSync(join(this.#dir, folder))) {
        const file = join(folder, name);
        if (!known.has(file)) rmSync(join(this.#dir, file), { force: true });
      }
    }
  }
}

/** Writes a body to a new file. @returns the hex MD5 of what was written. */
function writeBody(path: string, body: Buffer): string {
  const source: unknown = body;
  if (!(source instanceof FileBody)) {
    writeFileSync(path, body);
    return createHash("md5").update(body).digest("hex");
  }
  const hash = createHash("md5");
  const target = openSync(path, "w");
  try {
    for (let offset = 0; offset < source.length; offset += AT_ONCE) {
      const chunk = source.subarray(offset, offset + AT_ONCE);
      writeSync(target, chunk);
      hash.update(chunk);
    }
  } finally {
    closeSync(target);
  }
  return hash.digest("hex");
}

function attributesOf(
  contentType: string | undefined,
  metadata: Record<string, string> | undefined,
  system: SystemMetadata | undefined,
): ObjectAttributes {
  return { contentType: contentType ?? "application/octet-stream", metadata: metadata ?? {}, ...system };
}

function notImplemented(operation: string): S3Failure {
  return new S3Failure("NotImplemented", `${operation} is not implemented by this server.`, 501);
}
