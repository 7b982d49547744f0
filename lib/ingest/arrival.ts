import type { IngestFile } from "../state/mod.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { Expected, UploadManifests } from "./upload_manifest.ts";

/** Whether a file may be taken now. */
export type Arrival =
  /** It is whole, as far as can be told without reading it. */
  | { readonly kind: "whole"; readonly expected?: Expected }
  /** It may still be being written, because of this. */
  | { readonly kind: "arriving"; readonly because: string };

/** Whether the file's name says that it is not yet whole. */
export function isUnfinishedName(name: string, settings: Pick<Settings, "notYetSuffixes">): boolean {
  const lower = name.toLowerCase();
  return settings.notYetSuffixes.split(",").map((suffix) => suffix.trim().toLowerCase())
    .some((suffix) => suffix !== "" && lower.endsWith(suffix));
}

/**
 * Whether the file may still be being written: it is younger than the feed lets files be taken, the marker or the manifest
 * that its sender puts beside whole files isn't there or says otherwise, or it hasn't been seen unchanged for long enough.
 * A file of the same name that comes later makes it young again.
 */
export async function arrivalOf(
  file: IngestFile,
  settings: Settings,
  ports: Pick<IngestPorts, "clock" | "store" | "signal">,
  state: Pick<IngestState, "sightings">,
  manifests: UploadManifests | undefined,
): Promise<Arrival> {
  const arriving = (because: string): Arrival => ({ kind: "arriving", because });
  const { minFileAgeSeconds, doneMarkerSuffix, stableSeconds, uploadManifest } = settings;
  const ageMs = ports.clock.now() - Date.parse(file.lastModified);
  if (ageMs < minFileAgeSeconds * 1_000) {
    return arriving(`it is ${seconds(ageMs)} s old, and taken from ${minFileAgeSeconds} s on`);
  }
  if (stableSeconds > 0) {
    const unchangedMs = await state.sightings.unchangedMs(file);
    if (unchangedMs < stableSeconds * 1_000) {
      return arriving(
        `it has been seen unchanged for ${
          seconds(unchangedMs)
        } s, and is taken at a look ${stableSeconds} s after the first`,
      );
    }
  }
  if (doneMarkerSuffix !== "") {
    const marker = file.key + doneMarkerSuffix;
    const signal = ports.signal ? { signal: ports.signal } : {};
    if (await ports.store.statFile(marker, signal) === undefined) {
      return arriving(`its marker '${marker}' is not there`);
    }
  }
  if (uploadManifest === "") return { kind: "whole" };
  const expected = await manifests?.expectedOf(file.key);
  if (!expected) {
    const unreadable = await manifests?.unreadable() ?? [];
    return arriving(["no manifest names it", ...unreadable].join("; "));
  }
  if (expected.size !== undefined && expected.size !== file.size) {
    return arriving(`it has ${file.size} bytes, and '${expected.by}' says ${expected.size}`);
  }
  return { kind: "whole", expected };
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000));
}
