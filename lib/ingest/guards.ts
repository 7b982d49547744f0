import { glob } from "../base/mod.ts";
import type { Settings } from "../config/mod.ts";
import { isRejectsCsv } from "../report/mod.ts";
import { comesBefore, type FeedRecord, type IngestFile, timeOf } from "../state/mod.ts";
import type { HeldBecause } from "./manifest.ts";

/** The settings that are the feed's policy. */
export type Policy = Pick<
  Settings,
  "rejectLimit" | "unknownColumns" | "maxShrink" | "staleGuard" | "deltaFiles"
>;

/** What the guards look at. */
export interface GuardedFile {
  readonly file: Pick<IngestFile, "key" | "lastModified" | "time">;
  readonly header: readonly string[];
  readonly unknownColumns: readonly string[];
  readonly rows: { readonly read: number; readonly sendable: number; readonly rejected: number };
}

/** Whether a file holds changes only, by the feed's policy: it has no size to keep to, and none it comes after. */
function isDelta(key: string, { deltaFiles }: Policy): boolean {
  return deltaFiles !== "" && glob(deltaFiles)(key.slice(key.lastIndexOf("/") + 1));
}

/** Whether a file is a whole snapshot of its feed: neither changes only, nor a rejects report that came back corrected. */
export function isSnapshot({ file, header }: Pick<GuardedFile, "file" | "header">, policy: Policy): boolean {
  return !isDelta(file.key, policy) && !isRejectsCsv(header);
}

/** The guards that look at a whole inspected file. The first that objects is the reason it is held. */
export function guard(file: GuardedFile, policy: Policy, feed: FeedRecord): HeldBecause | undefined {
  const held = (code: string, message: string): HeldBecause => ({ code, message, forcible: true });
  const { rows, unknownColumns } = file;
  if (rows.read === 0) {
    return held(
      "file-empty",
      "The file has no rows: expected at least one row below the header. Send a complete file, or force it",
    );
  }
  if (policy.unknownColumns === "hold" && unknownColumns.length > 0) {
    return held(
      "header-unknown",
      `The header has columns the mapping doesn't know: ${
        named(unknownColumns)
      }. Add them to the mapping, or force it`,
    );
  }
  const tooMany = tooManyRejects(rows, policy);
  if (tooMany !== undefined) return held("too-many-rejects", tooMany);
  const against = { file: file.file, isSnapshot: isSnapshot(file, policy), sendable: rows.sendable };
  return guardAgainstFeed(against, policy, feed);
}

/** What is worth saying of a file that is not held for it. */
export function warningsOf(file: Pick<GuardedFile, "unknownColumns">, policy: Policy): string[] {
  if (policy.unknownColumns !== "warn" || file.unknownColumns.length === 0) return [];
  return [`The header has columns the mapping doesn't know: ${named(file.unknownColumns)}`];
}

/**
 * What the files sent before say against sending this one. Asked again right before it is sent: files that are inspected
 * at the same time don't know of each other yet.
 */
export function guardAgainstFeed(
  file: Pick<GuardedFile, "file"> & { readonly isSnapshot: boolean; readonly sendable: number },
  policy: Policy,
  { newest, snapshot }: FeedRecord,
): HeldBecause | undefined {
  const { key } = file.file;
  if (isDelta(key, policy)) return undefined;
  if (policy.staleGuard === "on" && newest && comesBefore(file.file, newest)) {
    return {
      code: "file-stale",
      message:
        `The file is of ${timeOf(file.file)}, older than '${newest.key}' of ${
          timeOf(newest)
        }, which was sent ` +
        "before it. Send a newer one, or force it",
      forcible: true,
    };
  }
  if (!snapshot || !file.isSnapshot || file.sendable >= snapshot.rows * (1 - policy.maxShrink / 100)) {
    return undefined;
  }
  const percent = ((1 - file.sendable / snapshot.rows) * 100).toFixed(1);
  return {
    code: "file-shrunk",
    message: `The file has ${file.sendable} rows to send, ${percent} % less than the ${snapshot.rows} of ` +
      `'${snapshot.key}' before it: expected at most ${policy.maxShrink} % less. Send a complete file, raise ` +
      "maxShrink, or force it",
    forcible: true,
  };
}

function tooManyRejects(rows: GuardedFile["rows"], { rejectLimit: limit }: Policy): string | undefined {
  const allowed = limit.kind === "count" ? limit.value : rows.read * limit.value / 100;
  if (rows.rejected <= allowed) return undefined;
  const wanted = limit.kind === "count" ? `${limit.value}` : `${limit.value} %`;
  const share = (rows.rejected / rows.read * 100).toFixed(1);
  return `${rows.rejected} of ${rows.read} rows (${share} %) were rejected: expected at most ${wanted}. ` +
    "Correct the file, raise rejectLimit, or force it";
}

function named(columns: readonly string[]): string {
  const shown = columns.slice(0, 10).map((column) => `'${column}'`).join(", ");
  return columns.length > 10 ? `${shown}, …` : shown;
}
