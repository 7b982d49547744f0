import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import type { FileMetadata, ObjectStore } from "../s3/mod.ts";

/** Largest manifest that is read, in bytes. */
const MOST_BYTES = 1024 * 1024;

const checksum = (digits: number) =>
  z.string().trim().toLowerCase().regex(
    new RegExp(`^[0-9a-f]{${digits}}$`),
    `expected ${digits} hexadecimal digits`,
  );

/** What a sender's manifest says of one file. */
const entrySchema = z.object({
  /** Beside the manifest, or below it; or the whole key. */
  name: z.string().min(1),
  /** Bytes. */
  size: z.number().int().nonnegative().optional(),
  md5: checksum(32).optional(),
  sha256: checksum(64).optional(),
});
type Entry = z.output<typeof entrySchema>;

const jsonSchema = z.union([
  z.array(z.unknown()),
  z.object({ files: z.array(z.unknown()) }).transform(({ files }) => files),
]).transform((entries) => entries.map((entry) => typeof entry === "string" ? { name: entry } : entry))
  .pipe(z.array(entrySchema));

/** What a run has to hold a file against. */
export const expectedSchema = z.object({
  /** The key of the manifest that says so. */
  by: z.string(),
  size: z.number().int().nonnegative().optional(),
  md5: z.string().optional(),
  sha256: z.string().optional(),
});
export type Expected = z.output<typeof expectedSchema>;

/**
 * The files a sender's manifest names. JSON: a list, or `files` of an object, of names or of `{ name, size, md5, sha256 }`.
 * Text: a name per line, or what `md5sum` and `sha256sum` write; `#` begins a comment.
 *
 * @throws Error saying what is wrong with it
 */
export function readUploadManifest(text: string): readonly Entry[] {
  const start = text.trimStart();
  if (start.startsWith("{") || start.startsWith("[")) {
    const result = jsonSchema.safeParse(JSON.parse(text));
    if (result.success) return result.data;
    const [first] = result.error.issues;
    throw new Error(`at '${first?.path.join(".") ?? ""}': ${first?.message ?? "unreadable"}`);
  }
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): Entry => {
      const [, digest, name] = /^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})[ \t]+\*?(.+)$/.exec(line) ?? [];
      if (digest === undefined || name === undefined) return { name: line };
      return digest.length === 32
        ? { name, md5: digest.toLowerCase() }
        : { name, sha256: digest.toLowerCase() };
    });
}

/** The senders' manifests of one look: read when the first file asks for them. */
export class UploadManifests {
  readonly #store: ObjectStore;
  readonly #found: readonly FileMetadata[];
  readonly #signal: AbortSignal | undefined;
  #read: Promise<{ files: ReadonlyMap<string, Expected>; unreadable: readonly string[] }> | undefined;

  constructor(store: ObjectStore, found: readonly FileMetadata[], signal?: AbortSignal) {
    this.#store = store;
    this.#found = found.toSorted((a, b) => a.lastModified.getTime() - b.lastModified.getTime());
    this.#signal = signal;
  }

  /** What the newest manifest that names a file says of it; undefined when none does. */
  async expectedOf(key: string): Promise<Expected | undefined> {
    this.#read ??= this.#readAll();
    return (await this.#read).files.get(key);
  }

  /** What is wrong with the manifests that cannot be read. */
  async unreadable(): Promise<readonly string[]> {
    this.#read ??= this.#readAll();
    return (await this.#read).unreadable;
  }

  async #readAll() {
    const files = new Map<string, Expected>();
    const unreadable: string[] = [];
    for (const { key, size, etag } of this.#found) {
      if (size > MOST_BYTES) {
        unreadable.push(`'${key}' is larger than ${MOST_BYTES} bytes`);
        continue;
      }
      const text = await this.#text(key, etag, size);
      const folder = key.slice(0, key.lastIndexOf("/") + 1);
      try {
        for (const { name, ...said } of readUploadManifest(text)) {
          const expected = { by: key, ...said };
          files.set(folder + name.replace(/^\.\//, ""), expected);
          if (name.startsWith(folder)) files.set(name, expected);
        }
      } catch (error) {
        unreadable.push(`'${key}' cannot be read: ${messageOf(error)}`);
      }
    }
    return { files, unreadable };
  }

  async #text(key: string, etag: string, size: number): Promise<string> {
    if (size === 0) return "";
    const { body } = await this.#store.openFile(key, {
      ifMatch: etag,
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  }
}
