/** @jsxImportSource hono/jsx */
// @deno-types="@types/d3-scale"
import { scaleLinear } from "d3-scale";
import { isTerminal, type JobRecord, stagesOf, timelineOf } from "../jobs/mod.ts";
import { duration, number } from "./format.ts";
import { Time } from "./pieces.tsx";
import { STAGE, STATUS } from "./words.ts";

const WIDTH = 520;
const LEFT = 74;
const ROW = 26;

/** What happened when: the stages to scale, and every event. */
export function Timeline({ job, now }: { job: JobRecord; now: number }) {
  return (
    <section class="card" aria-labelledby="time-title">
      <h2 id="time-title">Timeline</h2>
      <Stages job={job} now={now} />
      <ol class="time">
        {timelineOf(job).map((event) => (
          <li class={isTerminal(event.status) ? `t-${STATUS[event.status].tone}` : ""}>
            <b>
              {isTerminal(event.status) || event.stage === undefined
                ? STATUS[event.status].word
                : STAGE[event.stage] ?? event.stage}
            </b>{" "}
            <span class="dim small">
              <Time at={event.at} />
            </span>
            {event.message ? <div class="small dim">{event.message}</div> : null}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Stages({ job, now }: { job: JobRecord; now: number }) {
  const stages = stagesOf(job, now);
  const first = stages[0];
  if (!first) return null;
  const start = Date.parse(first.startedAt);
  const end = Math.max(start + 1, ...stages.map((one) => Date.parse(one.startedAt) + one.durationMs));
  const x = scaleLinear([start, end], [LEFT, WIDTH - 4]);
  const names = [...new Set(stages.map(({ stage }) => stage))];
  const whole = names.map((name) => {
    const visits = stages.filter(({ stage }) => stage === name);
    const ms = visits.reduce((sum, one) => sum + one.durationMs, 0);
    return `${STAGE[name] ?? name} ${duration(ms)}`;
  });
  return (
    <>
      <svg
        class="chart"
        viewBox={`0 0 ${WIDTH} ${names.length * ROW}`}
        role="img"
        aria-label={`Stages: ${whole.join(", ")}`}
      >
        {names.map((name, i) => (
          <>
            <text x="0" y={i * ROW + 17}>{STAGE[name] ?? name}</text>
            <rect class="rest" x={LEFT} y={i * ROW + 7} width={WIDTH - LEFT - 4} height="12" rx="3" />
          </>
        ))}
        {stages.map((one) => {
          const from = x(Date.parse(one.startedAt));
          const width = Math.max(3, x(Date.parse(one.startedAt) + one.durationMs) - from);
          return (
            <rect
              class="stage"
              x={Math.min(from, WIDTH - 7).toFixed(1)}
              y={names.indexOf(one.stage) * ROW + 7}
              width={width.toFixed(1)}
              height="12"
              rx="3"
            />
          );
        })}
      </svg>
      <details>
        <summary>Durations and rates</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col" class="num">took</th>
              <th scope="col" class="num">worked</th>
              <th scope="col" class="num">rows/s</th>
            </tr>
          </thead>
          <tbody>
            {stages.map((one) => (
              <tr>
                <th scope="row">{STAGE[one.stage] ?? one.stage}</th>
                <td class="num">{duration(one.durationMs)}</td>
                <td class="num">{one.workedMs === undefined ? "" : duration(one.workedMs)}</td>
                <td class="num">{one.rowsPerSecond === undefined ? "" : number(one.rowsPerSecond)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      <br />
    </>
  );
}
