import assert from "node:assert/strict";
import { type Logger, silentLogger } from "../../lib/base/mod.ts";
import { observedSlice } from "../../lib/ingest/mod.ts";
import { openTelemetry, silentTelemetry, type Telemetry } from "../../lib/telemetry/mod.ts";
import { refusal } from "../ingest/fake_fluent.ts";
import { csvOf, World } from "../ingest/world.ts";
import { type Recorded, recorded } from "./_recorded.ts";

/** Takes every waiting file and works until all is done, observed. */
async function work(world: World, telemetry: Telemetry, log: Logger = silentLogger): Promise<void> {
  await world.discover();
  for (let slices = 0; world.started.length > 0; slices++) {
    assert.ok(slices < 1_000, "the runs never end");
    const run = world.started.shift()!;
    run.attempt++;
    const owner = { run: run.id, attempt: run.attempt };
    const ports = { ...world.ports, log };
    const outcome = await observedSlice(run.request, owner, world.settings, ports, world.state, telemetry);
    if (outcome.kind !== "again") continue;
    world.started.push(run);
    world.clock.advance(outcome.afterMs);
  }
}

async function points(recorded: Recorded, metric: string) {
  const all = await recorded.points();
  return all.filter((point) => point.metric === metric)
    .map(({ attributes, value }) => `${Object.values(attributes).join(" ")} ${value}`).sort();
}

Deno.test("a job's spans: its life, linked to its slices, which hold stages, which hold batches", async () => {
  await recorded(async (seen) => {
    const world = new World();
    world.fluent.looksToComplete = 2;
    await world.put("a.csv", csvOf(600));
    await work(world, openTelemetry());
    const spans = seen.spans();
    const named = (name: string) => spans.filter((span) => span.name === name);
    const slices = named("inventory slice");
    assert.ok(slices.length >= 2, "confirming waits, so there are several slices");
    const origin = slices[0]!.spanContext();
    for (const slice of slices.slice(1)) {
      assert.deepEqual(slice.links.map((link) => link.context.spanId), [origin.spanId]);
      assert.notEqual(slice.spanContext().traceId, origin.traceId);
    }
    const stages = ["inspect", "turn", "deliver", "confirm", "report", "archive"].map((step) => {
      const all = named(`inventory ${step}`);
      assert.ok(all.length > 0, step);
      for (const one of all) {
        const within = slices.map((slice) => slice.spanContext().spanId);
        assert.ok(within.includes(one.parentSpanContext?.spanId ?? ""), `${step} is part of a slice`);
      }
      return all;
    });
    const batches = named("inventory batch");
    assert.equal(batches.length, 6);
    for (const batch of batches) {
      assert.equal(batch.parentSpanContext?.spanId, stages[2]![0]!.spanContext().spanId);
      assert.equal(batch.attributes["inventory.outcome"], "accepted");
    }
    const [job] = named("inventory job");
    assert.deepEqual(job?.links.map((link) => link.context.spanId), [origin.spanId]);
    assert.equal(job?.attributes["inventory.rows.confirmed"], 600);
    assert.equal(job?.attributes["inventory.status"], "completed");
    assert.deepEqual([...world.memory.entries.keys()].filter((key) => key.includes("/traces/")), []);
  });
});

Deno.test("rows are counted by outcome, once, and add up to what was read", async () => {
  await recorded(async (seen) => {
    const world = new World();
    await world.put("a.csv", csvOf(100, ["SKU-00001,LOC-1,5", "BAD,LOC-1,N/A"]));
    await work(world, openTelemetry());
    assert.deepEqual(await points(seen, "inventory.ingest.rows"), [
      "confirmed inventory 100",
      "rejected inventory 1",
      "superseded inventory 1",
    ]);
    assert.deepEqual(await points(seen, "inventory.ingest.jobs"), [
      "completed_with_errors inventory schedule 1",
    ]);
    const all = await seen.points();
    assert.deepEqual(
      [...new Set(all.map(({ metric, unit }) => `${metric} ${unit}`))].sort(),
      [
        "inventory.ingest.batch.duration s",
        "inventory.ingest.file.lag s",
        "inventory.ingest.jobs {job}",
        "inventory.ingest.queue.age s",
        "inventory.ingest.rows {row}",
        "inventory.ingest.stage.duration s",
      ],
    );
    for (const { attributes } of all) {
      for (const [name, value] of Object.entries(attributes)) {
        assert.match(name, /^(outcome|feed|status|trigger|stage)$/);
        assert.doesNotMatch(String(value), /job-|\.csv/, "no measurement names a job or a file");
      }
    }
  });
});

Deno.test("a finished job that is delivered again is not counted again", async () => {
  await recorded(async (seen) => {
    const world = new World();
    await world.put("a.csv", csvOf(10));
    await world.discover();
    const run = { ...world.started[0]!, attempt: 9 };
    await work(world, openTelemetry());
    const owner = { run: run.id, attempt: run.attempt };
    await observedSlice(run.request, owner, world.settings, world.ports, world.state, openTelemetry());
    assert.deepEqual(await points(seen, "inventory.ingest.rows"), ["confirmed inventory 10"]);
  });
});

Deno.test("queue age and file lag are measured by the clock", async () => {
  await recorded(async (seen) => {
    const world = new World();
    await world.put("a.csv", csvOf(1));
    await world.discover();
    world.clock.advance(90_000);
    await work(world, openTelemetry());
    const all = await seen.points();
    const [age] = all.filter(({ metric }) => metric === "inventory.ingest.queue.age");
    assert.deepEqual([age?.value, age?.sum], [1, 90]);
    const [lag] = all.filter(({ metric }) => metric === "inventory.ingest.file.lag");
    assert.ok((lag?.sum ?? 0) >= 91, `the file waited a second before, and 90 s in the queue: ${lag?.sum}`);
  });
});

Deno.test("a batch Fluent refuses has its outcome, and the failure's code is on its span", async () => {
  await recorded(async (seen) => {
    const world = new World();
    world.fluent.before = (call) => {
      if (call === "sendBatch") throw refusal(403, "fluent-forbidden", "No access");
    };
    await world.put("a.csv", csvOf(1));
    await work(world, openTelemetry());
    const batch = seen.spans().find(({ name }) => name === "inventory batch");
    assert.equal(batch?.attributes["error.type"], "fluent-forbidden");
    assert.equal(batch?.attributes["inventory.outcome"], "failed");
    assert.deepEqual(await points(seen, "inventory.ingest.batch.duration"), ["failed inventory 1"]);
    assert.deepEqual(await points(seen, "inventory.ingest.jobs"), ["failed inventory schedule 1"]);
    const slice = seen.spans().filter(({ name }) => name === "inventory slice").at(-1);
    assert.equal(slice?.status.code, 2);
  });
});

Deno.test("one entry of the log says how a job ended, and why it failed", async () => {
  const entries: { message: string; fields: Record<string, unknown> }[] = [];
  const keep = (message: string, fields: Record<string, unknown> = {}) =>
    void entries.push({ message, fields });
  const log: Logger = { debug() {}, info: keep, warn: keep, error: keep };
  const world = new World();
  world.openFluent = () => {
    throw refusal(403, "fluent-forbidden", "No access");
  };
  const key = await world.put("a.csv", csvOf(3, ["BAD,LOC-1,N/A"]));
  world.variables["rejectLimit"] = "50%";
  await work(world, silentTelemetry, log);
  const failed = entries.find(({ message }) => message === "job failed")?.fields;
  assert.equal(failed?.["errorCode"], "fluent-forbidden");
  assert.equal(failed?.["step"], "deliver");
  assert.equal(failed?.["key"], key);
  const ended = entries.find(({ message }) => message === "job ended")?.fields;
  assert.equal(ended?.["status"], "failed");
  assert.equal(ended?.["errorCode"], "fluent-forbidden");
  assert.equal((ended?.["rows"] as Record<string, number>)["rejected"], 1);
});

Deno.test("without a provider nothing is recorded, nothing is stored, and the work is done", async () => {
  const world = new World();
  await world.put("a.csv", csvOf(10));
  await work(world, openTelemetry());
  assert.equal((await world.jobs())[0]?.status, "completed");
  assert.deepEqual([...world.memory.entries.keys()].filter((key) => key.includes("/traces/")), []);
});
