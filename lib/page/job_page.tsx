/** @jsxImportSource hono/jsx */
import { factsOf, isTerminal, type JobFacts, type JobRecord, nextStepOf } from "../jobs/mod.ts";
import { type JobAction, type JobRow, type JobRowsPage, possibleActions } from "../ingest/mod.ts";
import { ACTION_TEXT } from "./actions.ts";
import { Books } from "./books.tsx";
import { duration, link, number, plural, size } from "./format.ts";
import { document } from "./layout.tsx";
import { Badge, Progress, splitKey, Time } from "./pieces.tsx";
import { Timeline } from "./timeline.tsx";
import { DOWNLOADS } from "./wanted.ts";
import { STAGE, STATUS, TRIGGER } from "./words.ts";

/** Milliseconds between two looks at a job that runs. */
const EVERY_RUNNING = 1_500;
/** Characters of a row that are shown. */
const MOST_RAW = 500;

export interface JobView {
  readonly now: number;
  readonly explains: boolean;
  /** Whether something can be done about jobs here. */
  readonly acts: boolean;
  readonly job: JobRecord;
  readonly rows: JobRowsPage;
  readonly outcome: JobRow["outcome"] | undefined;
  readonly q: string | undefined;
  readonly cursor: string | undefined;
  readonly done: JobAction | undefined;
}

/** One job: how it went, what became of its rows, and what can be done about it. */
export function jobPage(view: JobView): string {
  const { job, now, explains, acts, done } = view;
  const facts = factsOf(job);
  const { name, folder } = splitKey(facts.file?.key ?? job.jobId);
  const isOver = isTerminal(job.status);
  return document({
    title: name,
    current: "jobs",
    now,
    explains,
    every: isOver ? undefined : EVERY_RUNNING,
    children: (
      <>
        <p class="small">
          <a href="?">Jobs</a> <span class="dim" aria-hidden="true">/</span>
        </p>
        <div class="head">
          <div>
            <h1>{name}</h1>
            <span class="dim small">{folder}</span>
          </div>
          {acts ? <Actions job={job} /> : null}
        </div>
        {done ? <p class="note good" role="status">{ACTION_TEXT[done].done}</p> : null}
        <div id="state" data-live>
          <State job={job} facts={facts} now={now} />
          <Books rows={facts.rows} isOver={isOver} />
        </div>
        <div class="grid">
          <div id="timeline" data-live>
            <Timeline job={job} now={now} />
          </div>
          <div id="facts" data-live>
            <Facts job={job} facts={facts} />
          </div>
        </div>
        <div id="rows" data-live>
          <Rows view={view} facts={facts} />
        </div>
      </>
    ),
  });
}

function Actions({ job }: { job: JobRecord }) {
  return (
    <div id="actions" data-live class="row actions">
      {possibleActions(job).map((action, i) => (
        <a
          class={i === 0 && isTerminal(job.status) ? "button primary" : "button"}
          href={link({ job: job.jobId, action })}
        >
          {ACTION_TEXT[action].label}…
        </a>
      ))}
    </div>
  );
}

function State({ job, facts, now }: { job: JobRecord; facts: JobFacts; now: number }) {
  const { tone } = STATUS[job.status];
  const code = job.errorCode ?? facts.heldBecause?.code;
  const reason = job.status === "failed"
    ? job.error
    : job.status === "held"
    ? facts.heldBecause?.message
    : undefined;
  const step = nextStepOf(job);
  const isOver = isTerminal(job.status);
  return (
    <div class={`note ${reason ? tone : "card"}`} role={isOver ? undefined : "status"}>
      <p>
        <Badge status={job.status} /> {reason ?? job.message ?? STAGE[job.stage ?? ""] ?? ""}
        {reason && code ? <code>{` ${code}`}</code> : null}
      </p>
      {step
        ? (
          <p>
            <b>What to do:</b> {step}
          </p>
        )
        : null}
      {isOver ? null : (
        <>
          <Progress
            done={facts.batches.sent}
            total={facts.batches.total}
            label={`${number(facts.batches.sent)} of ${plural(facts.batches.total, "batch", "batches")} sent`}
          />
          <p class="small dim">
            {STAGE[job.stage ?? ""] ?? "Queued"} · {number(facts.batches.sent)} of{" "}
            {plural(facts.batches.total, "batch", "batches")} sent ·{" "}
            {duration(now - Date.parse(job.createdAt))} so far
          </p>
        </>
      )}
    </div>
  );
}

function Facts({ job, facts }: { job: JobRecord; facts: JobFacts }) {
  const { file, mapping, batches, parent, children } = {
    ...facts,
    parent: job.parent,
    children: job.children,
  };
  return (
    <section class="card" aria-labelledby="facts-title">
      <h2 id="facts-title">Facts</h2>
      <dl class="facts">
        <dt>Job</dt>
        <dd class="mono">{job.jobId}</dd>
        <dt>Started by</dt>
        <dd>
          {TRIGGER[job.triggeredBy]}
          {job.reference ? ` (${job.reference})` : ""}
        </dd>
        <dt>Created</dt>
        <dd>
          <Time at={job.createdAt} />
        </dd>
        {job.completedAt
          ? (
            <>
              <dt>Ended</dt>
              <dd>
                <Time at={job.completedAt} /> <span class="dim">after {duration(took(job))}</span>
              </dd>
            </>
          )
          : null}
        {facts.feed ? <Fact name="Feed" value={facts.feed} /> : null}
        {file
          ? (
            <>
              <dt>File</dt>
              <dd class="mono">{file.key}</dd>
              <Fact name="Size" value={size(file.size)} />
              <dt>ETag</dt>
              <dd class="mono">{file.etag}</dd>
              {file.sha256
                ? (
                  <>
                    <dt>SHA-256</dt>
                    <dd class="mono">{file.sha256}</dd>
                  </>
                )
                : null}
            </>
          )
          : null}
        {mapping ? <Fact name="Mapping" value={`${mapping.name}, version ${mapping.version}`} /> : null}
        <Fact
          name="Batches"
          value={`${number(batches.sent)} of ${number(batches.total)} sent` +
            (batches.resent > 0 ? `, ${number(batches.resent)} again` : "")}
        />
        {facts.fluentJobs.length > 0
          ? (
            <>
              <dt>Fluent jobs</dt>
              <dd class="mono">{facts.fluentJobs.join(", ")}</dd>
            </>
          )
          : null}
        {facts.retries > 0
          ? <Fact name="Pauses" value={`${number(facts.retries)} after passing failures`} />
          : null}
        {facts.forced ? <Fact name="Forced" value={`by ${facts.forced.by}: ${facts.forced.reason}`} /> : null}
        {facts.archivedAs
          ? (
            <>
              <dt>Archived as</dt>
              <dd class="mono">{facts.archivedAs}</dd>
            </>
          )
          : null}
        {facts.movedTo
          ? (
            <>
              <dt>Moved to</dt>
              <dd class="mono">{facts.movedTo}</dd>
            </>
          )
          : null}
        {parent
          ? (
            <>
              <dt>{parent.relation === "replay" ? "Replays" : "Replays failed rows of"}</dt>
              <dd>
                <a class="mono" href={link({ job: parent.jobId })}>{parent.jobId}</a>
              </dd>
            </>
          )
          : null}
        {children && children.length > 0
          ? (
            <>
              <dt>Replayed by</dt>
              <dd>
                {children.map((child) => (
                  <div>
                    <a class="mono" href={link({ job: child.jobId })}>{child.jobId}</a>
                  </div>
                ))}
              </dd>
            </>
          )
          : null}
      </dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function Rows({ view, facts }: { view: JobView; facts: JobFacts }) {
  const { job, rows, outcome, q, cursor } = view;
  // Until a job has ended, every row it sends is without an answer.
  const unanswered = job.status === "completed_with_errors" ? facts.rows.unconfirmed : 0;
  const bad = facts.rows.rejected + facts.rows.failed + unanswered;
  return (
    <section class="card" aria-labelledby="rejects-title" id="rejects">
      <div class="head">
        <h2 id="rejects-title">Rejected and failed rows</h2>
        {facts.reports
          ? (
            <span class="row">
              {DOWNLOADS.map((file) => (
                <a class="button" download={file} href={link({ job: job.jobId, download: file })}>{file}</a>
              ))}
            </span>
          )
          : null}
      </div>
      {bad > 0 || q || outcome
        ? (
          <form class="filters" method="get" action="?#rejects" role="search" aria-label="Search the rows">
            <input type="hidden" name="job" value={job.jobId} />
            <label>
              Text
              <input type="search" name="q" value={q ?? ""} placeholder="SKU, code, reason" />
            </label>
            <label>
              Outcome
              <select name="outcome">
                <option value="">All</option>
                <option value="rejected" selected={outcome === "rejected"}>Rejected</option>
                <option value="failed" selected={outcome === "failed"}>Failed</option>
                <option value="unconfirmed" selected={outcome === "unconfirmed"}>Without an answer</option>
              </select>
            </label>
            <button class="primary" type="submit">Search</button>
            {q || outcome ? <a class="button" href={link({ job: job.jobId })}>Clear</a> : null}
          </form>
        )
        : null}
      {rows.rows.length === 0
        ? (
          <p class="empty">
            {bad === 0
              ? isTerminal(job.status)
                ? "No row was rejected or failed, and none is without an answer."
                : "No row has been rejected or has failed so far."
              : facts.reports || q || outcome
              ? "No row fits."
              : "They are listed here once the job's report is written."}
          </p>
        )
        : (
          <div class="scroll" tabindex={0} role="region" aria-label="Table of rows">
            <table>
              <thead>
                <tr>
                  <th scope="col" class="num">Line</th>
                  <th scope="col">Outcome</th>
                  <th scope="col">Reason</th>
                  <th scope="col">Row in the file</th>
                </tr>
              </thead>
              <tbody>
                {rows.rows.map((row) => (
                  <tr>
                    <td class="num">{number(row.line)}</td>
                    <td>
                      <span class={`badge ${row.outcome === "failed" ? "bad" : "warn"}`}>{row.outcome}</span>
                    </td>
                    <td>
                      {row.message}
                      <div class="dim small mono">{row.code}</div>
                    </td>
                    <td>
                      <code>{cut(row.raw)}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      <p class="row">
        {cursor
          ? <a class="button" href={link({ job: job.jobId, outcome, q }) + "#rejects"}>First rows</a>
          : null}
        {rows.nextCursor
          ? (
            <a
              class="button"
              rel="next"
              href={link({ job: job.jobId, outcome, q, cursor: rows.nextCursor }) + "#rejects"}
            >
              More rows
            </a>
          )
          : null}
      </p>
    </section>
  );
}

function took(job: JobRecord): number {
  return Date.parse(job.completedAt ?? job.updatedAt) - Date.parse(job.createdAt);
}

/** The page shows as much of a row as fits; the download has all of it. */
function cut(raw: string): string {
  return raw.length > MOST_RAW ? `${raw.slice(0, MOST_RAW)}…` : raw;
}
