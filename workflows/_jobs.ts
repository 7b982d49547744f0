import type { Context } from "@versori/run";
import { systemClock } from "../lib/base/mod.ts";
import type { ExplainPorts } from "../lib/explain/mod.ts";
import type { ActionPorts } from "../lib/ingest/mod.ts";
import { factsOf, type JobRecord } from "../lib/jobs/mod.ts";
import { discoverAndStart } from "./_discovery.ts";
import type { Parts } from "./_wiring.ts";

/** What acting on a job needs, whoever asks for it: the parts of the job's own feed. */
export function actionPorts(ctx: Context<unknown>, parts: Parts, job: JobRecord): ActionPorts {
  const feed = factsOf(job).feed ?? parts.feeds[0].name;
  return { ...parts.of(feed), take: (wanted) => discoverAndStart(ctx, { ...wanted, feed }) };
}

/** What explaining a figure needs, whoever asks for it. */
export function explainPorts({ feeds, of }: Parts): ExplainPorts {
  const first = feeds[0].name;
  const { ports, state } = of(first);
  return {
    kv: ports.kv,
    store: ports.store,
    tracker: state.tracker,
    clock: systemClock,
    customResolvers: ports.customResolvers,
    settingsOf: (feed) => of(feed ?? first).settings,
  };
}
