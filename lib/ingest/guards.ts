import type { RejectLimit } from "../config/mod.ts";
import type { HeldBecause } from "./manifest.ts";

/** The guards that look at a whole inspected file. The first that objects is the reason it is held. */
export function guard(
  rows: { read: number; rejected: number },
  limit: RejectLimit,
): HeldBecause | undefined {
  if (rows.read === 0) {
    return {
      code: "file-empty",
      message:
        "The file has no rows: expected at least one row below the header. Send a complete file, or force it",
      forcible: true,
    };
  }
  const allowed = limit.kind === "count" ? limit.value : rows.read * limit.value / 100;
  if (rows.rejected > allowed) {
    const wanted = limit.kind === "count" ? `${limit.value}` : `${limit.value} %`;
    const share = (rows.rejected / rows.read * 100).toFixed(1);
    return {
      code: "too-many-rejects",
      message:
        `${rows.rejected} of ${rows.read} rows (${share} %) were rejected: expected at most ${wanted}. ` +
        "Correct the file, raise rejectLimit, or force it",
      forcible: true,
    };
  }
  return undefined;
}
