import type { BatchOutcome } from "./job_status.ts";

/** Jobs a client remembers; the ones not used for longest are forgotten. */
const MAX_JOBS = 100;

/** What a client has sent in a job, and what it has already seen of it. */
export interface JobMemory {
  /** Batch id → rows sent in it, when known. */
  readonly sent: Map<string, number | undefined>;
  /** Batch id → the outcome of a complete batch, which does not change any more. */
  readonly outcomes: Map<string, BatchOutcome>;
}

/** The jobs of one client. Only a help: everything in it can be asked of Fluent again, or handed in by the caller. */
export class JobMemories {
  #jobs = new Map<string, JobMemory>();

  of(jobId: string): JobMemory {
    const memory = this.#jobs.get(jobId) ?? { sent: new Map(), outcomes: new Map() };
    this.#jobs.delete(jobId);
    this.#jobs.set(jobId, memory);
    for (const oldest of this.#jobs.keys()) {
      if (this.#jobs.size <= MAX_JOBS) break;
      this.#jobs.delete(oldest);
    }
    return memory;
  }
}
