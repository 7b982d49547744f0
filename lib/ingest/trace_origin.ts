import { z } from "zod";
import { messageOf } from "../base/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";
import { type SpanRef, spanRefSchema } from "../telemetry/mod.ts";
import type { IngestPorts } from "./ports.ts";

/** The span of a job's first slice, which its later slices link to. Kept only where spans are recorded. */
const traceSchema = z.object({ v: z.literal(1), origin: spanRefSchema });

/** A link is worth less than the work: without it the slice goes on. */
export async function readOrigin({ kv, log }: IngestPorts, jobId: string): Promise<SpanRef | undefined> {
  try {
    return (await readRecord(kv, ["traces", jobId], traceSchema))?.origin;
  } catch (error) {
    log.warn("trace of the job could not be read", { jobId, error: messageOf(error) });
    return undefined;
  }
}

export function writeOrigin(kv: KVStore, jobId: string, origin: SpanRef): Promise<void> {
  return kv.set(["traces", jobId], { v: 1, origin });
}

/** Forgets it: the job is over. */
export function forgetOrigin(kv: KVStore, jobId: string): Promise<void> {
  return kv.delete(["traces", jobId]);
}
