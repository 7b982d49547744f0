import { type Context, fn, webhook } from "@versori/run";
import { messageOf, systemClock } from "../lib/base/mod.ts";
import { explain } from "../lib/explain/mod.ts";
import { actOnJob, listJobRows } from "../lib/ingest/mod.ts";
import type { HttpCall, PageAnswer, PagePorts } from "../lib/page/mod.ts";
import { actionPorts, explainPorts } from "./_jobs.ts";
import { type Parts, stateOf, wire } from "./_wiring.ts";

/** The system whose user and password people sign in to the page with. */
export const PAGE = "inventory_page";

/** What the page answers, with its headers. */
interface Served {
  readonly answer: PageAnswer;
  readonly headers: Record<string, string>;
}

/** The page: jobs, their rows, and what can be done about them, as HTML. */
export const jobsDashboard = webhook("jobs-dashboard", {
  response: { mode: "sync", onSuccess: respond },
  connection: PAGE,
  // Forms come as text, whatever the platform's parsers make of them.
  request: { rawBody: true },
}).then(
  fn("page", async (ctx): Promise<Served> => {
    // Loaded by the first call, so that whoever only syncs files starts without it.
    const { answerPage, FormTokens, pageHeaders } = await import("../lib/page/mod.ts");
    await using parts = await wire(ctx);
    const ports = pagePorts(ctx, parts, new FormTokens(stateOf(ctx), systemClock));
    const answer = await answerPage(callOf(ctx), ports, (error) => {
      ctx.log.error("page could not be made", { error: messageOf(error) });
    });
    return { answer, headers: pageHeaders(answer) };
  }),
);

function callOf(ctx: Context<unknown>): HttpCall {
  const request = ctx.request();
  const body: unknown = request?.body;
  return {
    method: request?.method ?? "GET",
    headers: request?.headers ?? {},
    query: request?.query ?? {},
    body: typeof body === "string" ? body : body instanceof Uint8Array ? new TextDecoder().decode(body) : "",
  };
}

function respond(ctx: Context<unknown>): Response {
  const { answer, headers } = ctx.data as Served;
  switch (answer.kind) {
    case "html":
      return new Response(answer.html, { status: answer.status, headers });
    case "redirect":
      return new Response(null, { status: 303, headers });
    case "download":
      return new Response(objectStream(ctx, answer.key), { headers });
  }
}

function pagePorts(ctx: Context<unknown>, parts: Parts, tokens: PagePorts["tokens"]): PagePorts {
  const { feeds } = parts;
  const { state, ports } = parts.of(feeds[0].name);
  return {
    clock: systemClock,
    tokens,
    feeds: feeds.map(({ name }) => name),
    history: state.tracker.history,
    job: (jobId) => state.tracker.getJob(jobId),
    rows: (job, query) => listJobRows(ports.store, job, query),
    act: (action, job, options) => actOnJob(action, job, options, actionPorts(ctx, parts, job)),
    explain: (query) => explain(query, explainPorts(parts)),
  };
}

/** An object's bytes, read while they are sent: a report can be larger than what a task may hand on. */
function objectStream(ctx: Context<unknown>, key: string): ReadableStream<Uint8Array> {
  const bytes = async function* () {
    await using parts = await wire(ctx);
    const { body } = await parts.of(parts.feeds[0].name).ports.store.openFile(key);
    yield* body;
  };
  return ReadableStream.from(bytes());
}
