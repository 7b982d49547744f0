import type { JobView } from "./job_view.ts";
import { type Measure, measure, Pace, whole } from "./measure.ts";
import type { Progress } from "./progress.ts";

/** Least time between two lines about one stage of one job, in milliseconds. */
const EVERY_MS = 1_000;

interface Told {
  readonly measure: Measure;
  readonly message: string | undefined;
  readonly at: number;
}

/** Plain lines, for a log or a pipe: every change of stage at once, the rest at most once a second, nothing twice. */
export class Lines implements Progress {
  readonly #write: (text: string) => void;
  readonly #told = new Map<string, Told>();
  readonly #paces = new Map<string, Pace>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  show(view: JobView, now: number): void {
    const { jobId, message } = view.job;
    const current = measure(view);
    const pace = this.#paces.get(jobId) ?? new Pace();
    this.#paces.set(jobId, pace);
    const { rate, etaSeconds } = pace.tell(current, now);

    const last = this.#told.get(jobId);
    const sameStage = last?.measure.stage === current.stage;
    if (last && sameStage && now - last.at < EVERY_MS) return;
    const stands = last !== undefined && sameStage && figures(last.measure) === figures(current);
    // Where nothing moves, what the job says of itself is the news.
    if (stands && (last.message === message || message === undefined)) return;
    this.#told.set(jobId, { measure: current, message, at: now });
    const line = [view.name.padEnd(24), current.stage.padEnd(22), figures(current)];
    if (stands) line.push(message!);
    else {
      if (rate > 0) line.push(`${whole(rate)} rows/s`);
      if (etaSeconds !== undefined) line.push(`ETA ${Math.ceil(etaSeconds)} s`);
    }
    this.#write(line.join("  ") + "\n");
  }

  note(line: string): void {
    this.#write(line + "\n");
  }

  end(): void {}
}

function figures({ rows, total, batches }: Measure): string {
  const ofTotal = total > 0 ? `/${whole(total)}` : "";
  return `rows ${whole(rows)}${ofTotal}  batches ${
    batches.total === 0 ? "-" : `${batches.sent}/${batches.total}`
  }`;
}
