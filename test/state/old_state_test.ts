import assert from "node:assert/strict";
import type { IngestRequest } from "../../lib/ingest/mod.ts";
import { World } from "../ingest/world.ts";

/** What a process of an older version left behind when it was killed. */
interface Left {
  readonly request: IngestRequest;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly keyValues: Record<string, unknown>;
  readonly objects: Record<string, { text: string }>;
  readonly fluent: {
    jobs: string[];
    batches: {
      id: string;
      jobId: string;
      entities: { skuRef: string; locationRef: string; qty: number }[];
    }[];
  };
}

async function worldLeft(version: string, name: string): Promise<{ world: World; left: Left }> {
  const file = new URL(`./fixtures/${version}/${name}.json`, import.meta.url);
  const left = JSON.parse(await Deno.readTextFile(file)) as Left;
  const world = new World();
  world.clock.advance(left.now - world.clock.now());
  for (const [key, value] of Object.entries(left.keyValues)) {
    world.memory.entries.set(key, JSON.stringify(value));
  }
  for (const [key, { text }] of Object.entries(left.objects)) await world.store.uploadFile(key, text);
  world.fluent.jobs.push(...left.fluent.jobs);
  for (const batch of left.fluent.batches) {
    world.fluent.batches.push({ ...batch, body: JSON.stringify(batch.entities), looks: 0 });
  }
  return { world, left };
}

for (const [name, sent] of [["delivering", 4], ["confirming", 7]] as const) {
  Deno.test(`old state always resumes: a version 1 job that was killed while ${name} comes to its end`, async () => {
    const { world, left } = await worldLeft("v1", name);
    assert.equal(world.fluent.batches.length, sent);
    // The platform delivers the message again, to the version that is deployed now.
    world.started.push({ id: "run-1", request: left.request, attempt: 1 });
    await world.settle();
    const job = await world.job(left.request.jobId);
    assert.equal(job.status, "completed_with_errors", job.error ?? "");
    const { rows } = await world.summary(left.request.jobId);
    assert.equal(rows.read, 1002);
    assert.equal(rows.confirmed, 1000);
    assert.equal(rows.rejected, 1);
    assert.equal(rows.superseded, 1);
    assert.equal(world.fluent.stock().size, 1000);
    assert.equal(world.fluent.stock().get("LOC-1|SKU-00005"), 777);
    assert.equal(world.fluent.jobs.length, 1, "the Fluent job is gone on with");
    assert.equal(world.fluent.batches.length, 7, "what was accepted is not sent again");
    assert.deepEqual(await world.keys("inventory/archive/"), ["inventory/archive/stock.csv"]);
    assert.deepEqual(await world.keys("inventory/incoming/"), []);
  });
}
