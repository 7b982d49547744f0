/** @jsxImportSource hono/jsx */
import type { JobRows } from "../jobs/mod.ts";
import { number } from "./format.ts";
import { Legend, RowsBar } from "./pieces.tsx";
import { OUTCOME_MEANING } from "./words.ts";

type Term = { readonly name: Exclude<keyof JobRows, "read">; readonly value: number };

/** What became of the rows, as two sums a person can follow. */
export function Books({ rows, isOver }: { rows: JobRows; isOver: boolean }) {
  const terms = (...names: Term["name"][]) => names.map((name) => ({ name, value: rows[name] }));
  const parts = terms("sendable", "rejected", "superseded", "unchanged");
  const sent = terms("confirmed", "failed", "unconfirmed");
  return (
    <section class="card" aria-labelledby="rows-title">
      <h2 id="rows-title">Rows</h2>
      <RowsBar rows={rows} />
      <Legend />
      <br />
      <Sum total="read" value={rows.read} terms={parts} isOver={isOver} />
      <Sum total="sendable" value={rows.sendable} terms={sent} isOver={isOver} />
    </section>
  );
}

function Sum(
  { total, value, terms, isOver }: { total: string; value: number; terms: readonly Term[]; isOver: boolean },
) {
  const sum = terms.reduce((all, term) => all + term.value, 0);
  const balanced = sum === value;
  return (
    <>
      <div class="sum" role="group" aria-label={`${total} rows`}>
        <div class="total">
          <b>{number(value)}</b>
          <span>{total}</span>
        </div>
        {terms.map(({ name, value }, i) => (
          <>
            <div class="op">{i === 0 ? "=" : "+"}</div>
            <div title={name === "sendable" ? "fit to be sent" : OUTCOME_MEANING[name]}>
              <b>{number(value)}</b>
              <span>
                {name === "sendable" ? null : <span class={`dot o-${name}`} />}
                {name}
              </span>
            </div>
          </>
        ))}
      </div>
      {balanced
        ? <p class="check">✓ {number(value)} = {terms.map((term) => number(term.value)).join(" + ")}</p>
        : isOver && total === "read" || isOver && value > 0
        ? (
          <p class="check off">
            ✕ {number(value)} is not {terms.map((term) => number(term.value)).join(" + ")} = {number(sum)}
          </p>
        )
        : <p class="check dim">{number(sum)} of {number(value)} so far</p>}
    </>
  );
}
