import type { MovedFile, MoveOptions, ObjectStore } from "./object_store.ts";
import { S3Error } from "./s3_error.ts";

/** How many names are tried before giving up. */
const MAX_NAMES = 100;

/**
 * Moves an object under an archive prefix, keeping its name. Where that name holds other content, the new one gets
 * a suffix made of its ETag (`stock-1b2cf535.csv`, then `stock-1b2cf535-2.csv`, …); an identical copy that is
 * there already is used as it is. Called again after a crash it ends at the same name.
 *
 * @param prefix where archived files go; a `/` is added when it does not end with one.
 * @throws S3Error as {@link ObjectStore.moveFile} does.
 */
export async function archiveFile(
  store: ObjectStore,
  key: string,
  prefix: string,
  options: MoveOptions = {},
): Promise<MovedFile> {
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const name = key.slice(key.lastIndexOf("/") + 1);
  const source = await store.statFile(key, { signal: options.signal });
  // Without a source there is only the plain name left to look at; moveFile decides.
  const etag = source?.etag ?? options.ifMatch ?? "";
  const moveOptions = source ? { ...options, ifMatch: options.ifMatch ?? source.etag } : options;
  for (let n = 0; n < MAX_NAMES; n++) {
    try {
      return await store.moveFile(key, folder + candidate(name, etag, n), moveOptions);
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      const taken = error.code === "s3-target-exists" ||
        // The source is gone: an earlier call may have archived it under a later name.
        (error.code === "s3-not-found" && !source && error.details["targetEtag"] !== undefined);
      if (!taken) throw error;
    }
  }
  throw new S3Error(`${MAX_NAMES} names under '${folder}' are taken by other content`, {
    operation: "move",
    bucket: store.bucket,
    key,
    code: "s3-target-exists",
  });
}

function candidate(name: string, etag: string, n: number): string {
  if (n === 0) return name;
  const mark = etag.replace(/[^0-9a-zA-Z-]/g, "").slice(0, 8);
  const suffix = n === 1 ? `-${mark}` : `-${mark}-${n}`;
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) + suffix + name.slice(dot) : name + suffix;
}
