import assert from "node:assert/strict";
import { explain, type ExplainPorts } from "../../lib/explain/mod.ts";
import { actOnJob } from "../../lib/ingest/mod.ts";
import { World } from "../ingest/world.ts";
import { seeded, whole } from "../simulation/random.ts";

/** A row the model has written into a file, and what must become of it. */
interface Written {
  readonly file: number;
  readonly line: number;
  readonly qty: string;
  outcome: "rejected" | "superseded" | "failed" | "confirmed";
}

/** Throws dice, the same way on every run. */
function dice(seed: number): (sides: number) => number {
  const random = seeded(seed);
  return (sides) => whole(random, 0, sides - 1);
}

/** What an explanation looks into: all a world has. */
function portsOf(world: World): ExplainPorts {
  return {
    kv: world.ports.kv,
    store: world.store,
    tracker: world.state.tracker,
    clock: world.clock,
    settingsOf: () => world.settings,
  };
}

const SKUS = 90;
const LOCATIONS = 5;

Deno.test("an explanation is right for 1,000 random keys over 20 files with rejects, superseded, failed and replayed rows", async () => {
  const roll = dice(7);
  const world = new World();
  world.variables["rejectLimit"] = "100%";
  /** Position → its rows, oldest first. */
  const model = new Map<string, Written[]>();
  /** Position → what Fluent must have. */
  const stock = new Map<string, string>();
  const jobs: string[] = [];
  /** What Fluent has, by what it was sent and knew then. */
  const taken = new Map<string, string>();
  world.fluent.after = (call) => {
    if (call !== "sendBatch") return;
    for (const { skuRef, locationRef, qty } of world.fluent.batches.at(-1)!.entities) {
      if (!world.fluent.unknownSkus.has(skuRef)) taken.set(`${skuRef}|${locationRef}`, String(qty));
    }
  };
  /** Failed rows by file. */
  const failures = new Map<number, { key: string; qty: string; sku: string }[]>();

  for (let file = 0; file < 20; file++) {
    world.fluent.unknownSkus.clear();
    for (let n = 0; n < 8; n++) world.fluent.unknownSkus.add(`S-${roll(SKUS)}`);
    const lines = ["sku,location,qty,note"];
    const own = new Map<string, Written>();
    for (let row = 0; row < 110; row++) {
      const key = `S-${roll(SKUS)}|L-${roll(LOCATIONS)}`;
      const [sku, location] = key.split("|") as [string, string];
      const bad = roll(10) === 0;
      const qty = bad ? "N/A" : String(roll(1_000));
      // A note that breaks its line now and then, so that lines are not rows.
      lines.push(`${sku},${location},${qty},${roll(15) === 0 ? '"two\nlines"' : ""}`);
      const written: Written = {
        file,
        line: lines.join("\n").split("\n").length - (lines.at(-1)!.split("\n").length - 1),
        qty,
        outcome: bad ? "rejected" : world.fluent.unknownSkus.has(sku) ? "failed" : "confirmed",
      };
      model.set(key, [...model.get(key) ?? [], written]);
      if (bad) continue;
      const earlier = own.get(key);
      if (earlier) earlier.outcome = "superseded";
      own.set(key, written);
    }
    const failed: { key: string; qty: string; sku: string }[] = [];
    for (const [key, { outcome, qty }] of own) {
      if (outcome === "confirmed") stock.set(key, qty);
      else failed.push({ key, qty, sku: key.split("|")[0]! });
    }
    failures.set(file, failed);
    const { jobId, job } = await world.ingest(`stock-${file}.csv`, lines.join("\n") + "\n");
    assert.ok(job.status.startsWith("completed"), job.message ?? "");
    jobs.push(jobId);
    world.clock.advance(60_000);

    // Now and then, the failed rows of an earlier file are sent again, after Fluent has learned of the products.
    if (file % 5 === 4) {
      const parent = await world.job(jobs[file - 1]!);
      world.fluent.unknownSkus.clear();
      const { jobId: child } = await actOnJob("replay-failed", parent, { by: "a test" }, {
        settings: world.settings,
        ports: world.ports,
        state: world.state,
        take: ({ feed: _feed, ...options }) => world.discover(options),
      });
      await world.settle();
      assert.equal((await world.job(child)).status, "completed");
      for (const { key, qty } of failures.get(file - 1)!) {
        stock.set(key, qty);
        model.get(key)!.push({ file: 100 + file, line: -1, qty, outcome: "confirmed" });
      }
      world.clock.advance(60_000);
    }
  }
  assert.deepEqual(
    taken,
    stock,
    "the model is right about Fluent's stock",
  );

  const ports = portsOf(world);
  for (let n = 0; n < 1_000; n++) {
    const sku = `S-${roll(SKUS)}`;
    const location = `L-${roll(LOCATIONS)}`;
    const key = `${sku}|${location}`;
    const explained = await explain({ sku, location }, ports);
    assert.equal(explained.complete, true);
    assert.deepEqual(explained.gaps, []);
    const expected = [...model.get(key) ?? []].reverse();
    assert.deepEqual(
      explained.appearances.map(({ outcome, cells }) => `${outcome} ${cells["qty"]}`),
      expected.map(({ outcome, qty }) => `${outcome} ${qty}`),
      key,
    );
    for (const [i, { line }] of explained.appearances.entries()) {
      if (expected[i]!.line > 0) assert.equal(line, expected[i]!.line, `${key}: the row's line`);
    }
    const figure = explained.figure?.entity?.["qty"];
    assert.equal(
      figure === undefined ? undefined : String(figure),
      stock.get(key),
      `${key}: Fluent's figure`,
    );
    if (figure !== undefined) {
      assert.ok(explained.because.startsWith(`Fluent has ${figure} because of line `));
    }
  }
});

Deno.test("an explanation of an earlier moment knows only what was delivered by then", async () => {
  const world = new World();
  await world.ingest("first.csv", "sku,location,qty\nA,L,1\n");
  const between = new Date(world.clock.now()).toISOString();
  world.clock.advance(60_000);
  const second = await world.ingest("second.csv", "sku,location,qty\nA,L,2\n");
  const ports = portsOf(world);
  const then = await explain({ sku: "A", location: "L", at: between }, ports);
  assert.equal(then.figure?.entity?.["qty"], 1);
  const now = await explain({ sku: "A", location: "L" }, ports);
  assert.equal(now.figure?.entity?.["qty"], 2);
  assert.equal(now.figure?.raw, "A,L,2");
  assert.equal(now.figure?.batch, 0);
  assert.match(
    now.because,
    /^Fluent has 2 because of line 2 of 'inventory\/incoming\/second\.csv' \(job job-/,
  );
  assert.equal(
    (await explain({ sku: "B", location: "L" }, ports)).because,
    "No known file has a row about it: its figure comes from somewhere else.",
  );
  // A file that is gone is said to be, not passed over.
  await world.store.deleteFile(String((second.job.details as { archivedAs: string }).archivedAs));
  const gap = await explain({ sku: "A", location: "L" }, ports);
  assert.equal(gap.gaps[0]?.jobId, second.jobId);
  assert.match(gap.gaps[0]!.reason, /is not there/);
});

Deno.test("a large file is read as rows only around the SKU, and the whole of it where a resolver makes SKUs", async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `S-${String(i).padStart(5, "0")},L-${i % 7},${i}`);
  lines[15_000] = `"S-00042","L-0",7`;
  lines[19_999] = `S-00042,L-0,N/A`;
  const text = ["sku,location,qty", ...lines].join("\n");
  for (const resolver of ["sdk.trim", "custom.plain"]) {
    const world = new World();
    const customResolvers = { "custom.plain": (value: unknown) => String(value).trim() };
    const { ports } = world;
    const loadMapping: typeof ports.loadMapping = async (name) => {
      const mapping = await ports.loadMapping(name);
      const { skuRef, ...fields } = mapping.fields;
      return { ...mapping, fields: { ...fields, skuRef: { ...skuRef, resolver } } };
    };
    Object.defineProperty(world, "ports", { value: { ...ports, customResolvers, loadMapping } });
    const { job } = await world.ingest("stock.csv", text);
    assert.equal(job.status, "completed_with_errors", job.message ?? "");
    let asRows = 0;
    const openFile = world.store.openFile.bind(world.store);
    world.store.openFile = (key, options) => {
      if (options?.range && key.endsWith(".csv")) asRows += options.range.end! - options.range.start;
      return openFile(key, options);
    };
    const explained = await explain({ sku: "S-00042", location: "L-0" }, {
      ...portsOf(world),
      customResolvers,
    });
    assert.deepEqual(explained.gaps, []);
    assert.deepEqual(
      explained.appearances.map(({ line, outcome }) => [line, outcome]),
      [[20_001, "rejected"], [15_002, "confirmed"], [44, "superseded"]],
    );
    if (resolver === "sdk.trim") assert.ok(asRows < text.length / 10, `${asRows} of ${text.length} bytes`);
    else assert.equal(asRows, text.length);
  }
});

Deno.test("a row without an answer is told from its batch's others", async () => {
  const world = new World();
  world.fluent.silentSkus.add("B");
  await world.ingest("stock.csv", "sku,location,qty\nA,L,1\nB,L,2\nC,L,3\n");
  const outcomes = [];
  for (const sku of ["A", "B", "C"]) {
    const { appearances } = await explain({ sku, location: "L" }, portsOf(world));
    outcomes.push(appearances[0]?.outcome);
  }
  assert.deepEqual(outcomes, ["confirmed", "no-answer", "confirmed"]);
});

Deno.test("an explanation stops when its time is over, in the middle of a file as well, and says so", async () => {
  const world = new World();
  await world.ingest("older.csv", "sku,location,qty\nA,L,1\n");
  world.clock.advance(60_000);
  await world.ingest("newer.csv", "sku,location,qty\nA,L,2\n");
  const openFile = world.store.openFile.bind(world.store);
  let opened = 0;
  world.store.openFile = (key, options) => {
    if (key.endsWith(".csv") && ++opened === 3) world.clock.advance(20_000);
    return openFile(key, options);
  };
  const explained = await explain({ sku: "A", location: "L" }, portsOf(world));
  assert.deepEqual([explained.complete, explained.files, explained.gaps.length], [false, 1, 0]);
  assert.equal(explained.figure?.entity?.["qty"], 2);
});
