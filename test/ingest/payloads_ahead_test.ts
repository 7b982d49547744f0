import assert from "node:assert/strict";
import type { IngestPorts, Manifest } from "../../lib/ingest/mod.ts";
import { manifestKey, readManifest } from "../../lib/ingest/mod.ts";
import { beginPayloads, dropPayloads, takePayloads } from "../../lib/ingest/payloads_ahead.ts";
import type { ReadyPayload } from "../../lib/ingest/payloads.ts";
import type { Prefetch } from "../../lib/ingest/prefetch.ts";
import { newRun } from "../../lib/ingest/run_record.ts";
import { csvOf, World } from "./world.ts";

/** Says which steps begin, and when bytes of the source are read again. */
class WatchedWorld extends World {
  readonly seen: string[] = [];

  override get ports(): IngestPorts {
    return {
      ...super.ports,
      observer: {
        step: (step, work) => {
          this.seen.push(step);
          return work();
        },
      },
    };
  }
}

Deno.test("the first payloads are made while the file's turn is awaited, and not again", async () => {
  const world = new WatchedWorld();
  const open = world.store.openFile.bind(world.store);
  world.store.openFile = async (key, options) => {
    if (key.endsWith("stock.csv") && options?.range && world.seen.length > 1) world.seen.push("range");
    return await open(key, options);
  };
  const { job } = await world.ingest("stock.csv", csvOf(900));
  assert.equal(job.status, "completed");
  assert.deepEqual(world.seen.slice(0, 4), ["inspect", "turn", "range", "deliver"]);
  assert.equal(world.seen.filter((name) => name === "range").length, 1);
  assert.equal(world.fluent.stock().size, 900);
});

/** What a file of 4 batches leaves to the payloads of another run of it. */
async function fileOfFour() {
  const world = new World();
  const { key, jobId } = await world.ingest("stock.csv", csvOf(1_000));
  const manifest = await readManifest(world.store, manifestKey(world.settings.s3WorkPrefix, jobId));
  await world.store.uploadFile(key, csvOf(1_000));
  const { etag } = (await world.store.statFile(key))!;
  const run = newRun(jobId, "manifest.json");
  const source: Manifest["source"] = { ...manifest.source, etag };
  return {
    manifest: () => Promise.resolve({ ...manifest, source }),
    payloadsAhead: undefined,
    ports: world.ports,
    run: { ...run, batches: { total: 4, sent: 0, resent: 0 } },
    settings: world.settings,
  };
}

async function indexes(payloads: Prefetch<ReadyPayload>): Promise<number[]> {
  const found: number[] = [];
  for (let next = await payloads.next(); next; next = await payloads.next()) found.push(next.index);
  await payloads.close();
  return found;
}

Deno.test("payloads that were begun are given for the same batches only", async () => {
  const work: Parameters<typeof beginPayloads>[0] = await fileOfFour();
  beginPayloads(work);
  const begun = work.payloadsAhead!.payloads;
  assert.equal(await takePayloads(work, [0, 1, 2, 3]), begun);
  assert.deepEqual(await indexes(begun), [0, 1, 2, 3]);

  beginPayloads(work);
  const unused = work.payloadsAhead!.payloads;
  assert.deepEqual(await indexes(await takePayloads(work, [1, 3])), [1, 3]);
  assert.equal(work.payloadsAhead, undefined);
  await unused.close();
});

Deno.test("nothing is made ahead for a file of which something was sent, or that other runs deliver", async () => {
  const work: Parameters<typeof beginPayloads>[0] = await fileOfFour();
  work.run.batches.sent = 1;
  beginPayloads(work);
  assert.equal(work.payloadsAhead, undefined);

  work.run = {
    ...work.run,
    batches: { total: 4, sent: 0, resent: 0 },
    partitions: { count: 2, size: 2, window: 1 },
  };
  beginPayloads({ ...work, ports: { ...work.ports, startPartition: () => Promise.resolve() } });
  assert.equal(work.payloadsAhead, undefined);
});

Deno.test("what fails while it is made ahead is told to whoever asks for it, and to nobody else", async () => {
  const work: Parameters<typeof beginPayloads>[0] = {
    ...await fileOfFour(),
    manifest: () => Promise.reject(new Error("the manifest is away")),
  };
  beginPayloads(work);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const payloads = await takePayloads(work, [0, 1, 2, 3]);
  await assert.rejects(payloads.next(), /the manifest is away/);
  await payloads.close();
  beginPayloads(work);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await dropPayloads(work);
});
