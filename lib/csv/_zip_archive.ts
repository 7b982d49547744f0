import { type FileEntry, Reader, ZipReader } from "@zip.js/zip.js";
import { checkExpansion, ExpandError, type ExpandLimits } from "./expand_error.ts";
import type { RandomAccess } from "./unzip.ts";

/** Bytes fetched at a time: an archive is read mostly from front to end. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** What `unzipOnly` gives, by zip.js. */
export async function* unzipped(
  source: RandomAccess,
  limits: ExpandLimits,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = new WindowReader(source);
  const zip = new ZipReader(reader, { useWebWorkers: false, checkSignature: true });
  const attempt = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw reader.failed ? reader.failure : translated(error);
    }
  };
  const entry = await attempt(onlyFile(zip));
  checkExpansion(entry.uncompressedSize, Math.max(entry.compressedSize, 1), limits);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const abort = new AbortController();
  const writing = entry.getData(writable, { signal: abort.signal });
  // When it fails, the reading side is left without an end.
  const failing = new Promise<never>((_, reject) => writing.catch(reject));
  failing.catch(() => undefined);
  const chunks = readable.getReader();
  let expanded = 0;
  try {
    while (true) {
      const next = await attempt(Promise.race([chunks.read(), failing]));
      if (next.done) break;
      expanded += next.value.length;
      // What the directory says of sizes is only a claim.
      checkExpansion(expanded, Math.max(entry.compressedSize, 1), limits);
      yield next.value;
    }
    await attempt(writing);
  } finally {
    abort.abort();
    await Promise.allSettled([chunks.cancel(), writing, zip.close()]);
  }
}

async function onlyFile(zip: ZipReader<unknown>): Promise<FileEntry> {
  const files: FileEntry[] = [];
  const names: string[] = [];
  for await (const entry of zip.getEntriesGenerator()) {
    if (entry.directory || entry.filename.startsWith("__MACOSX/")) continue;
    files.push(entry);
    names.push(entry.filename);
    if (entry.filename === "[Content_Types].xml") {
      throw new ExpandError(
        "archive-entries",
        "The file is an Excel workbook or another Office document: save it as CSV",
      );
    }
    if (names.length > 3) break;
  }
  const [file] = files;
  if (!file || files.length > 1) {
    const found = names.length === 0
      ? "none"
      : names.slice(0, 3).map((name) => `'${name}'`).join(", ") + (names.length > 3 ? ", …" : "");
    throw new ExpandError("archive-entries", `Expected one file in the zip archive, found ${found}`);
  }
  if (file.encrypted) {
    throw new ExpandError("archive-encrypted", `The file '${file.filename}' in the zip archive is encrypted`);
  }
  return file;
}

/** Serves the archive from a window of it, and remembers when it was the source that failed. */
class WindowReader extends Reader<RandomAccess> {
  failed = false;
  failure: unknown;
  readonly #source: RandomAccess;
  #start = 0;
  #window: Uint8Array = new Uint8Array();

  constructor(source: RandomAccess) {
    super(source);
    this.#source = source;
    this.size = source.size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const end = Math.min(index + length, this.size);
    if (index >= end) return new Uint8Array();
    if (index < this.#start || end > this.#start + this.#window.length) {
      try {
        this.#window = await this.#source.read(
          index,
          Math.min(Math.max(end, index + WINDOW_BYTES), this.size),
        );
      } catch (error) {
        this.failed = true;
        this.failure = error;
        throw error;
      }
      this.#start = index;
    }
    return this.#window.slice(index - this.#start, end - this.#start);
  }
}

/** zip.js tells its reasons by message only; all of them mean that the archive is not whole or not sound. */
function translated(error: unknown): unknown {
  if (error instanceof ExpandError || !(error instanceof Error)) return error;
  if (
    /End of central directory not found|out of bounds|Central directory header not found/i.test(error.message)
  ) {
    return new ExpandError("archive-truncated", "The zip archive ends before its content does", error);
  }
  return new ExpandError("archive-corrupt", `The zip archive is damaged: ${error.message}`, error);
}
