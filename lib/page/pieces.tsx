// deno-lint-ignore-file jsx-key -- made once on the server: nothing is ever put in another order
/** @jsxImportSource hono/jsx */
import type { JobRows, JobStatus } from "../jobs/mod.ts";
import { minute, time } from "./format.ts";
import { OUTCOMES, STATUS } from "./words.ts";

/** A job's state: by word, colour and sign, so that none of them is needed alone. */
export function Badge({ status }: { status: JobStatus }) {
  const { word, tone, mark } = STATUS[status];
  return (
    <span class={`badge ${tone}`}>
      <i aria-hidden="true">{mark}</i>
      {word}
    </span>
  );
}

export function Time({ at, short }: { at: string; short?: boolean }) {
  return <time datetime={at}>{short ? minute(at) : time(at)}</time>;
}

/** The file's name with the folders it lies in. */
export function splitKey(key: string): { folder: string; name: string } {
  const cut = key.lastIndexOf("/") + 1;
  return { folder: key.slice(0, cut), name: key.slice(cut) || key };
}

/** How the rows divide up, as a bar; the numbers stand beside it wherever it is used. */
export function RowsBar({ rows, small }: { rows: JobRows; small?: boolean }) {
  // Rows that are read and have no outcome yet are the empty part of the bar.
  const whole = Math.max(rows.read, OUTCOMES.reduce((sum, outcome) => sum + rows[outcome], 0));
  let x = 0;
  return (
    <svg
      class={small ? "bar mini" : "bar"}
      viewBox="0 0 1000 10"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {OUTCOMES.filter((outcome) => rows[outcome] > 0).map((outcome) => {
        // What there is can be seen, however little it is.
        const width = Math.max(8, rows[outcome] / whole * 1_000);
        const from = Math.min(x, 992);
        x += width;
        return <rect class={`o-${outcome}`} x={from.toFixed(1)} y="0" width={width.toFixed(1)} height="10" />;
      })}
    </svg>
  );
}

/** How far something is. */
export function Progress({ done, total, label }: { done: number; total: number; label: string }) {
  const width = total === 0 ? 0 : Math.min(1, done / total) * 1_000;
  return (
    <svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="prog" x="0" y="0" width={width.toFixed(1)} height="10" />
    </svg>
  );
}

export function Legend() {
  return (
    <ul class="legend">
      {OUTCOMES.map((outcome) => (
        <li>
          <span class={`dot o-${outcome}`} />
          {outcome}
        </li>
      ))}
    </ul>
  );
}
