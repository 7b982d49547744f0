// deno-lint-ignore-file jsx-key -- made once on the server: nothing is ever put in another order
/** @jsxImportSource hono/jsx */
// @deno-types="@types/d3-scale"
import { scaleBand, scaleLinear } from "d3-scale";
// @deno-types="@types/d3-shape"
import { stack } from "d3-shape";
import type { DayCounts } from "../jobs/mod.ts";
import { day, number } from "./format.ts";
import { Legend } from "./pieces.tsx";
import { OUTCOMES } from "./words.ts";

const WIDTH = 1_100;
const HEIGHT = 230;
const LEFT = 62;
const BOTTOM = 26;
const TOP = 8;
/** Days that can be named below the bars without running into each other. */
const MOST_LABELS = 16;

/** Rows per day by outcome, stacked; the same as a table for those who want figures. */
export function RowsChart({ counts }: { counts: readonly DayCounts[] }) {
  const days = [...counts].reverse();
  const series = stack<DayCounts>().keys(OUTCOMES).value((one, outcome) =>
    one.rows[outcome as typeof OUTCOMES[number]]
  )(days);
  const most = Math.max(1, ...(series.at(-1) ?? []).map(([, top]) => top));
  const x = scaleBand(days.map((one) => one.day), [LEFT, WIDTH]).padding(0.28);
  const y = scaleLinear([0, most], [HEIGHT - BOTTOM, TOP]).nice(4);
  const every = Math.ceil(days.length / MOST_LABELS);
  const rows = days.reduce((sum, one) => sum + one.rows.read, 0);
  return (
    <figure class="plain">
      <div class="scroll" tabindex={0} role="region" aria-label="Chart of rows per day">
        <svg
          class="chart"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          role="img"
          aria-label={`Rows per day by outcome over ${days.length} days, ${
            number(rows)
          } rows in all; the table below has the figures`}
        >
          {y.ticks(4).filter(Number.isInteger).map((tick) => (
            <>
              <line class="axis" x1={LEFT} x2={WIDTH} y1={y(tick)} y2={y(tick)} />
              <text x={LEFT - 10} y={y(tick) + 4} text-anchor="end">{short(tick)}</text>
            </>
          ))}
          {series.map((one) =>
            one.map((segment) => {
              const [bottom, top] = segment;
              if (top === bottom) return null;
              const height = Math.max(1.5, y(bottom) - y(top));
              return (
                <rect
                  class={`o-${one.key}`}
                  x={x(segment.data.day)?.toFixed(1)}
                  y={y(top).toFixed(1)}
                  width={x.bandwidth().toFixed(1)}
                  height={height.toFixed(1)}
                >
                  <title>{`${day(segment.data.day)}: ${number(top - bottom)} ${one.key}`}</title>
                </rect>
              );
            })
          )}
          {days.map((one, i) =>
            i % every === 0
              ? (
                <text x={(x(one.day) ?? 0) + x.bandwidth() / 2} y={HEIGHT - 6} text-anchor="middle">
                  {day(one.day)}
                </text>
              )
              : null
          )}
        </svg>
      </div>
      <Legend />
      <details>
        <summary>Figures per day</summary>
        <div class="scroll" tabindex={0} role="region" aria-label="Table of figures per day">
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col" class="num">jobs</th>
                <th scope="col" class="num">read</th>
                {OUTCOMES.map((outcome) => <th scope="col" class="num">{outcome}</th>)}
              </tr>
            </thead>
            <tbody>
              {counts.map((one) => (
                <tr>
                  <th scope="row">
                    <time datetime={one.day}>{day(one.day)}</time>
                  </th>
                  <td class="num">{number(one.jobs)}</td>
                  <td class="num">{number(one.rows.read)}</td>
                  {OUTCOMES.map((outcome) => <td class="num">{number(one.rows[outcome])}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** `1.5M`, `200k` */
function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1_000 ? `${value / 1_000}k` : String(value);
}
