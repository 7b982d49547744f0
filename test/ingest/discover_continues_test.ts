import assert from "node:assert/strict";
import { discoverFeeds, type DiscoverOptions, discoveryRequestSchema } from "../../lib/ingest/mod.ts";
import { readFeeds } from "../../lib/config/mod.ts";
import { csvOf, World } from "./world.ts";

/** A world of `count` files in which every object-store and key-value call takes its time. */
async function slowWorld(count: number): Promise<World> {
  const world = new World();
  for (let i = 0; i < count; i++) await world.put(`f${String(i).padStart(3, "0")}.csv`, csvOf(1));
  const list = world.store.listObjects.bind(world.store);
  world.store.listObjects = async function* (options) {
    for await (const file of list(options)) {
      world.clock.advance(10);
      yield file;
    }
    return undefined;
  };
  const set = world.memory.set.bind(world.memory);
  world.memory.set = async (key, value) => {
    world.clock.advance(20);
    await set(key, value);
  };
  return world;
}

/** Looks until nothing is left, as the durable run does. */
async function lookOn(world: World, options: Partial<DiscoverOptions> = {}) {
  const since = world.clock.now();
  const looks = [await world.discover({ budgetMs: 1_000, ...options })];
  for (let next = looks[0]?.next; next; next = looks.at(-1)?.next) {
    assert.ok(looks.length < 100, "it never ends");
    looks.push(await world.discover({ budgetMs: 3_000, since, from: next, ...options }));
  }
  return looks;
}

Deno.test("a look that has not the time for every file is gone on with, each file once and in order", async () => {
  const world = await slowWorld(60);
  const startedAt = world.clock.now();
  const [first] = await lookOn(world).then((looks) => {
    const keys = looks.flatMap(({ files }) => files.map(({ key }) => key));
    assert.equal(keys.length, 60);
    assert.deepEqual(keys, keys.toSorted());
    assert.equal(looks.at(-1)?.complete, true);
    assert.ok(looks.length > 3);
    return looks;
  });
  assert.equal(first?.complete, false);
  assert.equal(world.started.length, 60);
  assert.ok(startedAt < world.clock.now());
});

Deno.test("a trigger's own look is over in its time, however many files wait", async () => {
  const world = await slowWorld(500);
  const startedAt = world.clock.now();
  const { files, complete, next } = await world.discover({ budgetMs: 1_000 });
  // The list alone takes longer, so that nothing is known of the order yet.
  assert.deepEqual({ files, complete, next }, { files: [], complete: false, next: { begun: 0 } });
  assert.ok(world.clock.now() - startedAt <= 1_100);
  const looks = await lookOn(world);
  assert.equal(looks.flatMap(({ files }) => files).length, 500);
});

Deno.test("going on decides one file at least, however long the list takes", async () => {
  const world = await slowWorld(5);
  const keys: string[] = [];
  let next = (await world.discover({ budgetMs: 0 })).next;
  for (let n = 0; next && n < 10; n++) {
    const look = await world.discover({ budgetMs: 0, from: next });
    keys.push(...look.files.map(({ key }) => key));
    next = look.next;
  }
  assert.equal(keys.length, 5);
});

Deno.test("a message that comes twice takes nothing twice, also when it forces", async () => {
  const world = await slowWorld(3);
  const comeBack = async () => {
    for (const name of ["f000.csv", "f001.csv", "f002.csv"]) {
      await world.store.copyFile(`inventory/archive/${name}`, `inventory/incoming/${name}`);
    }
  };
  await world.discover();
  await world.settle();
  await comeBack();
  const since = world.clock.now();
  const options = { since, from: { begun: 0 }, force: { by: "ops", reason: "again" } };
  assert.deepEqual((await world.discover(options)).files.map(({ decision }) => decision), [
    "started",
    "started",
    "started",
  ]);
  assert.deepEqual((await world.discover(options)).files.map(({ decision }) => decision), [
    "running",
    "running",
    "running",
  ]);
  const runs = [...world.started];
  await world.settle();
  assert.equal(runs.length, 3);
  await comeBack();
  const { files } = await world.discover(options);
  assert.deepEqual(files.map(({ decision }) => decision), ["ingested", "ingested", "ingested"]);
});

Deno.test("maxFiles counts over all of a look's messages, and what it leaves is for the next trigger", async () => {
  const world = await slowWorld(60);
  const looks = await lookOn(world, { maxFiles: 40 });
  assert.equal(world.started.length, 40);
  assert.equal(looks.at(-1)?.complete, false);
  assert.equal(looks.at(-1)?.next, undefined);
});

Deno.test("feeds whose time has not come are left, and only what is left is looked at", async () => {
  const world = await slowWorld(30);
  world.variables["feeds"] = { north: { s3Prefix: "north/" }, south: { s3Prefix: "south/" } };
  await world.store.uploadFile("south/a.csv", csvOf(1));
  const feeds = readFeeds((name) => world.variables[name]);
  const ports = {
    of: (name: string) => ({
      settings: feeds.find((feed) => feed.name === name)!.settings,
      ports: world.ports,
      state: world.state,
    }),
    start: () => Promise.resolve(),
  };
  const first = await discoverFeeds({ triggeredBy: "schedule", budgetMs: 900 }, feeds, ports);
  assert.deepEqual(first.left.map(({ feed }) => feed), ["inventory"]);
  assert.equal(first.complete, false);
  assert.ok(first.files.some(({ feed }) => feed === "south"), "a full feed doesn't keep the others waiting");
  const message = discoveryRequestSchema.parse(JSON.parse(JSON.stringify({
    v: 1,
    since: world.clock.now(),
    triggeredBy: "schedule",
    left: first.left,
  })));
  const second = await discoverFeeds({ ...message, budgetMs: 1e9 }, feeds, ports);
  assert.equal(second.complete, true);
  assert.deepEqual(new Set(second.files.map(({ feed }) => feed)), new Set(["inventory"]));
  const keys = [...first.files, ...second.files].map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keys.length, 31);
});
