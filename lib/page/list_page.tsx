// deno-lint-ignore-file jsx-key -- made once on the server: nothing is ever put in another order
/** @jsxImportSource hono/jsx */
import {
  type DayCounts,
  factsOf,
  type HistoryPage,
  JOB_STATUSES,
  type JobRecord,
  type JobSummary,
  TRIGGERS,
} from "../jobs/mod.ts";
import { duration, link, number, percent, plural } from "./format.ts";
import { document } from "./layout.tsx";
import { Badge, Progress, RowsBar, splitKey, Time } from "./pieces.tsx";
import { RowsChart } from "./rows_chart.tsx";
import { DAY_RANGES, type Filters } from "./wanted.ts";
import { STAGE, STATUS, TRIGGER } from "./words.ts";

/** Milliseconds between two looks while jobs run, and while none does. */
const EVERY_RUNNING = 2_000;
const EVERY_IDLE = 15_000;

export interface ListView {
  readonly now: number;
  readonly explains: boolean;
  readonly filters: Filters;
  readonly cursor: string | undefined;
  readonly days: number;
  readonly feeds: readonly string[];
  readonly page: HistoryPage;
  readonly running: readonly JobRecord[];
  /** Absent where only what changes is wanted. */
  readonly counts?: readonly DayCounts[] | undefined;
}

/** All jobs: what runs now, how the last days went, and the history with its filters. */
export function listPage(view: ListView): string {
  const { now, explains, running, counts, days } = view;
  return document({
    title: "Jobs",
    current: "jobs",
    now,
    explains,
    every: running.length > 0 ? EVERY_RUNNING : EVERY_IDLE,
    children: (
      <>
        <div class="head">
          <h1>Jobs</h1>
        </div>
        <Running running={running} now={now} />
        {counts ? <Totals counts={counts} days={days} /> : null}
        {counts
          ? (
            <section class="card" aria-labelledby="chart-title">
              <div class="head">
                <h2 id="chart-title">Rows per day</h2>
                <DayRange {...view} />
              </div>
              <RowsChart counts={counts} />
            </section>
          )
          : null}
        <section class="card" aria-labelledby="history-title">
          <h2 id="history-title">History</h2>
          <FilterForm {...view} />
          <JobTable {...view} />
        </section>
      </>
    ),
  });
}

function Running({ running, now }: { running: readonly JobRecord[]; now: number }) {
  return (
    <div id="running" data-live>
      {running.length === 0 ? null : (
        <section class="card" aria-labelledby="running-title">
          <h2 id="running-title">Running now</h2>
          {running.map((job) => <RunningJob job={job} now={now} />)}
        </section>
      )}
    </div>
  );
}

function RunningJob({ job, now }: { job: JobRecord; now: number }) {
  const { file, batches, rows } = factsOf(job);
  const { name } = splitKey(file?.key ?? job.jobId);
  const settled = rows.confirmed + rows.failed;
  // Sending is one half of the way, hearing what became of it the other.
  const done = share(batches.sent, batches.total) + share(settled, rows.sendable);
  const stage = STAGE[job.stage ?? ""] ?? job.stage ?? "Queued";
  const label = `${stage}: ${number(batches.sent)} of ${plural(batches.total, "batch", "batches")} sent, ` +
    `${number(rows.confirmed)} of ${plural(rows.sendable, "row")} confirmed`;
  return (
    <div class="running">
      <div class="head tight">
        <span>
          <a class="file" href={link({ job: job.jobId })}>{name}</a> <Badge status={job.status} />
        </span>
        <span class="dim small">{label} · {duration(now - Date.parse(job.createdAt))}</span>
      </div>
      <Progress done={done} total={2} label={label} />
    </div>
  );
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function Totals({ counts, days }: { counts: readonly DayCounts[]; days: number }) {
  const sum = (value: (one: DayCounts) => number) => counts.reduce((all, one) => all + value(one), 0);
  const from = counts.at(-1)?.day;
  const read = sum((one) => one.rows.read);
  const confirmed = sum((one) => one.rows.confirmed);
  const sendable = sum((one) => one.rows.sendable);
  const bad = sum((one) => one.rows.rejected + one.rows.failed);
  const failed = sum((one) => one.byStatus.failed);
  const held = sum((one) => one.byStatus.held);
  return (
    <ul class="tiles" aria-label={`Totals of the last ${days} days`}>
      <li>
        <b>{number(sum((one) => one.jobs))}</b>
        <span>jobs in {days} days</span>
      </li>
      <li>
        <b>{number(read)}</b>
        <span>rows read</span>
      </li>
      <li>
        <b>{percent(confirmed, sendable)}</b>
        <span>of sent rows confirmed</span>
      </li>
      <li class={bad > 0 ? "tone-warn" : ""}>
        <b>{number(bad)}</b>
        <span>rows rejected or failed</span>
      </li>
      <li class={held > 0 ? "tone-held" : ""}>
        <a href={link({ status: "held", from })}>
          <b>{number(held)}</b>
          <span>files held</span>
        </a>
      </li>
      <li class={failed > 0 ? "tone-bad" : ""}>
        <a href={link({ status: "failed", from })}>
          <b>{number(failed)}</b>
          <span>jobs failed</span>
        </a>
      </li>
    </ul>
  );
}

function DayRange({ filters, days }: ListView) {
  return (
    <span class="row small">
      {DAY_RANGES.map((range) => (
        <a href={link({ ...filters, days: range })} aria-current={range === days ? "true" : undefined}>
          {range} days
        </a>
      ))}
    </span>
  );
}

function FilterForm({ filters, feeds, days }: ListView) {
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return (
    <form class="filters" method="get" action="?" role="search" aria-label="Filter the history">
      <label>
        Status
        <select name="status">
          <option value="">Any</option>
          {JOB_STATUSES.map((status) => (
            <option value={status} selected={filters.status === status}>{STATUS[status].word}</option>
          ))}
        </select>
      </label>
      <label>
        Feed
        <select name="feed">
          <option value="">Any</option>
          {feeds.map((feed) => <option value={feed} selected={filters.feed === feed}>{feed}</option>)}
        </select>
      </label>
      <label>
        Started by
        <select name="trigger">
          <option value="">Anything</option>
          {TRIGGERS.map((trigger) => (
            <option value={trigger} selected={filters.trigger === trigger}>{TRIGGER[trigger]}</option>
          ))}
        </select>
      </label>
      <label>
        File name
        <input type="search" name="file" value={filters.file ?? ""} placeholder="stock.csv" />
      </label>
      <label>
        Text
        <input type="search" name="q" value={filters.q ?? ""} placeholder="id, message, reference" />
      </label>
      <label>
        From
        <input type="date" name="from" value={filters.from ?? ""} />
      </label>
      <label>
        To
        <input type="date" name="to" value={filters.to ?? ""} />
      </label>
      <input type="hidden" name="days" value={String(days)} />
      <button class="primary" type="submit">Filter</button>
      {isFiltered ? <a class="button" href={link({ days })}>Clear</a> : null}
    </form>
  );
}

function JobTable({ page, filters, cursor, days, now }: ListView) {
  return (
    <div id="jobs" data-live>
      {page.jobs.length === 0
        ? (
          <p class="empty">
            {page.nextCursor
              ? "None of the newest jobs fits; older ones may."
              : "No job fits. Jobs appear as soon as a file is found."}
          </p>
        )
        : (
          <div class="scroll" tabindex={0} role="region" aria-label="Table of jobs">
            <table>
              <thead>
                <tr>
                  <th scope="col">File</th>
                  <th scope="col">Status</th>
                  <th scope="col">Started</th>
                  <th scope="col" class="num">Took</th>
                  <th scope="col" class="num">Confirmed of read</th>
                  <th scope="col" class="num">Rejected</th>
                  <th scope="col" class="num">Failed</th>
                </tr>
              </thead>
              <tbody>{page.jobs.map((job) => <JobRow job={job} now={now} />)}</tbody>
            </table>
          </div>
        )}
      {page.complete
        ? null
        : <p class="dim small">Older jobs are still being indexed; look again in a moment.</p>}
      <p class="row">
        {cursor ? <a class="button" href={link({ ...filters, days })}>Newest</a> : null}
        {page.nextCursor
          ? <a class="button" rel="next" href={link({ ...filters, days, cursor: page.nextCursor })}>Older</a>
          : null}
      </p>
    </div>
  );
}

function JobRow({ job, now }: { job: JobSummary; now: number }) {
  const { folder, name } = splitKey(job.file?.key ?? job.jobId);
  const tells = job.status === "failed" || job.status === "held";
  const end = job.endedAt === undefined ? now : Date.parse(job.endedAt);
  return (
    <tr>
      <td>
        <a class="file" href={link({ job: job.jobId })}>{name}</a>
        <div class="dim small">
          {folder}
          {job.dryRun ? " · dry run" : ""}
          {job.parent ? " · replay" : ""}
        </div>
      </td>
      <td>
        <Badge status={job.status} />
        {tells && job.message ? <div class="why">{job.message}</div> : null}
      </td>
      <td>
        <Time at={job.createdAt} short />
        <div class="dim small nowrap">{TRIGGER[job.triggeredBy]}{job.feed ? ` · ${job.feed}` : ""}</div>
      </td>
      <td class="num">{duration(Math.max(0, end - Date.parse(job.createdAt)))}</td>
      <td class="num">
        {number(job.rows.confirmed)} / {number(job.rows.read)}
        <RowsBar rows={job.rows} small />
      </td>
      <td class="num">{number(job.rows.rejected)}</td>
      <td class="num">{number(job.rows.failed)}</td>
    </tr>
  );
}
