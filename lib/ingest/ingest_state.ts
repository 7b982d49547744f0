import { JobTracker } from "../jobs/mod.ts";
import {
  Claims,
  type ClaimTimes,
  FeedHistory,
  FeedQueue,
  FilesAside,
  ObjectFence,
  Sightings,
  StateService,
} from "../state/mod.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { claimsPrefix } from "./sweep.ts";

/** The connector's state over its key-value store. */
export function ingestState(ports: IngestPorts, settings: Settings, claimTimes?: ClaimTimes): IngestState {
  return {
    tracker: new JobTracker(ports.kv, ports.log, settings.jobTtlSeconds, ports.clock),
    ledger: new StateService(ports.kv, ports.clock),
    claims: new Claims(ports.kv, ports.clock, {
      random: ports.random,
      times: claimTimes,
      fence: ports.store.capabilities.conditionalPut
        ? new ObjectFence(ports.store, claimsPrefix(settings.s3WorkPrefix))
        : undefined,
    }),
    feeds: new FeedQueue(ports.kv, ports.clock),
    history: new FeedHistory(ports.kv),
    aside: new FilesAside(ports.kv),
    sightings: new Sightings(ports.kv, ports.clock),
  };
}
