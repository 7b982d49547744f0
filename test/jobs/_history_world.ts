import { JobTracker } from "../../lib/jobs/mod.ts";
import { type PlatformKeyValue, VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";

export const DAY_MS = 86_400_000;

/** A key-value store that counts its calls, and trackers over it. */
export function historyWorld(ttlSeconds?: number) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const memory = new MemoryKeyValue();
  /** As another process would have it: nothing of what the last one remembered. */
  const tracker = (kv: PlatformKeyValue = memory) =>
    new JobTracker(new VersoriKVAdapter(kv), undefined, ttlSeconds, clock);
  return { clock, memory, tracker };
}

/** Calls of the store that a question costs, and its answer. */
export async function costOf<T>(memory: MemoryKeyValue, question: () => Promise<T>) {
  const before = memory.calls;
  const answer = await question();
  return { answer, calls: memory.calls - before };
}
