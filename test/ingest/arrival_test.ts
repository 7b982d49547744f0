import assert from "node:assert/strict";
import { csvOf, World } from "./world.ts";

const decisions = async (world: World) =>
  Object.fromEntries(
    (await world.discover()).files.map(({ key, decision }) => [key.split("/").at(-1), decision]),
  );

Deno.test("a name that says 'not yet' is never taken, whatever the pattern", async () => {
  const world = new World();
  world.variables["filePattern"] = "*";
  for (const name of ["a.csv.tmp", "b.part", "c.csv.PART", "d.csv.filepart", "e.csv"]) {
    await world.put(name, csvOf(1));
  }
  assert.deepEqual(await decisions(world), { "e.csv": "started" });
});

Deno.test("a file younger than the minimum age is left to a later look, and comes young again when it changes", async () => {
  const world = new World();
  world.variables["minFileAgeSeconds"] = 60;
  await world.put("a.csv", csvOf(1));
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
  world.clock.advance(40_000);
  await world.put("a.csv", csvOf(2));
  world.clock.advance(40_000);
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
  world.clock.advance(20_000);
  assert.deepEqual(await decisions(world), { "a.csv": "started" });
});

Deno.test("where senders put markers, a file waits for its own, and the marker is no file", async () => {
  const world = new World();
  world.variables["doneMarkerSuffix"] = ".done";
  world.variables["filePattern"] = "*";
  await world.put("a.csv", csvOf(1));
  await world.put("b.csv", csvOf(1));
  await world.put("b.csv.done", "");
  assert.deepEqual(await decisions(world), { "a.csv": "arriving", "b.csv": "started" });
});

Deno.test("a file that is asked for by its key is taken as it is", async () => {
  const world = new World();
  world.variables["minFileAgeSeconds"] = 60;
  const key = await world.put("a.csv", csvOf(1));
  assert.equal((await world.discover({ key })).files[0]?.decision, "started");
});

Deno.test("the same content again is reported as ingested, with the job that did it", async () => {
  const world = new World();
  const { jobId, key } = await world.ingest("a.csv", csvOf(1));
  await world.put("a.csv", csvOf(1));
  assert.deepEqual((await world.discover()).files, [{ key, jobId, decision: "ingested" }]);
});
