import { checkpointPrefix } from "./checkpoint.ts";
import { failedRowsPrefix } from "./failed_rows.ts";
import { rejectPartsPrefix } from "./reject_spool.ts";
import type { Work } from "./work.ts";

/** Where fencing tokens are kept, in stores that can create an object only where there is none. */
export function claimsPrefix(workPrefix: string): string {
  return `${workPrefix}claims/`;
}

/** Removes what only the report needed. The manifest stays: from it any batch that was sent can be built again. */
export async function sweep(work: Work): Promise<void> {
  const { ports, settings, request } = work;
  for (const prefixOf of [checkpointPrefix, rejectPartsPrefix, failedRowsPrefix]) {
    const prefix = prefixOf(settings.s3WorkPrefix, request.jobId);
    for await (const { key } of ports.store.listObjects({ prefix, ...work.signal })) {
      await ports.store.deleteFile(key, work.signal);
    }
  }
}
