import type { Owner } from "../state/mod.ts";
import type { Telemetry } from "../telemetry/mod.ts";
import type { PartitionRequest } from "./partition_record.ts";
import { type PartitionOutcome, runPartition } from "./partition_run.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { SliceWatch } from "./slice_watch.ts";
import { readOrigin } from "./trace_origin.ts";

/**
 * Does one slice of a partition as {@link runPartition} does, in a span of its own that is linked to that of its job's
 * first slice, with one for the stage and each batch in it.
 */
export async function observedPartition(
  asked: PartitionRequest,
  owner: Owner,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState,
  telemetry: Telemetry,
): Promise<PartitionOutcome> {
  const { request: { jobId, feed, triggeredBy }, partition } = asked;
  const origin = await readOrigin(ports, jobId);
  const span = telemetry.startSpan("inventory partition slice", {
    attributes: {
      "inventory.feed": feed,
      "inventory.job.id": jobId,
      "inventory.trigger": triggeredBy,
      "inventory.partition": partition,
    },
    links: origin ? [origin] : [],
  });
  const watch = new SliceWatch(telemetry, span, feed, ports);
  try {
    const outcome = await span.run(() => runPartition(asked, owner, settings, watch.ports, state));
    span.end({ attributes: { "inventory.outcome": outcome.kind } });
    return outcome;
  } catch (error) {
    span.end({ error });
    throw error;
  }
}
