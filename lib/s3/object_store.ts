/** What is known of one stored object without reading it. */
export interface FileMetadata {
  readonly key: string;
  /** The same as `key`: the name the guide uses. */
  readonly path: string;
  /** The last segment of the key; empty for a folder marker (`in/`). */
  readonly name: string;
  /** Bytes of the whole object. */
  readonly size: number;
  readonly lastModified: Date;
  /** Without quotes. */
  readonly etag: string;
}

/** How far a transfer has come, in bytes. */
export interface TransferProgress {
  readonly transferredBytes: number;
  /** `undefined` where the total cannot be known: an upload from a stream. */
  readonly totalBytes: number | undefined;
}

/** What every operation accepts. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link ObjectStore.listObjects}. */
export interface ListOptions extends OperationOptions {
  readonly prefix?: string | undefined;
  /** List only keys after this one, in the order of their UTF-8 bytes. */
  readonly startAfter?: string | undefined;
}

/** Options of {@link ObjectStore.openFile}. */
export interface OpenOptions extends OperationOptions {
  /** Bytes from `start` up to, not including, `end`; an `end` beyond the object is cut to its size. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** Refuse (`s3-precondition-failed`) unless the object still has this ETag. */
  readonly ifMatch?: string | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/**
 * The bytes of an opened object, to be read once; each chunk is its reader's alone. Stopping early (`break`) releases the connection; so does
 * `cancel`, for a body that will not be read at all.
 */
export interface ObjectBody extends AsyncIterable<Uint8Array> {
  cancel(): void;
}

/** What {@link ObjectStore.openFile} gives back. */
export interface OpenedFile {
  /** Of the whole object, also when only a range of it was opened. */
  readonly file: FileMetadata;
  readonly body: ObjectBody;
}

/** Options of {@link ObjectStore.uploadFile}. */
export interface UploadOptions extends OperationOptions {
  /** Default: `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Create only, never replace. Needs the capability `conditionalPut`. */
  readonly ifNoneMatch?: boolean | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** Options of {@link ObjectStore.copyFile}. */
export interface CopyOptions extends OperationOptions {
  /** Refuse (`s3-precondition-failed`) unless the source still has this ETag. */
  readonly ifMatch?: string | undefined;
}

/** Options of {@link ObjectStore.moveFile}. */
export interface MoveOptions extends CopyOptions {
  /** Overwriting is not offered; the option exists so that a caller can say so. */
  readonly overwrite?: false | undefined;
}

/** What {@link ObjectStore.moveFile} did. */
export interface MovedFile {
  /** The object at its new key. */
  readonly file: FileMetadata;
  /** `false`: the identical copy was there already, left by an earlier, interrupted move. */
  readonly copied: boolean;
}

/** What a store can do beyond the plain subset of S3 that every compatible server has. */
export interface ObjectStoreCapabilities {
  /** A put with `If-None-Match: *` fails when the object exists. */
  readonly conditionalPut: boolean;
}

/**
 * The port through which the connector reaches its files: one bucket of an S3-compatible store.
 *
 * Every failure is an `S3Error`, except an abort, which throws the signal's reason, and a failure of a body
 * handed in, which comes back unchanged.
 */
export interface ObjectStore {
  readonly bucket: string;
  readonly capabilities: ObjectStoreCapabilities;

  /**
   * Every object under a prefix, folder markers included, page after page until the store says it was the last.
   * A listing that cannot be completed throws `s3-incomplete-listing`; it never just ends.
   */
  listObjects(options?: ListOptions): AsyncIterable<FileMetadata>;

  /** One object's metadata; `undefined` only where there is no such object. */
  statFile(key: string, options?: OperationOptions): Promise<FileMetadata | undefined>;

  /**
   * Opens an object, or a range of it. A connection that breaks is resumed at the byte reached, and only while
   * the object keeps its ETag; a body that ends before its promised length throws.
   *
   * @throws S3Error `s3-not-found`, `s3-precondition-failed`, `s3-invalid-range`, …
   */
  openFile(key: string, options?: OpenOptions): Promise<OpenedFile>;

  /**
   * Stores a whole object; it appears complete or not at all. Strings are stored as UTF-8.
   *
   * @throws S3Error `s3-target-exists` when `ifNoneMatch` and the object exists.
   */
  uploadFile(
    key: string,
    body: string | Uint8Array | AsyncIterable<Uint8Array>,
    options?: UploadOptions,
  ): Promise<{ readonly etag: string; readonly size: number }>;

  /** Copies within the bucket, replacing what is at `to`. {@link ObjectStore.moveFile} is the careful one. */
  copyFile(from: string, to: string, options?: CopyOptions): Promise<{ readonly etag: string }>;

  /** Deletes; an object that is not there is not an error. */
  deleteFile(key: string, options?: OperationOptions): Promise<void>;

  /**
   * Copies, verifies the copy, then deletes the source. A crash anywhere in between is healed by calling it again.
   *
   * @throws S3Error `s3-target-exists` when other content is at `to`; `s3-verify-failed` when the copy differs
   * from the source; `s3-precondition-failed` when the source changed meanwhile. In each case the source stays.
   */
  moveFile(from: string, to: string, options?: MoveOptions): Promise<MovedFile>;
}
