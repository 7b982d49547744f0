/** @jsxImportSource hono/jsx */
import type { Appearance, Explanation } from "../explain/mod.ts";
import { link, number } from "./format.ts";
import { document } from "./layout.tsx";
import { splitKey, Time } from "./pieces.tsx";

/** Why Fluent's figure for one key is what it is. */
export function explainPage(view: {
  readonly now: number;
  readonly sku: string;
  readonly location: string;
  readonly at?: string | undefined;
  /** Absent before anything was asked. */
  readonly explanation?: Explanation | undefined;
}): string {
  const { now, sku, location, at, explanation } = view;
  return document({
    title: "Explain a figure",
    current: "explain",
    now,
    explains: true,
    children: (
      <>
        <div class="head">
          <h1>Explain a figure</h1>
        </div>
        <section class="card" aria-label="Question">
          <p class="dim">
            Which files carried this key, at which line, with which values; what the mapping made of them, in
            which batch they went, and what Fluent answered.
          </p>
          <form class="filters" method="get" action="?">
            <input type="hidden" name="explain" value="1" />
            <label>
              SKU
              <input name="sku" value={sku} required />
            </label>
            <label>
              Location
              <input name="location" value={location} required />
            </label>
            <label>
              As of (UTC, empty for now)
              <input name="at" value={at ?? ""} placeholder="2026-01-31T08:00:00Z" />
            </label>
            <button class="primary" type="submit">Explain</button>
          </form>
        </section>
        {explanation
          ? (
            <section class="card" aria-labelledby="answer-title">
              <h2 id="answer-title">{sku} at {location}</h2>
              <p class="note busy" role="status">{explanation.because}</p>
              <ol class="time">
                {explanation.appearances.map((seen) => (
                  <Seen seen={seen} isFigure={seen === explanation.figure} />
                ))}
              </ol>
              {explanation.gaps.map((gap) => (
                <p class="small">
                  Could not look into <a href={link({ job: gap.jobId })}>{gap.file ?? gap.jobId}</a>:{" "}
                  {gap.reason}
                </p>
              ))}
              <p class="dim small">
                {number(explanation.files)} files were looked into, as of <Time at={explanation.at} />.
                {explanation.complete
                  ? ""
                  : " Time ran out before older files: ask for an earlier moment to see them."}
              </p>
            </section>
          )
          : null}
      </>
    ),
  });
}

const TONE: Readonly<Record<Appearance["outcome"], string>> = {
  "confirmed": "t-good",
  "failed": "t-bad",
  "rejected": "t-warn",
  "superseded": "",
  "not-sent": "",
  "no-answer": "t-held",
};

/** One row about the key: where it stood, what the mapping made of it, and what became of it. */
function Seen({ seen, isFigure }: { seen: Appearance; isFigure: boolean }) {
  return (
    <li class={TONE[seen.outcome]}>
      <b>
        <a href={link({ job: seen.jobId })}>{splitKey(seen.file).name}</a>, line {number(seen.line)}
      </b>{" "}
      <span class="dim small">
        {seen.outcome}
        {isFigure ? ", this is the figure" : ""}
        {seen.deliveredAt
          ? (
            <>
              {" · "}
              <Time at={seen.deliveredAt} />
            </>
          )
          : null}
      </span>
      <div>
        <code>{seen.raw}</code>
      </div>
      {seen.entity
        ? (
          <div class="small">
            Mapped to <code>{JSON.stringify(seen.entity)}</code>
          </div>
        )
        : null}
      {seen.batch === undefined ? null : (
        <div class="small">
          Batch {number(seen.batch + 1)}
          {seen.batchId ? `, at Fluent ${seen.batchId}` : ""}
        </div>
      )}
      {seen.reason ? <div class="small">{seen.reason}</div> : null}
    </li>
  );
}
