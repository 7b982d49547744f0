// deno-lint-ignore-file jsx-key -- made once on the server: nothing is ever put in another order
/** @jsxImportSource hono/jsx */
import { link } from "./format.ts";
import { document } from "./layout.tsx";
import type { Explanation } from "./page_ports.ts";
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
              <p class="note busy" role="status">{explanation.conclusion}</p>
              <ol class="time">
                {explanation.sightings.map((seen) => (
                  <li>
                    <b>
                      <a href={link({ job: seen.jobId })}>{splitKey(seen.file).name}</a>, line {seen.line}
                    </b>{" "}
                    <span class="dim small">
                      <Time at={seen.at} /> · {seen.outcome}
                    </span>
                    <div>
                      <code>{seen.raw}</code>
                    </div>
                    {seen.steps.map((step) => <div class="small">{step}</div>)}
                  </li>
                ))}
              </ol>
            </section>
          )
          : null}
      </>
    ),
  });
}
