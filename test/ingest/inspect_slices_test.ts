import assert from "node:assert/strict";
import { type Manifest, manifestKey, readManifest } from "../../lib/ingest/mod.ts";
import { csvOf, World } from "./world.ts";

/** By default 60,000 rows (about 1.2 MB): some bad, some of an earlier row's key, some over several lines. */
function largeFile(half = 30_000): string {
  const more: string[] = [];
  for (let i = 0; i < half; i++) {
    if (i % 500 === 7) more.push(`BAD-${i},LOC-1,x,`);
    else if (i % 50 === 3) more.push(`SKU-${String((i * 7) % half).padStart(5, "0")},LOC-1,${i},again`);
    else if (i % 90 === 4) more.push(`MORE-${i},LOC-1,${i},"two\nlines"`);
    else more.push(`MORE-${i},LOC-1,${i},`);
  }
  return csvOf(half).replace("qty", "qty,note").replaceAll(/(LOC-1,\d+)$/gm, "$1,") + more.join("\n") +
    "\n";
}

/** A world in which reading a chunk of the source takes `msPerChunk`. */
function slowWorld(msPerChunk: number): World & { opened: { key: string; start: number }[] } {
  const world = Object.assign(new World(), { opened: [] as { key: string; start: number }[] });
  const openFile = world.store.openFile.bind(world.store);
  world.store.openFile = async (key, options = {}) => {
    const { file, body } = await openFile(key, options);
    const isSource = key.endsWith("stock.csv") || key.includes("/source/");
    if (isSource) world.opened.push({ key, start: options.range?.start ?? 0 });
    return {
      file,
      body: {
        async *[Symbol.asyncIterator]() {
          for await (const chunk of body) {
            if (isSource) world.clock.advance(msPerChunk);
            yield chunk;
          }
        },
        cancel: () => body.cancel(),
      },
    };
  };
  return world;
}

async function manifestOf(world: World, jobId: string): Promise<Manifest> {
  return await readManifest(world.store, manifestKey(world.settings.s3WorkPrefix, jobId));
}

/** What must not depend on how often the inspection was interrupted. */
function essence({ jobId: _jobId, file: _file, rejectParts: _parts, source, ...rest }: Manifest) {
  return { ...rest, source: source.size };
}

/** As text: comparing large maps takes older runtimes minutes. */
function stockOf(world: World): string {
  return [...world.fluent.stock()].map(([place, qty]) => `${place}=${qty}`).sort().join("\n");
}

async function uninterrupted(content: string | Uint8Array) {
  const world = new World();
  const { jobId, job } = await world.ingest("stock.csv", content);
  const rejects = await world.text(`inventory/reports/stock.csv/${jobId}/rejects.jsonl`);
  return { manifest: essence(await manifestOf(world, jobId)), job, stock: stockOf(world), rejects };
}

/** Inspects slice by slice; gives how many it took. */
async function inspectInSlices(world: World, before: (slice: number) => void = () => {}): Promise<number> {
  const run = world.started[0]!;
  for (let slices = 1;; slices++) {
    assert.ok(slices < 1_000, "the inspection never ends");
    before(slices);
    await world.slice(run);
    const { step } = JSON.parse(
      [...world.memory.entries].find(([key]) => key.includes("/runs/"))![1],
    ) as { step: string };
    if (step !== "inspect") return slices;
  }
}

Deno.test("an inspection goes on over many slices by byte range, and ends in the same manifest", async () => {
  const content = largeFile();
  const whole = await uninterrupted(content);
  const world = slowWorld(700);
  world.variables["sliceSeconds"] = 1;
  await world.put("stock.csv", content);
  const { jobId } = (await world.discover()).files[0]!;
  const slices = await inspectInSlices(world);
  assert.ok(slices > 8, `${slices} slices`);
  assert.deepEqual(essence(await manifestOf(world, jobId)), whole.manifest);
  const starts = world.opened.slice(0, slices - 1).map(({ start }) => start);
  assert.deepEqual(starts, [...new Set(starts)].sort((a, b) => a - b), "each slice begins further on");
  world.variables["sliceSeconds"] = 20;
  await world.settle();
  assert.equal((await world.job(jobId)).status, "completed_with_errors");
  assert.equal(stockOf(world), whole.stock);
  assert.equal(await world.text(`inventory/reports/stock.csv/${jobId}/rejects.jsonl`), whole.rejects);
  assert.deepEqual(await world.keys(`inventory/work/${jobId}/inspect/`), [], "its checkpoints are swept");
});

Deno.test("an inspection killed before or after any effect ends in the same manifest", async () => {
  const content = largeFile(10_000);
  const whole = await uninterrupted(content);
  for (let kill = 1;; kill += 2) {
    const world = slowWorld(700);
    world.variables["sliceSeconds"] = 2;
    await world.put("stock.csv", content);
    const { jobId } = (await world.discover()).files[0]!;
    let effects = 0;
    let dead = false;
    const dies = () => {
      if (++effects === kill) dead = true;
      // Nothing a dead process does has an effect, its last words included.
      if (dead) throw new Error("killed");
    };
    const upload = world.store.uploadFile.bind(world.store);
    world.store.uploadFile = async (key, body, options) => {
      dies();
      const done = await upload(key, body, options);
      dies();
      return done;
    };
    world.memory.before = (operation) => operation === "set" ? dies() : undefined;
    const run = world.started[0]!;
    for (let n = 0; n < 200; n++) {
      // A process that dies tells nobody: no failure is recorded, the next delivery just comes.
      const outcome = await world.slice(run).catch(() => undefined);
      if (dead) {
        dead = false;
        world.clock.advance(61_000);
      }
      if (outcome?.kind === "finished") break;
      if (await exists(world, jobId)) break;
    }
    assert.deepEqual(essence(await manifestOf(world, jobId)), whole.manifest, `killed at effect ${kill}`);
    assert.equal(await rejectsOf(world, jobId), whole.rejects, `killed at effect ${kill}`);
    if (effects < kill) break;
    assert.ok(kill < 400, "effects never end");
  }
});

/** The rejected rows as inspect has kept them, as the report will have them. */
async function rejectsOf(world: World, jobId: string): Promise<string> {
  const { rejectParts } = await manifestOf(world, jobId);
  const keys = await world.keys(`inventory/work/${jobId}/rejects/`);
  const parts = await Promise.all(keys.slice(0, rejectParts).map((key) => world.text(key)));
  return parts.join("").replaceAll(/^\{/gm, '{"outcome":"rejected",');
}

async function exists(world: World, jobId: string): Promise<boolean> {
  return await world.store.statFile(manifestKey(world.settings.s3WorkPrefix, jobId)) !== undefined;
}

Deno.test("a checkpoint that cannot be read costs time only", async () => {
  const content = largeFile();
  const whole = await uninterrupted(content);
  const world = slowWorld(700);
  world.variables["sliceSeconds"] = 3;
  await world.put("stock.csv", content);
  const { jobId } = (await world.discover()).files[0]!;
  await world.slice(world.started[0]!);
  await world.slice(world.started[0]!);
  const [first] = await world.keys(`inventory/work/${jobId}/inspect/`);
  await world.store.uploadFile(first!, "something else");
  await inspectInSlices(world);
  assert.deepEqual(essence(await manifestOf(world, jobId)), whole.manifest);
});

Deno.test("a file that is replaced between two slices of its inspection is taken up anew", async () => {
  const world = slowWorld(700);
  world.variables["sliceSeconds"] = 2;
  const key = await world.put("stock.csv", largeFile());
  await world.discover();
  await world.slice(world.started[0]!);
  await world.store.uploadFile(key, csvOf(10));
  await world.settle();
  await world.discover();
  await world.settle();
  assert.equal(world.fluent.stock().size, 10, "nothing of the old content was sent");
  assert.deepEqual(await world.keys("inventory/incoming/"), []);
});

Deno.test("a record longer than a chunk does not keep a slice from getting on", async () => {
  const world = slowWorld(2_000);
  world.variables["sliceSeconds"] = 1;
  const long = "x".repeat(300_000);
  await world.put("stock.csv", `sku,location,qty,note\nA,L,1,${long}\nB,L,2,${long}\n`);
  const { jobId } = (await world.discover()).files[0]!;
  await inspectInSlices(world);
  assert.equal((await manifestOf(world, jobId)).rows.sendable, 2);
});
