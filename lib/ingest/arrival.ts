import type { IngestFile } from "../state/mod.ts";
import type { IngestPorts, Settings } from "./ports.ts";

/** Whether the file's name says that it is not yet whole. */
export function isUnfinishedName(name: string, settings: Pick<Settings, "notYetSuffixes">): boolean {
  const lower = name.toLowerCase();
  return settings.notYetSuffixes.split(",").map((suffix) => suffix.trim().toLowerCase())
    .some((suffix) => suffix !== "" && lower.endsWith(suffix));
}

/**
 * Whether the file may still be being written: it is younger than the feed lets files be taken, or the marker that its
 * sender puts beside a whole file isn't there. A file of the same name that comes later makes it young again.
 */
export async function isArriving(
  file: Pick<IngestFile, "key" | "lastModified">,
  settings: Pick<Settings, "minFileAgeSeconds" | "doneMarkerSuffix">,
  ports: Pick<IngestPorts, "clock" | "store" | "signal">,
): Promise<boolean> {
  const ageMs = ports.clock.now() - Date.parse(file.lastModified);
  if (ageMs < settings.minFileAgeSeconds * 1_000) return true;
  if (settings.doneMarkerSuffix === "") return false;
  const signal = ports.signal ? { signal: ports.signal } : {};
  return await ports.store.statFile(file.key + settings.doneMarkerSuffix, signal) === undefined;
}
