import { ConnectorError, messageOf, refusalOf } from "../base/mod.ts";
import { factsOf, isTerminal, type JobRecord } from "../jobs/mod.ts";
import type { JobAction } from "../ingest/mod.ts";
import { ACTION_TEXT } from "./actions.ts";
import { confirmPage } from "./confirm_page.tsx";
import { errorPage } from "./error_page.tsx";
import { explainPage } from "./explain_page.tsx";
import { link } from "./format.ts";
import { jobPage } from "./job_page.tsx";
import { listPage } from "./list_page.tsx";
import type { PageAnswer } from "./page_answer.ts";
import type { PagePorts } from "./page_ports.ts";
import { splitKey } from "./pieces.tsx";
import { type HttpCall, isSameOrigin, one } from "./same_origin.ts";
import { type Download, parseCall, queryOf, type Wanted } from "./wanted.ts";

/** Jobs and rows on one page: the whole stays below 60 kB. */
const JOBS_PER_PAGE = 25;
const ROWS_PER_PAGE = 50;
const DAY_MS = 86_400_000;
const LOOK_ONLY = "Jobs can only be looked at here.";

/**
 * Answers one call of the page. What goes wrong is answered as a page too, without stacks.
 *
 * @param unexpected is told of failures that are nobody's mistake, for the log
 */
export async function answerPage(
  call: HttpCall,
  ports: PagePorts,
  unexpected: (error: unknown) => void = () => {},
): Promise<PageAnswer> {
  try {
    const wanted = parseCall(call);
    if (call.method === "POST" && !isSameOrigin(call)) {
      return problem(ports, 403, "This form was not sent from this page.");
    }
    return await answer(wanted, call, ports);
  } catch (error) {
    if (error instanceof ConnectorError) {
      return problem(ports, statusOf(error), messageOf(error));
    }
    unexpected(error);
    return problem(ports, 500, "The page could not be made; the log says why.");
  }
}

async function answer(wanted: Wanted, call: HttpCall, ports: PagePorts): Promise<PageAnswer> {
  const around = aroundOf(ports);
  switch (wanted.kind) {
    case "refused":
      return problem(ports, wanted.status, wanted.message);
    case "list":
      return await list(wanted, ports);
    case "download": {
      const job = await existing(wanted.jobId, ports);
      return download(job, wanted.file, ports);
    }
    case "explain": {
      const { sku, location, at } = wanted;
      if (!ports.explain) return problem(ports, 404, "Figures can't be explained here.");
      const explanation = sku === "" || location === ""
        ? undefined
        : await ports.explain({ sku, location, ...(at === undefined ? {} : { at }) });
      return html(200, explainPage({ now: around.now, sku, location, at, explanation }));
    }
    case "job": {
      const { jobId, outcome, q, cursor, done } = wanted;
      const job = await existing(jobId, ports);
      const rows = await ports.rows(job, {
        limit: ROWS_PER_PAGE,
        ...(outcome === undefined ? {} : { outcome }),
        ...(q === undefined ? {} : { text: q }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      return html(
        200,
        jobPage({ ...around, acts: ports.act !== undefined, job, rows, outcome, q, cursor, done }),
      );
    }
    case "confirm": {
      if (!ports.act) return problem(ports, 404, LOOK_ONLY);
      const job = await existing(wanted.jobId, ports);
      return await confirm(job, wanted.action, userOf(call), ports);
    }
    case "act": {
      const { jobId, action, token, reason } = wanted;
      if (!ports.act) return problem(ports, 404, LOOK_ONLY);
      const job = await existing(jobId, ports);
      const by = userOf(call);
      if (!(await ports.tokens.check(token, [action, jobId, by]))) {
        const refusal =
          "This confirmation is too old, or was not made by this page. Look again, and confirm anew.";
        return await confirm(job, action, by, ports, refusal);
      }
      if (ACTION_TEXT[action].needsReason && reason === undefined) {
        return await confirm(job, action, by, ports, "Give a reason: it is kept with the job.");
      }
      const { jobId: next } = await ports.act(action, job, {
        by: `page, ${by}`,
        reason,
        idempotencyKey: token,
      });
      return { kind: "redirect", to: link({ job: next, done: action }) };
    }
  }
}

async function list(wanted: Extract<Wanted, { kind: "list" }>, ports: PagePorts): Promise<PageAnswer> {
  const { filters, cursor, days, live } = wanted;
  const now = ports.clock.now();
  const range = { from: dayAt(now - (days - 1) * DAY_MS), to: dayAt(now) };
  const [page, running, counts] = await Promise.all([
    ports.history.list(queryOf(filters, cursor, JOBS_PER_PAGE)),
    ports.history.running(),
    live ? undefined : ports.history.counts(range),
  ]);
  return html(
    200,
    listPage({ ...aroundOf(ports), filters, cursor, days, feeds: ports.feeds, page, running, counts }),
  );
}

async function confirm(
  job: JobRecord,
  action: JobAction,
  by: string,
  ports: PagePorts,
  refusal?: string,
): Promise<PageAnswer> {
  const token = await ports.tokens.give([action, job.jobId, by]);
  const page = confirmPage({ ...aroundOf(ports), job, action, token, refusal });
  return html(refusal === undefined ? 200 : 403, page);
}

function download(job: JobRecord, file: Download, ports: PagePorts): PageAnswer {
  const { reports, file: source } = factsOf(job);
  if (!reports) {
    const why = isTerminal(job.status)
      ? "This job ended without a report."
      : "The report is written at the end.";
    return problem(ports, 404, why);
  }
  const which: Record<Download, { key: string; contentType: string }> = {
    "rejects.csv": { key: reports.rejectsCsv, contentType: "text/csv; charset=utf-8" },
    "rejects.jsonl": { key: reports.rejectsJsonl, contentType: "application/x-ndjson" },
    "summary.json": { key: reports.summary, contentType: "application/json" },
  };
  const stem = splitKey(source?.key ?? job.jobId).name.replace(/\.[^.]*$/, "");
  return { kind: "download", ...which[file], name: `${stem}-${file}` };
}

async function existing(jobId: string, ports: PagePorts): Promise<JobRecord> {
  const job = await ports.job(jobId);
  if (job) return job;
  throw new ConnectorError(`There is no job '${jobId}': it was never created, or it has expired.`, {
    code: "job-unknown",
    retry: "never",
  });
}

/** The name somebody signed in with; the platform has checked the password. */
function userOf({ headers }: HttpCall): string {
  const encoded = /^basic +(\S+)$/i.exec(one(headers["authorization"]) ?? "")?.[1];
  if (encoded === undefined) return "somebody";
  try {
    return atob(encoded).split(":")[0] || "somebody";
  } catch {
    return "somebody";
  }
}

function statusOf({ code, retry }: ConnectorError): number {
  return refusalOf(code)?.status ?? (retry === "later" ? 503 : 500);
}

/** What every page says around its content. */
function aroundOf({ clock, explain }: PagePorts): { now: number; explains: boolean } {
  return { now: clock.now(), explains: explain !== undefined };
}

function problem(ports: PagePorts, status: number, message: string): PageAnswer {
  return html(status, errorPage({ ...aroundOf(ports), status, message }));
}

function html(status: number, text: string): PageAnswer {
  return { kind: "html", status, html: text };
}

function dayAt(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
