import type { JobView } from "./job_view.ts";

/** How far a job is. */
export interface Measure {
  /** The stage while it is processed, else its status. */
  readonly stage: string;
  /** Rows read, sent or confirmed, as the stage goes. */
  readonly rows: number;
  /** Rows the stage has to do; 0 while nobody knows. */
  readonly total: number;
  readonly batches: { readonly sent: number; readonly total: number };
}

export function measure({ job, facts }: JobView): Measure {
  const { rows, batches } = facts;
  const stage = job.status === "processing" ? job.stage ?? job.status : job.status;
  const counts = { batches: { sent: batches.sent, total: batches.total } };
  switch (job.stage) {
    case "queued":
    case "inspect":
      return { stage, rows: rows.read, total: 0, ...counts };
    case "deliver": {
      const sent = batches.total === 0 ? 0 : Math.round(rows.sendable * batches.sent / batches.total);
      return { stage, rows: sent, total: rows.sendable, ...counts };
    }
    default:
      return { stage, rows: rows.confirmed + rows.failed, total: rows.sendable, ...counts };
  }
}

/** How fast one job goes through its stage. */
export interface Speed {
  /** Rows a second since the stage began; 0 before any has moved. */
  readonly rate: number;
  /** Seconds the stage will take at that rate. */
  readonly etaSeconds: number | undefined;
  /** Milliseconds since anything last moved. */
  readonly idleMs: number;
}

/** Watches one job's rows move. */
export class Pace {
  #last: Measure | undefined;
  #since = 0;
  #from = 0;
  #movedAt = 0;
  #rate = 0;

  /** @param now milliseconds */
  tell(measure: Measure, now: number): Speed {
    const { stage, rows, total } = measure;
    const last = this.#last;
    if (last?.stage !== stage) {
      [this.#since, this.#from, this.#movedAt, this.#rate] = [now, rows, now, 0];
    } else if (last.rows !== rows || last.total !== total || last.batches.sent !== measure.batches.sent) {
      this.#movedAt = now;
      const seconds = (now - this.#since) / 1_000;
      this.#rate = seconds > 0 ? Math.max(0, (rows - this.#from) / seconds) : 0;
    }
    this.#last = measure;
    const rate = this.#rate;
    return {
      rate,
      etaSeconds: rate > 0 && total > rows ? (total - rows) / rate : undefined,
      idleMs: now - this.#movedAt,
    };
  }
}

/** A number of things, rounded, with its thousands set apart. */
export function whole(n: number): string {
  return Math.round(n).toLocaleString("en-GB");
}
