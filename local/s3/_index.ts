import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What an object carries beside its bytes, as fauxqs names it. */
export interface ObjectAttributes {
  readonly contentType: string;
  readonly metadata: Record<string, string>;
  readonly contentLanguage?: string;
  readonly contentDisposition?: string;
  readonly cacheControl?: string;
  readonly contentEncoding?: string;
  readonly parts?: { partNumber: number; offset: number; length: number }[];
  readonly checksumAlgorithm?: "CRC32" | "SHA1" | "SHA256";
  readonly checksumValue?: string;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE";
}

/** An object: where its bytes are and what is said of them. */
export interface ObjectEntry {
  readonly key: string;
  /** Path of its bytes, relative to the store's folder. */
  readonly file: string;
  /** With its quotes. */
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly attributes: ObjectAttributes;
}

export interface UploadEntry {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
}

export interface PartEntry {
  readonly partNumber: number;
  readonly file: string;
  /** Hex, without quotes. */
  readonly md5: string;
  readonly size: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, createdAt REAL NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, key TEXT, file TEXT NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL, lastModified REAL NOT NULL,
    attributes TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, attributes TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS parts (
    upload TEXT, partNumber INTEGER, file TEXT NOT NULL, md5 TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (upload, partNumber)) WITHOUT ROWID;
`;
/** Rows fetched at a time while listing. */
const LIST_STEP = 1_000;
const OBJECT_COLUMNS = "key, file, etag, size, lastModified, attributes";

type Raw<T extends { readonly attributes: ObjectAttributes }> = Omit<T, "attributes"> & {
  readonly attributes: string;
};

/**
 * Which objects exist, in SQLite. Bytes are written before they are entered here and deleted after they are taken out,
 * so that at any moment every entry has its bytes. Keys are ordered by their UTF-8 bytes, as S3 lists them.
 */
export class ObjectIndex {
  readonly #db: DatabaseSync;
  readonly #get;
  readonly #after;

  constructor(dir: string) {
    this.#db = new DatabaseSync(join(dir, "index.sqlite"));
    // WAL with NORMAL survives the death of the process; only the death of the machine can lose the last commits.
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;");
    this.#db.exec(SCHEMA);
    this.#get = this.#db.prepare(`SELECT ${OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?`);
    this.#after = this.#db.prepare(
      `SELECT ${OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key >= ? AND key > ? ORDER BY key LIMIT ?`,
    );
  }

  close(): void {
    this.#db.close();
  }

  addBucket(name: string, createdAt: number): void {
    this.#db.prepare("INSERT OR IGNORE INTO buckets VALUES (?, ?)").run(name, createdAt);
  }

  removeBucket(name: string): void {
    this.#db.prepare("DELETE FROM buckets WHERE name = ?").run(name);
  }

  buckets(): { readonly name: string; readonly createdAt: number }[] {
    return this.#db.prepare("SELECT name, createdAt FROM buckets ORDER BY name")
      .all() as unknown as { name: string; createdAt: number }[];
  }

  hasBucket(name: string): boolean {
    return this.#db.prepare("SELECT 1 FROM buckets WHERE name = ?").get(name) !== undefined;
  }

  object(bucket: string, key: string): ObjectEntry | undefined {
    const row = this.#get.get(bucket, key) as Raw<ObjectEntry> | undefined;
    return row && parsed(row);
  }

  putObject(bucket: string, entry: ObjectEntry): void {
    this.#db.prepare("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)").run(
      bucket,
      entry.key,
      entry.file,
      entry.etag,
      entry.size,
      entry.lastModified,
      JSON.stringify(entry.attributes),
    );
  }

  removeObject(bucket: string, key: string): void {
    this.#db.prepare("DELETE FROM objects WHERE bucket = ? AND key = ?").run(bucket, key);
  }

  /** Objects whose key starts with `prefix` and comes after `startAfter`, in order. */
  *objects(bucket: string, prefix: string, startAfter: string): Generator<ObjectEntry> {
    let last = startAfter;
    for (;;) {
      const rows = this.#after.all(bucket, prefix, last, LIST_STEP) as unknown as Raw<ObjectEntry>[];
      for (const row of rows) {
        if (!row.key.startsWith(prefix)) return;
        yield parsed(row);
      }
      if (rows.length < LIST_STEP) return;
      last = rows.at(-1)?.key ?? last;
    }
  }

  addUpload(upload: UploadEntry): void {
    this.#db.prepare("INSERT INTO uploads VALUES (?, ?, ?, ?)")
      .run(upload.id, upload.bucket, upload.key, JSON.stringify(upload.attributes));
  }

  upload(id: string): UploadEntry | undefined {
    const row = this.#db.prepare("SELECT * FROM uploads WHERE id = ?").get(id) as
      | Raw<UploadEntry>
      | undefined;
    return row && parsed(row);
  }

  hasUploads(bucket: string): boolean {
    return this.#db.prepare("SELECT 1 FROM uploads WHERE bucket = ?").get(bucket) !== undefined;
  }

  putPart(upload: string, part: PartEntry): void {
    this.#db.prepare("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)")
      .run(upload, part.partNumber, part.file, part.md5, part.size);
  }

  parts(upload: string): PartEntry[] {
    return this.#db.prepare(
      "SELECT partNumber, file, md5, size FROM parts WHERE upload = ? ORDER BY partNumber",
    )
      .all(upload) as unknown as PartEntry[];
  }

  /** Forgets an upload and, in the same transaction, enters the object it became, if it became one. */
  endUpload(upload: UploadEntry, became?: ObjectEntry): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      if (became !== undefined) this.putObject(upload.bucket, became);
      this.#db.prepare("DELETE FROM parts WHERE upload = ?").run(upload.id);
      this.#db.prepare("DELETE FROM uploads WHERE id = ?").run(upload.id);
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Every file that something here refers to. */
  files(): Set<string> {
    const rows = this.#db.prepare("SELECT file FROM objects UNION ALL SELECT file FROM parts").all();
    return new Set((rows as unknown as { file: string }[]).map(({ file }) => file));
  }
}

function parsed<T extends { readonly attributes: string }>(
  row: T,
): T & { readonly attributes: ObjectAttributes } {
  return { ...row, attributes: JSON.parse(row.attributes) };
}
