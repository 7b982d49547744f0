import { fn, webhook } from "@versori/run";
import { systemClock } from "../lib/base/mod.ts";
import { dayOf, type HistoryQuery, JobTracker } from "../lib/jobs/mod.ts";
import { jobCountsRequest, jobHistoryRequest } from "./_api.ts";
import { type Answer, answering, readRequest, respond } from "./_answers.ts";
import { stateOf, WEBHOOKS } from "./_wiring.ts";

/** Days that are counted unless the caller says which. */
const DAYS = 7;

/** Lists jobs by what is asked of them, page by page, or counts them: `GET ?status=failed&day=2026-01-31`. */
export const jobHistory = webhook("job-history", {
  method: "get",
  response: { mode: "sync", onSuccess: respond },
  connection: WEBHOOKS,
}).then(
  fn("ask-history", (ctx): Promise<Answer> =>
    answering(ctx, async () => {
      const { history } = new JobTracker(stateOf(ctx), ctx.log);
      if (ctx.request()?.query["counts"] === undefined) {
        const query = readRequest(ctx, jobHistoryRequest);
        return { status: 200, body: { ...await history.list(query as HistoryQuery) } };
      }
      const { from, to } = readRequest(ctx, jobCountsRequest);
      const last = to ?? dayOf(new Date(systemClock.now()).toISOString());
      const first = from ?? dayOf(new Date(Date.parse(last) - (DAYS - 1) * 86_400_000).toISOString());
      return { status: 200, body: { days: await history.counts({ from: first, to: last }) } };
    })),
);
