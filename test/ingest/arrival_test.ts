import assert from "node:assert/strict";
import { createHash } from "node:crypto";
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

const because = async (world: World) =>
  Object.fromEntries(
    (await world.discover()).files.map(({ key, because }) => [key.split("/").at(-1), because]),
  );

Deno.test("a file is taken once two looks far enough apart have seen it the same", async () => {
  const world = new World();
  world.variables["stableSeconds"] = 60;
  await world.put("a.csv", csvOf(1));
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
  world.clock.advance(30_000);
  assert.deepEqual(await because(world), {
    "a.csv": "it has been seen unchanged for 30 s, and is taken at a look 60 s after the first",
  });
  world.clock.advance(30_000);
  assert.deepEqual(await decisions(world), { "a.csv": "started" });
});

Deno.test("a file that grows between two looks has to be seen twice again, whatever its age", async () => {
  const world = new World();
  world.variables["stableSeconds"] = 60;
  await world.put("a.csv", csvOf(1));
  await world.discover();
  world.clock.advance(50_000);
  await world.put("a.csv", csvOf(2));
  world.clock.advance(3_600_000);
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
  world.clock.advance(59_000);
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
  world.clock.advance(1_000);
  assert.deepEqual(await decisions(world), { "a.csv": "started" });
});

Deno.test("the same content put again is another arrival", async () => {
  const world = new World();
  world.variables["stableSeconds"] = 60;
  await world.put("a.csv", csvOf(1));
  await world.discover();
  world.clock.advance(50_000);
  await world.put("a.csv", csvOf(1));
  world.clock.advance(20_000);
  assert.deepEqual(await decisions(world), { "a.csv": "arriving" });
});

Deno.test("what was seen is forgotten once the file is taken", async () => {
  const world = new World();
  world.variables["stableSeconds"] = 60;
  await world.put("a.csv", csvOf(1));
  await world.discover();
  world.clock.advance(60_000);
  await world.discover();
  await world.settle();
  const seen = [...world.memory.entries.keys()].filter((key) => key.includes("/seen/"));
  assert.deepEqual(seen, []);
});

Deno.test("a file that has a job is whole, whatever its marker says now", async () => {
  const world = new World();
  world.variables["heldFiles"] = "leave";
  await world.ingest("a.csv", "sku,location,qty\n");
  world.variables["doneMarkerSuffix"] = ".done";
  assert.deepEqual(await decisions(world), { "a.csv": "held" });
});

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function worldWithManifests(): World {
  const world = new World();
  world.variables["uploadManifest"] = "*.manifest*";
  world.variables["filePattern"] = "*";
  return world;
}

for (
  const [what, manifest] of [
    ["a list of names", JSON.stringify(["a.csv"])],
    ["files of an object", JSON.stringify({ files: [{ name: "a.csv", size: csvOf(3).length }] })],
    ["MD5s", JSON.stringify([{ name: "./a.csv", md5: md5(csvOf(3)).toUpperCase() }])],
    ["whole keys", JSON.stringify([{ name: "inventory/incoming/shop/a.csv", sha256: sha256(csvOf(3)) }])],
    ["lines", "# of today\n\na.csv\r\n"],
    ["what md5sum writes", `${md5(csvOf(3))}  a.csv\n`],
    ["what sha256sum writes", `${sha256(csvOf(3))} *a.csv\n`],
  ] as const
) {
  Deno.test(`files wait until a manifest names them: ${what}`, async () => {
    const world = worldWithManifests();
    await world.put("shop/a.csv", csvOf(3));
    await world.put("shop/b.csv", csvOf(4));
    assert.deepEqual(await because(world), {
      "a.csv": "no manifest names it",
      "b.csv": "no manifest names it",
    });
    await world.put("shop/today.manifest", manifest);
    assert.deepEqual(await decisions(world), { "a.csv": "started", "b.csv": "arriving" });
    await world.settle();
    assert.deepEqual((await world.jobs()).map(({ status }) => status), ["completed"]);
  });
}

Deno.test("a file of another size than its manifest says is left, and taken when it is the one that was meant", async () => {
  const world = worldWithManifests();
  const whole = csvOf(3);
  await world.put("a.csv", whole.slice(0, 20));
  await world.put("a.manifest", JSON.stringify([{ name: "a.csv", size: whole.length }]));
  assert.deepEqual(await because(world), {
    "a.csv": `it has 20 bytes, and 'inventory/incoming/a.manifest' says ${whole.length}`,
  });
  await world.put("a.csv", whole);
  assert.deepEqual(await decisions(world), { "a.csv": "started" });
});

for (
  const [kind, expected] of [["SHA-256", { sha256: sha256("other") }], ["MD5", {
    md5: md5("other"),
  }]] as const
) {
  Deno.test(`a file of another ${kind} than its manifest says is held, and nothing is sent`, async () => {
    const world = worldWithManifests();
    await world.put("a.manifest", JSON.stringify([{ name: "a.csv", ...expected }]));
    const { summary } = await world.ingest("a.csv", csvOf(3));
    const found = kind === "MD5" ? md5(csvOf(3)) : sha256(csvOf(3));
    assert.deepEqual(summary.heldBecause, {
      code: "checksum-mismatch",
      message: `The file's ${kind} is ${found}, and the manifest 'inventory/incoming/a.manifest' says ${
        Object.values(expected)[0]
      }. Send the file again, or force it`,
    });
    assert.deepEqual(world.fluent.jobs, []);
  });
}

Deno.test("the newest manifest that names a file counts", async () => {
  const world = worldWithManifests();
  await world.put("b.manifest", JSON.stringify([{ name: "a.csv", size: 1 }]));
  await world.put("a.manifest", JSON.stringify([{ name: "a.csv", size: csvOf(3).length }]));
  await world.put("a.csv", csvOf(3));
  assert.deepEqual(await decisions(world), { "a.csv": "started" });
});

Deno.test("a manifest that cannot be read is named by the files that wait", async () => {
  const world = worldWithManifests();
  await world.put("a.csv", csvOf(3));
  await world.put("a.manifest", '{"files":[{"name":"a.csv","md5":"abc"}]}');
  assert.deepEqual(await because(world), {
    "a.csv": "no manifest names it; 'inventory/incoming/a.manifest' cannot be read: at '0.md5': " +
      "expected 32 hexadecimal digits",
  });
});
