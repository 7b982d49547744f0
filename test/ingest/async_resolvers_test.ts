import assert from "node:assert/strict";
import { explain } from "../../lib/explain/mod.ts";
import { batchPayloads, type IngestPorts } from "../../lib/ingest/mod.ts";
import { type CustomResolver, mappingFileSchema } from "../../lib/mapping/mod.ts";
import { csvOf, World } from "./world.ts";

const MAPPING = mappingFileSchema.parse({
  name: "looked-up",
  version: "1",
  entityType: "INVENTORY",
  key: ["locationRef", "skuRef"],
  fields: {
    skuRef: { source: "sku", required: true },
    locationRef: { source: "location", required: true },
    retailerId: { source: "$context.retailerId" },
    qty: { source: "qty", resolver: "custom.stock", required: true },
    "attributes.note": { source: "sku", resolver: "custom.note" },
  },
});

/** A world whose mapping looks quantities up. */
class LookupWorld extends World {
  asked = 0;
  atOnce = 0;
  mostAtOnce = 0;
  resolvers: Record<string, CustomResolver> = { "custom.note": () => undefined };

  constructor(lookup: CustomResolver) {
    super();
    this.variables["rejectLimit"] = "100%";
    this.resolvers["custom.stock"] = async (...args) => {
      this.asked++;
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
      try {
        return await lookup(...args);
      } finally {
        this.atOnce--;
      }
    };
  }

  override get ports(): IngestPorts {
    return {
      ...super.ports,
      customResolvers: this.resolvers,
      loadMapping: () => Promise.resolve(MAPPING),
    };
  }
}

const whole: CustomResolver = (value, _data, _context, { resolve }) => resolve("sdk.parseInt", value);

Deno.test("resolvers that answer later map rows of files, a few at once, in the file's order", async () => {
  const world: LookupWorld = new LookupWorld(async (...args) => {
    // Later rows answer sooner.
    await world.clock.sleep(100 - (args[0] as string).length * 10);
    return whole(...args);
  });
  world.variables["resolverConcurrency"] = 4;
  const { job, summary } = await world.ingest("stock.csv", csvOf(100, ["SKU-00003,LOC-1,777", "A,LOC-1,½"]));
  assert.equal(job.status, "completed_with_errors");
  assert.deepEqual([summary.rows.read, summary.rows.confirmed], [102, 100]);
  assert.deepEqual(summary.superseded, [{ line: 5, endLine: 5 }]);
  assert.deepEqual(summary.rejects.map(({ line, column, code }) => [line, column, code]), [
    [103, 3, "not-a-whole-number"],
  ]);
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00003"), 777);
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00099"), 99);
  assert.deepEqual([world.asked, world.mostAtOnce], [102, 4]);
});

Deno.test("a batch made again has the bytes that were sent, whatever its resolvers would say now", async () => {
  const world: LookupWorld = new LookupWorld(() => 1_000 + world.asked);
  world.resolvers["custom.note"] = async (value) => await Promise.resolve(value === "SKU-00001" ? " " : "n");
  const { jobId } = await world.ingest("stock.csv", csvOf(300));
  const asked = world.asked;
  const entities = async () => {
    const bodies = await Promise.all(
      [0, 1, 2].map((batch) => batchPayloads(world.ports, world.settings, jobId, batch)),
    );
    return bodies.flat().flatMap(({ body }) =>
      (JSON.parse(body) as { entities: { qty: number }[] }).entities
    );
  };
  const before = await entities();
  assert.equal(before.length, 300);
  assert.deepEqual(before.slice(0, 2), [
    { skuRef: "SKU-00000", locationRef: "LOC-1", retailerId: 1, qty: 1_001, attributes: { note: "n" } },
    { skuRef: "SKU-00001", locationRef: "LOC-1", retailerId: 1, qty: 1_002 },
  ]);
  assert.deepEqual(
    before.map(({ qty }) => qty).sort(),
    [...world.fluent.stock().values()].sort(),
  );
  // Another deployment, whose resolver answers at once, changes nothing either.
  world.resolvers["custom.stock"] = () => 5;
  assert.deepEqual(await entities(), before);
  assert.equal(world.asked, asked, "nobody was asked again");
});

Deno.test("what a resolver fails with, or has no answer for in time, is the row's own error", async () => {
  const aborted: boolean[] = [];
  const world: LookupWorld = new LookupWorld(async (value, _data, _context, { fail, signal }) => {
    await Promise.resolve();
    switch (value) {
      case "0":
        return fail("a SKU the warehouse knows", "unknown-sku");
      case "1":
        throw new Error("connection refused");
      case "2":
        signal?.addEventListener("abort", () => aborted.push(true));
        return await new Promise(() => {/* never */});
      case "3":
        return undefined;
    }
    return Number(value);
  });
  world.variables["resolverTimeoutSeconds"] = 2.5;
  const { summary } = await world.ingest("stock.csv", csvOf(6));
  assert.deepEqual(summary.rejects.map(({ line, column, code, message }) => [line, column, code, message]), [
    [2, 3, "unknown-sku", "Cannot map 'qty': expected a SKU the warehouse knows, found '0'"],
    [
      3,
      3,
      "resolver-failed",
      "Cannot map 'qty': expected the resolver to answer (connection refused), found '1'",
    ],
    [
      4,
      3,
      "resolver-timeout",
      "Cannot map 'qty': expected an answer of 'custom.stock' within 2.5 s, found '2'",
    ],
    [5, 3, "value-missing", "Cannot map 'qty': expected a value, found '3'"],
  ]);
  assert.deepEqual(aborted, [true]);
  assert.deepEqual([...world.fluent.stock()], [["LOC-1|SKU-00004", 4], ["LOC-1|SKU-00005", 5]]);
});

Deno.test("slow lookups take as many slices as they take, each within its time, and ask for a row once", async () => {
  const world: LookupWorld = new LookupWorld(async (...args) => {
    await world.clock.sleep(1_000);
    return whole(...args);
  });
  world.variables["resolverConcurrency"] = 5;
  world.variables["sliceSeconds"] = 10;
  await world.put("stock.csv", csvOf(200));
  await world.discover();
  const run = world.started[0]!;
  let slices = 0;
  let longest = 0;
  for (let asked = -1; asked !== world.asked; slices++) {
    asked = world.asked;
    const startedAt = world.clock.now();
    await world.slice(run);
    if (slices === 0) assert.ok(world.asked < 100, `${world.asked} rows in the first slice`);
    longest = Math.max(longest, world.clock.now() - startedAt);
  }
  assert.ok(slices >= 4, `${slices} slices`);
  assert.ok(longest < 15_000, `${longest} ms`);
  // Rows under way when a slice ends are asked for again by the next.
  assert.ok(world.asked >= 200 && world.asked <= 200 + 5 * slices, `asked ${world.asked} times`);
  await world.settle();
  assert.equal(world.fluent.stock().size, 200);
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00123"), 123);
});

Deno.test("a slice that is killed leaves no values behind that could be taken for others", async () => {
  const world: LookupWorld = new LookupWorld(() => world.asked);
  world.variables["sliceSeconds"] = 5;
  world.resolvers["custom.note"] = async () => {
    await world.clock.sleep(500);
    return undefined;
  };
  await world.put("stock.csv", csvOf(200));
  await world.discover();
  const run = world.started[0]!;
  await world.slice(run);
  // What the second slice does is lost with it, but for what it wrote to the bucket.
  const before = new Map(world.memory.entries);
  await world.slice(run);
  world.memory.entries.clear();
  for (const [key, value] of before) world.memory.entries.set(key, value);
  world.clock.advance(120_000);
  await world.settle();
  const [job] = await world.jobs();
  assert.equal(job?.status, "completed");
  const payloads = await batchPayloads(world.ports, world.settings, job!.jobId, 0);
  const { entities } = JSON.parse(payloads[0]!.body) as { entities: { skuRef: string; qty: number }[] };
  for (const { skuRef, qty } of entities) assert.equal(world.fluent.stock().get(`LOC-1|${skuRef}`), qty);
});

Deno.test("a promise of a function that is not declared async is refused, saying what to do", async () => {
  const world = new LookupWorld(whole);
  world.resolvers["custom.stock"] = () => Promise.resolve(1);
  const { summary } = await world.ingest("stock.csv", csvOf(1));
  assert.deepEqual(summary.rejects.map(({ code, message }) => [code, message]), [[
    "resolver-async",
    "Cannot map 'qty': expected a resolver that answers at once, or is declared async, found '0'",
  ]]);
});

Deno.test("an explanation shows what resolvers gave when the file was read", async () => {
  const world: LookupWorld = new LookupWorld((value) => value === "x" ? undefined : 500 + world.asked);
  await world.ingest("stock.csv", csvOf(3, ["SKU-00001,LOC-1,x"]));
  const { asked } = world;
  const { appearances } = await explain({ sku: "SKU-00001", location: "LOC-1" }, {
    ...world.ports,
    tracker: world.state.tracker,
    settingsOf: () => world.settings,
  });
  assert.deepEqual(
    appearances.map(({ line, outcome, code, entity }) => [line, outcome, code, entity?.["qty"]]),
    [
      [5, "rejected", "rejected-before", undefined],
      [3, "confirmed", undefined, 502],
    ],
  );
  assert.equal(world.asked, asked);
});
