import assert from "node:assert/strict";
import { csvOf, World } from "./world.ts";

/** A world whose feed has had a snapshot of 100 rows. */
async function afterSnapshot(variables: Record<string, unknown> = {}): Promise<World> {
  const world = new World();
  Object.assign(world.variables, variables);
  const { job } = await world.ingest("stock-1.csv", csvOf(100));
  assert.equal(job.status, "completed");
  return world;
}

Deno.test("no quiet wipe: a snapshot smaller than the last one by more than 50 % is held, by 50 % is not", async () => {
  const world = await afterSnapshot();
  const { job, summary, key } = await world.ingest("stock-2.csv", csvOf(49));
  assert.equal(job.status, "held");
  assert.deepEqual(summary.heldBecause, {
    code: "file-shrunk",
    message:
      "The file has 49 rows to send, 51.0 % less than the 100 of 'inventory/incoming/stock-1.csv' before it: " +
      "expected at most 50 % less. Send a complete file, raise maxShrink, or force it",
  });
  assert.equal(world.fluent.jobs.length, 1);
  assert.deepEqual(await world.keys("inventory/held/"), [key.replace("incoming", "held")]);
  assert.equal((await world.ingest("stock-3.csv", csvOf(50))).job.status, "completed");
});

Deno.test("no quiet wipe: a shrunken snapshot that is forced is sent, says who and why, and is the new measure", async () => {
  const world = await afterSnapshot();
  const { jobId, key } = await world.ingest("stock-2.csv", csvOf(10));
  await world.discover({ key, force: { by: "ops", reason: "season is over" } });
  await world.settle();
  const job = await world.job(jobId);
  assert.equal(job.status, "completed");
  assert.deepEqual(job.details["forced"], { by: "ops", reason: "season is over" });
  assert.equal((await world.ingest("stock-3.csv", csvOf(6))).job.status, "completed");
});

Deno.test("no quiet wipe: two snapshots that arrive together are held against each other all the same", async () => {
  const world = new World();
  await world.put("stock-1.csv", csvOf(100));
  await world.put("stock-2.csv", csvOf(10));
  const { files } = await world.discover();
  // The second one is inspected before anything of the first was sent.
  world.started.reverse();
  await world.settle();
  const [first, second] = await Promise.all(files.map(({ jobId }) => world.job(jobId)));
  assert.equal(first?.status, "completed");
  assert.equal(second?.status, "held");
  assert.equal((second?.details["heldBecause"] as { code: string }).code, "file-shrunk");
  assert.equal(world.fluent.stock().get("LOC-1|SKU-00099"), 99);
  assert.equal(world.fluent.batches.length, 1);
});

Deno.test("no quiet wipe: a snapshot older than one that was sent is held as stale", async () => {
  const world = new World();
  const old = await world.put("old.csv", csvOf(100));
  const { ingested } = {
    ingested: await world.ingest("new.csv", csvOf(100), { key: "inventory/incoming/new.csv" }),
  };
  assert.equal(ingested.job.status, "completed");
  const { files } = await world.discover();
  await world.settle();
  assert.equal(files[0]?.key, old);
  const summary = await world.summary(files[0]!.jobId);
  assert.equal(summary.heldBecause?.code, "file-stale");
  assert.match(summary.heldBecause?.message ?? "", /older than 'inventory\/incoming\/new\.csv'/);
  assert.equal(world.fluent.jobs.length, 1);
});

for (
  const [what, variables, status] of [
    ["the stale guard off", { staleGuard: "off" }, "completed"],
    ["a delta feed", { deltaFiles: "*" }, "completed"],
    ["a delta by its name", { deltaFiles: "old*" }, "completed"],
    ["another file a delta", { deltaFiles: "new*" }, "held"],
  ] as const
) {
  Deno.test(`with ${what}, a late older file is ${status}`, async () => {
    const world = new World();
    Object.assign(world.variables, variables);
    await world.put("old.csv", csvOf(100));
    await world.ingest("new.csv", csvOf(100), { key: "inventory/incoming/new.csv" });
    const { files } = await world.discover();
    await world.settle();
    assert.equal((await world.job(files[0]!.jobId)).status, status);
  });
}

Deno.test("delta files may be of any size, and are no measure for snapshots", async () => {
  const world = await afterSnapshot({ deltaFiles: "*delta*" });
  assert.equal((await world.ingest("delta-1.csv", csvOf(1))).job.status, "completed");
  assert.equal((await world.ingest("stock-2.csv", csvOf(2))).job.status, "held");
});

Deno.test("how much a snapshot may shrink is the feed's own affair", async () => {
  const strict = await afterSnapshot({ maxShrink: "0%" });
  assert.equal((await strict.ingest("stock-2.csv", csvOf(99))).job.status, "held");
  const lax = await afterSnapshot({ maxShrink: "100%" });
  assert.equal((await lax.ingest("stock-2.csv", csvOf(1))).job.status, "completed");
});

Deno.test("a dry run is held against the last snapshot, and is no measure itself", async () => {
  const world = await afterSnapshot();
  const { job } = await world.ingest("stock-2.csv", csvOf(10), { dryRun: true });
  assert.equal(job.status, "held");
  await world.ingest("stock-3.csv", csvOf(1_000), { dryRun: true, key: "inventory/incoming/stock-3.csv" });
  await world.store.deleteFile("inventory/incoming/stock-2.csv");
  await world.store.deleteFile("inventory/incoming/stock-3.csv");
  assert.equal((await world.ingest("stock-4.csv", csvOf(60))).job.status, "completed");
});

Deno.test("the reject limit as a count, as a percentage, and zero", async () => {
  for (
    const [limit, bad, status] of [
      ["2", 2, "completed_with_errors"],
      ["2", 3, "held"],
      ["10%", 11, "completed_with_errors"],
      ["10%", 12, "held"],
      ["0", 0, "completed"],
      ["0", 1, "held"],
      ["0%", 1, "held"],
    ] as const
  ) {
    const world = new World();
    world.variables["rejectLimit"] = limit;
    const rows = Array.from({ length: bad }, (_, i) => `BAD-${i},LOC-1,x`);
    const { job } = await world.ingest("stock.csv", csvOf(100, rows));
    assert.equal(job.status, status, `${bad} of ${100 + bad} with ${limit}`);
  }
});

Deno.test("columns the mapping doesn't know are ignored, told or held", async () => {
  const file = csvOf(10).replace("qty", "qty,colour,size").replaceAll(/(LOC-1,\d+)/g, "$1,red,5");
  for (
    const [policy, status] of [["ignore", "completed"], ["warn", "completed"], ["hold", "held"]] as const
  ) {
    const world = new World();
    world.variables["unknownColumns"] = policy;
    const { job, summary, key } = await world.ingest("stock.csv", file);
    assert.equal(job.status, status);
    assert.deepEqual(
      job.details["warnings"],
      policy === "warn" ? ["The header has columns the mapping doesn't know: 'colour', 'size'"] : undefined,
    );
    if (policy !== "hold") continue;
    assert.equal(summary.heldBecause?.code, "header-unknown");
    await world.discover({ key, force: { by: "test", reason: "they are harmless" } });
    await world.settle();
    assert.equal(world.fluent.stock().size, 10);
  }
});

Deno.test("a header or a footer among the rows costs itself only", async () => {
  const world = new World();
  const rows = [
    "sku,location,qty",
    "A,LOC-1,1",
    "SKU , Location, QTY",
    "total rows: 2",
    "-- end --",
    "B,LOC-1,2",
  ];
  const { job, summary } = await world.ingest("stock.csv", csvOf(200, rows));
  assert.equal(job.status, "completed_with_errors");
  assert.deepEqual(summary.rejects.map(({ line, code }) => [line, code]), [
    [202, "csv-repeated-header"],
    [204, "csv-repeated-header"],
    [205, "csv-short-row"],
    [206, "csv-short-row"],
  ]);
  assert.equal(world.fluent.stock().get("LOC-1|A"), 1);
  assert.equal(world.fluent.stock().get("LOC-1|B"), 2);
});

Deno.test("a repeated header is refused also where a mapping would take it for a row", async () => {
  const world = new World();
  world.variables["mapping"] = await mappingOfTexts();
  const { summary } = await world.ingest("stock.csv", csvOf(200, ["sku,location,qty", "A,LOC-1,1"]));
  assert.deepEqual(summary.rejects.map(({ code }) => code), ["csv-repeated-header"]);
  assert.equal(summary.rows.confirmed, 201);
});

/** A mapping file that takes any text for a row. */
async function mappingOfTexts(): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  const shipped = JSON.parse(
    await Deno.readTextFile(new URL("../../mappings/inventory.json", import.meta.url)),
  );
  shipped.fields.qty = { value: 5 };
  await Deno.writeTextFile(path, JSON.stringify(shipped));
  globalThis.addEventListener("unload", () => Deno.removeSync(path));
  return path;
}
