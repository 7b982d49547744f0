import { whole } from "./random.ts";

/** One file that is put into the bucket, at a moment. */
export interface PlannedFile {
  readonly number: number;
  readonly name: string;
  /** Milliseconds after the start. */
  readonly at: number;
  readonly text: string;
  /** What a correct ingest of it sends: (location|sku) → quantity. */
  readonly rows: ReadonlyMap<string, number>;
  readonly rejected: number;
  readonly unknown: number;
  readonly superseded: number;
  /** Whether a guard has to hold it. */
  readonly empty: boolean;
}

/** Quantities say which file they are from: the file's number times this, plus the row's. */
export const QTY_PER_FILE = 1_000;

/** SKUs that Fluent doesn't know. */
export const GHOSTS: ReadonlySet<string> = new Set(["GHOST-1", "GHOST-2"]);

/** A file of `count` rows, some of which are bad, repeated or unknown to Fluent. */
export function plannedFile(
  random: () => number,
  file: { number: number; name: string; at: number; count: number; flaws: number },
): PlannedFile {
  const lines = ["sku,location,qty,note"];
  const rows = new Map<string, number>();
  const keys = new Set<string>();
  let rejected = 0;
  let superseded = 0;
  for (let i = 0; i < file.count; i++) {
    const qty = file.number * QTY_PER_FILE + i;
    if (random() < file.flaws && i > 0) {
      lines.push(`BAD-${i},LOC-1,N/A,x`);
      rejected++;
      continue;
    }
    const sku = random() < file.flaws ? `GHOST-${whole(random, 1, 2)}` : `SKU-${whole(random, 10, 60)}`;
    const location = `LOC-${whole(random, 1, 2)}`;
    const key = `${location}|${sku}`;
    if (keys.has(key)) superseded++;
    keys.add(key);
    if (!GHOSTS.has(sku)) rows.set(key, qty);
    lines.push(`${sku},${location},${qty},row ${i}`);
  }
  const unknown = [...keys].filter((key) => GHOSTS.has(key.slice(key.indexOf("|") + 1))).length;
  return {
    number: file.number,
    name: file.name,
    at: file.at,
    text: lines.join("\n") + "\n",
    rows,
    rejected,
    unknown,
    superseded,
    empty: file.count === 0,
  };
}
