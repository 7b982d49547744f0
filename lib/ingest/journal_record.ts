import { z } from "zod";

/** Of a reason; the whole of it is in the failed rows. */
const REASON_CHARS = 120;

/**
 * What is known of a batch, or of a part of one. `planned`: not sent. `sending`: a process that is gone may have sent it.
 * `ambiguous`: it was sent `tries` times to that Fluent job, and the answer is not known. `accepted`: Fluent gave it an
 * id. `refused`: Fluent said no, its rows have failed. `settled`: complete, every row counted; `by` says whether Fluent
 * answered for each row or only for the batch.
 */
export type UnitEntry =
  | { readonly state: "planned" }
  | { readonly state: "sending" }
  | { readonly state: "ambiguous"; readonly job: number; readonly tries: number }
  | { readonly state: "accepted"; readonly job: number; readonly batchId: string }
  | { readonly state: "refused"; readonly reason: string }
  | {
    readonly state: "settled";
    readonly job: number;
    readonly batchId: string;
    readonly confirmed: number;
    readonly failed: number;
    readonly unconfirmed: number;
    readonly by?: "batch";
  };

export const PLANNED: UnitEntry = { state: "planned" };

const count = z.number().int().nonnegative();

/** The stored form of an entry, short because there are many: null, or a tuple led by the state's letter. */
const storedEntry = z.union([
  z.null(),
  z.tuple([z.literal("u"), count, count]),
  z.tuple([z.literal("a"), count, z.string()]),
  z.tuple([z.literal("r"), z.string()]),
  z.tuple([z.literal("s"), count, z.string(), count, count, count]),
  z.tuple([z.literal("s"), count, z.string(), count, count, count, z.literal("b")]),
  /** In parts, which have a record of their own. */
  z.tuple([z.literal("x")]),
]);
type StoredEntry = z.output<typeof storedEntry>;

/** Version 1 knew neither `u`, `x` nor the seventh field of `s`; it reads the same. */
const version = z.union([z.literal(1), z.literal(2)]);

export const windowSchema = z.object({
  v: version,
  /** Batches of this window below this index may have been sent, whatever their entry says. */
  issued: count,
  entries: z.array(storedEntry),
});

export const partsSchema = z.object({ v: version, parts: z.array(z.tuple([count, count, storedEntry])) });

/** How an entry is stored. A batch in parts has a mark only: its parts have a record of their own. */
export function toStored(entry: UnitEntry | { readonly state: "split" }): StoredEntry {
  switch (entry.state) {
    case "planned":
    case "sending":
      return null;
    case "ambiguous":
      return ["u", entry.job, entry.tries];
    case "accepted":
      return ["a", entry.job, entry.batchId];
    case "refused":
      return ["r", entry.reason.slice(0, REASON_CHARS)];
    case "settled": {
      const { job, batchId, confirmed, failed, unconfirmed } = entry;
      return entry.by
        ? ["s", job, batchId, confirmed, failed, unconfirmed, "b"]
        : ["s", job, batchId, confirmed, failed, unconfirmed];
    }
    case "split":
      return ["x"];
  }
}

/** An entry as it was stored; one in parts is planned until its parts are read. */
export function fromStored(stored: StoredEntry | undefined): UnitEntry {
  if (stored === undefined || stored === null) return PLANNED;
  switch (stored[0]) {
    case "u":
      return { state: "ambiguous", job: stored[1], tries: stored[2] };
    case "a":
      return { state: "accepted", job: stored[1], batchId: stored[2] };
    case "r":
      return { state: "refused", reason: stored[1] };
    case "s": {
      const [, job, batchId, confirmed, failed, unconfirmed, by] = stored;
      return {
        state: "settled",
        job,
        batchId,
        confirmed,
        failed,
        unconfirmed,
        ...(by ? { by: "batch" as const } : {}),
      };
    }
    case "x":
      return PLANNED;
  }
}
