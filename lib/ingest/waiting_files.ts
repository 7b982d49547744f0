import { ConnectorError, glob, nameTime } from "../base/mod.ts";
import type { FileMetadata } from "../s3/mod.ts";
import { comesBefore, type IngestFile } from "../state/mod.ts";
import { isUnfinishedName } from "./arrival.ts";
import type { DiscoverOptions } from "./discover.ts";
import { locate } from "./location.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import { UploadManifests } from "./upload_manifest.ts";

/** A file that waits to be taken. */
export interface Waiting {
  readonly file: IngestFile;
  /** Where it lies, when that is not where it arrived. */
  readonly at?: IngestRequest["at"];
  /** Whether somebody asked for exactly this one. */
  readonly isNamed: boolean;
}

/** What was found below a prefix. */
export interface Found {
  /** In the order in which they go. */
  readonly files: readonly Waiting[];
  /** What senders say of them. */
  readonly manifests?: UploadManifests;
}

/**
 * The files that are asked for, or that lie below the prefix and are no markers, in the order in which they go.
 *
 * @param isOver whether there is no time left to list
 * @returns undefined when time ran out: without the whole list nobody knows which file goes first
 * @throws ConnectorError `file-not-found` when there is no object by that key
 */
export async function findFiles(
  options: DiscoverOptions,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  isOver: () => boolean,
): Promise<Found | undefined> {
  const { bucket } = ports.store;
  if (options.file) return { files: [{ file: options.file, at: options.at, isNamed: true }] };
  if (options.key !== undefined) {
    return { files: [await fileNamed(options.key, settings, ports, state, options.as?.time)] };
  }
  const matches = glob(options.pattern ?? settings.filePattern);
  const isManifest = settings.uploadManifest === "" ? () => false : glob(settings.uploadManifest);
  const owned = options.owned ?? (() => true);
  const found: FileMetadata[] = [];
  const manifests: FileMetadata[] = [];
  if (isOver()) return undefined;
  for await (
    const file of ports.store.listObjects({
      prefix: options.prefix ?? settings.s3Prefix,
      ...(ports.signal ? { signal: ports.signal } : {}),
    })
  ) {
    if (isOver()) return undefined;
    const isMarker = settings.doneMarkerSuffix !== "" && file.name.endsWith(settings.doneMarkerSuffix);
    if (file.key.endsWith("/") || isMarker || isUnfinishedName(file.name, settings)) continue;
    if (isManifest(file.name)) manifests.push(file);
    else if (matches(file.name) && owned(file.key)) found.push(file);
  }
  const files = found.map((file) => toIngestFile(bucket, file, settings))
    .sort((a, b) => comesBefore(a, b) ? -1 : comesBefore(b, a) ? 1 : 0)
    .map((file) => ({ file, isNamed: false }));
  return { files, manifests: new UploadManifests(ports.store, manifests, ports.signal) };
}

/** The object of that key, or the file that was moved from there or lies there now. */
async function fileNamed(
  key: string,
  settings: Settings,
  { store, signal }: IngestPorts,
  state: IngestState,
  madeAt: string | undefined,
): Promise<Waiting> {
  const aside = await state.aside.find(store.bucket, key);
  const isMoved = aside !== undefined && aside.file.key !== key;
  const file = isMoved ? undefined : await store.statFile(key, signal ? { signal } : {});
  if (file) {
    const found = toIngestFile(store.bucket, file, settings);
    return { file: madeAt === undefined ? found : { ...found, time: madeAt }, isNamed: true };
  }
  if (aside && await locate(store, aside.file, [aside.at], signal)) {
    return { file: aside.file, at: aside.at, isNamed: true };
  }
  throw new ConnectorError(
    `Cannot ingest 's3://${store.bucket}/${key}': there is no such object`,
    { code: "file-not-found", retry: "never" },
  );
}

function toIngestFile(bucket: string, file: FileMetadata, { fileTime }: Settings): IngestFile {
  const time = fileTime === "" ? undefined : nameTime(fileTime).timeOf(file.name);
  return {
    bucket,
    key: file.key,
    etag: file.etag,
    size: file.size,
    lastModified: file.lastModified.toISOString(),
    ...(time === undefined ? {} : { time }),
  };
}
