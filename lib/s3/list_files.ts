import type { FileMetadata, ObjectStore, OperationOptions } from "./object_store.ts";

/** Which files to list, and in which order. */
export interface ListFilesOptions extends OperationOptions {
  readonly prefix?: string | undefined;
  /**
   * A RegExp, tested on the name; or a glob: `*` (anything but `/`), `**` (anything), `?` (one character but `/`).
   * A glob with a `/` is matched with the whole key, one without with the name.
   */
  readonly pattern?: string | RegExp | undefined;
  /** With or without the dot, in any case. */
  readonly extensions?: readonly string[] | undefined;
  /** Strictly after. */
  readonly modifiedAfter?: Date | undefined;
  /** At most so many, the first after sorting. Default: all. */
  readonly maxFiles?: number | undefined;
  /** Default: `key`, by its UTF-8 bytes. Equal ones stay in the order of their keys. */
  readonly sortBy?: "key" | "name" | "size" | "lastModified" | undefined;
  /** Default: `asc`. */
  readonly sortOrder?: "asc" | "desc" | undefined;
}

/** Lists a store's files, all pages of them; folder markers (keys that end with `/`) are left out. */
export async function listFiles(
  store: Pick<ObjectStore, "listObjects">,
  options: ListFilesOptions = {},
): Promise<FileMetadata[]> {
  const matches = options.pattern === undefined ? () => true : matcher(options.pattern);
  const endings = options.extensions?.map((one) => `.${one.replace(/^\./, "").toLowerCase()}`);
  const files: FileMetadata[] = [];
  for await (const file of store.listObjects({ prefix: options.prefix, signal: options.signal })) {
    if (file.key.endsWith("/") || !matches(file)) continue;
    if (endings && !endings.some((ending) => file.name.toLowerCase().endsWith(ending))) continue;
    if (options.modifiedAfter && file.lastModified.getTime() <= options.modifiedAfter.getTime()) continue;
    files.push(file);
  }
  const by = order(options.sortBy ?? "key");
  const sign = options.sortOrder === "desc" ? -1 : 1;
  files.sort((a, b) => sign * (by(a, b) || compareKeys(a.key, b.key)));
  return options.maxFiles === undefined ? files : files.slice(0, options.maxFiles);
}

function order(
  sortBy: NonNullable<ListFilesOptions["sortBy"]>,
): (a: FileMetadata, b: FileMetadata) => number {
  switch (sortBy) {
    case "key":
      return (a, b) => compareKeys(a.key, b.key);
    case "name":
      return (a, b) => compareKeys(a.name, b.name);
    case "size":
      return (a, b) => a.size - b.size;
    case "lastModified":
      return (a, b) => a.lastModified.getTime() - b.lastModified.getTime();
  }
}

/** S3's own order: UTF-8 bytes, which is that of code points and not always that of UTF-16 units. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const left = new TextEncoder().encode(a);
  const right = new TextEncoder().encode(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function matcher(pattern: string | RegExp): (file: FileMetadata) => boolean {
  if (typeof pattern !== "string") {
    // `g` and `y` make a RegExp remember where it stopped, and so miss every second file.
    const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    return (file) => stateless.test(file.name);
  }
  const source = pattern.replace(/\*\*|\*|\?|[^*?]+/g, (token) => {
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    return token.replace(/[\\^$.|+()[\]{}/-]/g, "\\$&");
  });
  const regExp = new RegExp(`^${source}$`, "su");
  return pattern.includes("/") ? (file) => regExp.test(file.key) : (file) => regExp.test(file.name);
}
