import { Bars } from "./bars.ts";
import type { JobView } from "./job_view.ts";
import { Lines } from "./lines.ts";

/** Shows how jobs come along. */
export interface Progress {
  /** @param now milliseconds */
  show(view: JobView, now: number): void;
  /** Says something beside the jobs, such as a line of the log. */
  note(line: string): void;
  /** Shows the last state and leaves the screen to others. */
  end(): void;
}

/** Where progress is shown. */
export interface Screen {
  isTerminal(): boolean;
  writeSync(bytes: Uint8Array): number;
}

/**
 * Bars on a terminal, plain lines elsewhere.
 *
 * @param columns the terminal's width; undefined when it cannot be told
 */
export function progressOn(screen: Screen, columns: () => number | undefined): Progress {
  const encoder = new TextEncoder();
  const write = (text: string) => {
    for (let bytes = encoder.encode(text); bytes.length > 0;) bytes = bytes.subarray(screen.writeSync(bytes));
  };
  return screen.isTerminal() ? new Bars(write, columns) : new Lines(write);
}
