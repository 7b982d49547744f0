import assert from "node:assert/strict";
import {
  type IngestRequest,
  observedPartition,
  observedSlice,
  type PartitionOutcome,
  type PartitionRequest,
  type SliceOutcome,
} from "../../lib/ingest/mod.ts";
import type { Owner } from "../../lib/state/mod.ts";
import { openTelemetry } from "../../lib/telemetry/mod.ts";
import { refusal } from "../ingest/fake_fluent.ts";
import { PartitionedWorld } from "../ingest/partitioned_world.ts";
import { recorded } from "./_recorded.ts";

class ObservedWorld extends PartitionedWorld {
  override fileSlice(request: IngestRequest, owner: Owner): Promise<SliceOutcome> {
    return observedSlice(request, owner, this.settings, this.ports, this.state, openTelemetry());
  }

  override partitionSlice(request: PartitionRequest, owner: Owner): Promise<PartitionOutcome> {
    return observedPartition(request, owner, this.settings, this.ports, this.state, openTelemetry());
  }
}

Deno.test("a partition's slices are linked to the job's first one, and hold its batches", async () => {
  await recorded(async (seen) => {
    const world = new ObservedWorld();
    await world.deliver(100);
    const named = (name: string) => seen.spans().filter((span) => span.name === name);
    const origin = named("inventory slice")[0]!.spanContext();
    const partitions = named("inventory partition slice");
    assert.deepEqual(
      [...new Set(partitions.map(({ attributes }) => attributes["inventory.partition"]))].sort(),
      [0, 1, 2],
    );
    const within = new Set(partitions.map((slice) => slice.spanContext().spanId));
    const delivering = named("inventory deliver")
      .filter(({ parentSpanContext }) => within.has(parentSpanContext?.spanId ?? ""))
      .map((stage) => stage.spanContext().spanId);
    const batches = named("inventory batch");
    assert.equal(batches.length, 10);
    for (const { parentSpanContext } of batches) {
      assert.ok(
        delivering.includes(parentSpanContext?.spanId ?? ""),
        "each is part of a partition's delivery",
      );
    }
    for (const { links, attributes } of partitions) {
      if (attributes["inventory.outcome"] === "again") continue;
      assert.deepEqual(links.map(({ context }) => context.spanId), [origin.spanId]);
    }
  });
});

Deno.test("a partition's failure is in its span", async () => {
  await recorded(async (seen) => {
    const world = new ObservedWorld();
    world.fluent.before = (call) => {
      if (call === "sendBatch") throw refusal(403, "fluent-forbidden", "no permission");
    };
    await world.deliver(100);
    const failed = seen.spans().filter(({ name, status }) =>
      name === "inventory deliver" && status.code === 2
    );
    assert.ok(failed.some(({ attributes }) => attributes["error.type"] === "fluent-forbidden"));
  });
});
