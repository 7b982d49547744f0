import { Writable } from "node:stream";
import cliProgress from "cli-progress";
import { isSettled, type JobView } from "./job_view.ts";
import { type Measure, measure, Pace, type Speed, whole } from "./measure.ts";
import type { Progress } from "./progress.ts";

/** How wide what every line has is, in characters, on a terminal of at least so many columns. */
const WIDE = { columns: 110, name: 24, bar: 24, stage: 21 };
const NARROW = { name: 22, bar: 10, stage: 12 };
/** After this long without a move, in milliseconds, a job's message takes the place of its speed. */
const IDLE_MS = 1_000;
/** The width of a terminal that doesn't tell. */
const USUAL_COLUMNS = 80;

/** What a bar's line is made from. */
interface Shown {
  readonly name: string;
  readonly measure: Measure;
  readonly speed: Speed;
  readonly message: string | undefined;
}

/** One bar for each job, drawn over and over in its place. */
export class Bars implements Progress {
  readonly #write: (text: string) => void;
  readonly #columns: () => number | undefined;
  readonly #bars: cliProgress.MultiBar;
  readonly #byJob = new Map<string, { bar: cliProgress.SingleBar; pace: Pace }>();
  #drawing = false;

  constructor(write: (text: string) => void, columns: () => number | undefined) {
    this.#write = write;
    this.#columns = columns;
    const stream = new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        write(text);
        done();
      },
    });
    this.#bars = new cliProgress.MultiBar({
      stream: Object.assign(stream, { isTTY: true }),
      format: (_options: cliProgress.Options, _params: cliProgress.Params, shown: Shown) =>
        barLine(shown, this.#columns() ?? USUAL_COLUMNS),
      hideCursor: true,
      // Whoever started this decides what Ctrl-C means.
      gracefulExit: false,
    });
  }

  show(view: JobView, now: number): void {
    const { jobId, message } = view.job;
    const settled = isSettled(view.job);
    const known = this.#byJob.get(jobId);
    const pace = known?.pace ?? new Pace();
    const current = measure(view);
    const shown: Shown = {
      name: view.name,
      measure: current,
      speed: pace.tell(current, now),
      message: settled ? undefined : message,
    };
    if (known) {
      known.bar.update(current.rows, shown);
      return;
    }
    this.#drawing = true;
    this.#byJob.set(jobId, { bar: this.#bars.create(1, 0, shown), pace });
  }

  note(line: string): void {
    if (this.#drawing) this.#bars.log(line + "\n");
    else this.#write(line + "\n");
  }

  end(): void {
    if (!this.#drawing) return;
    // Once more, so that the last notes are written too.
    this.#bars.update();
    this.#bars.stop();
    this.#drawing = false;
  }
}

/** One job on one line of the terminal, no longer than that: what doesn't fit is left out, the least needed first. */
export function barLine({ name, measure, speed, message }: Shown, columns: number): string {
  const { stage, rows, total, batches } = measure;
  const layout = columns < WIDE.columns ? NARROW : WIDE;
  const share = total > 0 ? Math.min(1, rows / total) : 0;
  const full = Math.floor(share * layout.bar);
  let line = [
    name.length > layout.name ? `…${name.slice(1 - layout.name)}` : name.padEnd(layout.name),
    "█".repeat(full) + "░".repeat(layout.bar - full),
    (total > 0 ? `${Math.floor(share * 100)}%` : "").padStart(4),
    stage.padEnd(layout.stage),
    (total > 0 ? `${whole(rows)}/${whole(total)} rows` : `${whole(rows)} rows`).padStart(18),
  ].join(" ");
  const room = () => columns - line.length - 2;
  const append = (part: string) => {
    if (part.length <= room()) line += `  ${part}`;
  };
  append((batches.total > 0 ? `${batches.sent}/${batches.total} batches` : "").padStart(15));
  if (speed.idleMs >= IDLE_MS && message !== undefined) {
    append(message.length > room() && room() > 10 ? `${message.slice(0, room() - 1)}…` : message);
    return line;
  }
  if (speed.etaSeconds !== undefined) append(`ETA ${Math.ceil(speed.etaSeconds)} s`);
  if (speed.rate > 0) append(`${whole(speed.rate)} rows/s`);
  return line;
}
