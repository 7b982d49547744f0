/** @jsxImportSource hono/jsx */
import { factsOf, type JobRecord } from "../jobs/mod.ts";
import type { JobAction } from "../ingest/mod.ts";
import { ACTION_TEXT } from "./actions.ts";
import { link, number } from "./format.ts";
import { document } from "./layout.tsx";
import { Badge, splitKey } from "./pieces.tsx";

/** Asks once more before anything is done. */
export function confirmPage(view: {
  readonly now: number;
  readonly explains: boolean;
  readonly job: JobRecord;
  readonly action: JobAction;
  readonly token: string;
  /** Why the last try was not accepted. */
  readonly refusal?: string | undefined;
}): string {
  const { job, action, token, now, explains, refusal } = view;
  const text = ACTION_TEXT[action];
  const facts = factsOf(job);
  const { name } = splitKey(facts.file?.key ?? job.jobId);
  return document({
    title: `${text.label}: ${name}`,
    current: "jobs",
    now,
    explains,
    children: (
      <>
        <p class="small">
          <a href="?">Jobs</a> <span class="dim" aria-hidden="true">/</span>{" "}
          <a href={link({ job: job.jobId })}>{name}</a> <span class="dim" aria-hidden="true">/</span>
        </p>
        <div class="head">
          <h1>{text.label}</h1>
        </div>
        <section class="card narrow">
          {refusal ? <p class="note bad" role="alert">{refusal}</p> : null}
          <p>
            <b>{name}</b> <Badge status={job.status} />
          </p>
          <p class="dim">
            {number(facts.rows.read)} rows read, {number(facts.rows.confirmed)} confirmed,{" "}
            {number(facts.rows.rejected)} rejected, {number(facts.rows.failed)} failed,{" "}
            {number(facts.rows.unconfirmed)} without an answer.
          </p>
          {job.status === "held" && facts.heldBecause
            ? <p class="note held">{facts.heldBecause.message}</p>
            : null}
          <p>{text.explanation}</p>
          <form method="post" action={link({ job: job.jobId, action })}>
            <input type="hidden" name="token" value={token} />
            {text.needsReason
              ? (
                <p>
                  <label>
                    Reason, for the job's record
                    <textarea name="reason" required maxlength={500} />
                  </label>
                </p>
              )
              : null}
            <p class="row">
              <button class={text.careful ? "danger" : "primary"} type="submit">{text.label}</button>
              <a class="button" href={link({ job: job.jobId })}>Don't</a>
            </p>
          </form>
        </section>
      </>
    ),
  });
}
