import assert from "node:assert/strict";
import { ConfigError, ConnectorError } from "../../lib/base/mod.ts";
import { readFeeds } from "../../lib/config/mod.ts";
import {
  discoverFeeds,
  FeedSchedules,
  type FeedsOptions,
  ingestState,
  problemOfFeeds,
} from "../../lib/ingest/mod.ts";
import { World } from "./world.ts";

const CSV = "sku,location,qty\nA,L1,5\n";

/** Looks into the feeds of a world, and tells which feed found what. */
async function look(world: World, options: Partial<FeedsOptions> = {}, broken: readonly string[] = []) {
  const feeds = readFeeds((name) => world.variables[name]);
  const started: string[] = [];
  const discovery = await discoverFeeds({ triggeredBy: "schedule", ...options }, feeds, {
    of: (name) => {
      const { settings } = feeds.find((feed) => feed.name === name)!;
      const store = broken.includes(name)
        ? Object.create(world.store, {
          listObjects: {
            value: () => {
              throw new ConfigError(`no access for ${name}`);
            },
          },
        })
        : world.store;
      const ports = { ...world.ports, store };
      return { settings, ports, state: ingestState(ports, settings) };
    },
    start: ({ feed, file }) => {
      started.push(`${feed} ${file.key}`);
      return Promise.resolve();
    },
  });
  return { discovery, started };
}

function worldOf(feeds: Record<string, unknown>): World {
  const world = new World();
  world.variables["feeds"] = feeds;
  return world;
}

Deno.test("each feed's files are started as its own", async () => {
  const world = worldOf({ corrections: { s3Prefix: "inventory/corrections/" } });
  await world.store.uploadFile("inventory/incoming/a.csv", CSV);
  await world.store.uploadFile("inventory/corrections/b.csv", CSV);
  const { discovery, started } = await look(world);
  assert.deepEqual(started, [
    "inventory inventory/incoming/a.csv",
    "corrections inventory/corrections/b.csv",
  ]);
  assert.equal(discovery.complete, true);
  assert.deepEqual(discovery.files.map(({ feed }) => feed), ["inventory", "corrections"]);
});

Deno.test("a feed inside another one's prefix has its files to itself", async () => {
  const world = worldOf({ inner: { s3Prefix: "inventory/incoming/inner/", filePattern: "x*.csv" } });
  await world.store.uploadFile("inventory/incoming/a.csv", CSV);
  await world.store.uploadFile("inventory/incoming/inner/x.csv", CSV);
  await world.store.uploadFile("inventory/incoming/inner/other.csv", CSV);
  const { started } = await look(world);
  assert.deepEqual(started, ["inventory inventory/incoming/a.csv", "inner inventory/incoming/inner/x.csv"]);
});

Deno.test("feeds that share a prefix part its files by pattern, the first one listed first", async () => {
  const world = worldOf({
    full: { s3Prefix: "in/", filePattern: "full_*.csv" },
    delta: { s3Prefix: "in/", filePattern: "*.csv" },
  });
  await world.store.uploadFile("in/full_1.csv", CSV);
  await world.store.uploadFile("in/delta_1.csv", CSV);
  assert.deepEqual((await look(world)).started, ["full in/full_1.csv", "delta in/delta_1.csv"]);
});

Deno.test("a request may name a feed, or a place that tells it", async () => {
  const world = worldOf({ corrections: { s3Prefix: "inventory/corrections/" } });
  await world.store.uploadFile("inventory/incoming/a.csv", CSV);
  await world.store.uploadFile("inventory/corrections/b.csv", CSV);
  await world.store.uploadFile("inventory/corrections/today/c.csv", CSV);
  await world.store.uploadFile("elsewhere/d.csv", CSV);
  const dry = { dryRun: true };
  const of = async (options: Partial<FeedsOptions>) => (await look(world, { ...dry, ...options })).started;
  assert.deepEqual(await of({ feed: "inventory" }), ["inventory inventory/incoming/a.csv"]);
  assert.deepEqual(await of({ key: "inventory/corrections/b.csv" }), [
    "corrections inventory/corrections/b.csv",
  ]);
  assert.deepEqual(await of({ prefix: "inventory/corrections/today/" }), [
    "corrections inventory/corrections/today/c.csv",
  ]);
  assert.deepEqual(
    await of({ key: "elsewhere/d.csv" }),
    ["inventory elsewhere/d.csv"],
    "outside all: the first",
  );
  assert.deepEqual(await of({ prefix: "inventory/" }), ["inventory inventory/incoming/a.csv"]);
  await assert.rejects(of({ feed: "nobody" }), { code: "feed-unknown" });
});

Deno.test("a feed that fails does not keep the others from being looked at", async () => {
  const world = worldOf({ corrections: { s3Prefix: "inventory/corrections/" } });
  await world.store.uploadFile("inventory/corrections/b.csv", CSV);
  const { discovery, started } = await look(world, {}, ["inventory"]);
  assert.deepEqual(started, ["corrections inventory/corrections/b.csv"]);
  assert.equal(discovery.complete, false);
  assert.equal(problemOfFeeds(discovery)?.message, "no access for inventory");
  const both = await look(world, {}, ["inventory", "corrections"]);
  const problem = problemOfFeeds(both.discovery);
  assert.ok(problem instanceof ConnectorError);
  assert.equal(problem.code, "feeds-failed");
  assert.equal(
    problem.message,
    "Cannot look for files: feed 'inventory': no access for inventory; feed 'corrections': no access for corrections",
  );
});

Deno.test("a full feed leaves the others their part of the time", async () => {
  const world = worldOf({ corrections: { s3Prefix: "inventory/corrections/" } });
  for (let n = 0; n < 5; n++) await world.store.uploadFile(`inventory/incoming/${n}.csv`, CSV);
  await world.store.uploadFile("inventory/corrections/b.csv", CSV);
  const feeds = readFeeds((name) => world.variables[name]);
  const started: string[] = [];
  const discovery = await discoverFeeds({ triggeredBy: "schedule", budgetMs: 15_000 }, feeds, {
    of: (name) => {
      const { settings } = feeds.find((feed) => feed.name === name)!;
      return { settings, ports: world.ports, state: ingestState(world.ports, settings) };
    },
    start: ({ feed }) => {
      started.push(feed);
      world.clock.advance(4_000);
      return Promise.resolve();
    },
  });
  assert.deepEqual(started, ["inventory", "inventory", "corrections"]);
  assert.equal(discovery.complete, false);
});

/** The feeds that are due at a moment. */
function schedules(world: World, feeds: Record<string, unknown>) {
  const all = readFeeds((name) => ({ ...world.variables, feeds })[name]);
  const service = new FeedSchedules(world.ports.kv, world.clock);
  return {
    at: async (time: string): Promise<string[]> => {
      world.clock.advance(Date.parse(time) - world.clock.now());
      const due = await service.due(all);
      for (const feed of due) await service.looked(feed, world.clock.now());
      return due.map(({ name }) => name);
    },
    dueAt: async (time: string): Promise<string[]> => {
      world.clock.advance(Date.parse(time) - world.clock.now());
      return (await service.due(all)).map(({ name }) => name);
    },
  };
}

Deno.test("a feed is due once for each moment of its schedule, and never without one", async () => {
  const look = schedules(new World(), {
    quarter: { s3Prefix: "q/", schedule: "*/15 * * * *" },
    night: { s3Prefix: "n/", schedule: "0 3 * * *" },
    plain: { s3Prefix: "p/" },
  });
  assert.deepEqual(await look.at("2040-01-01T02:05:00Z"), []);
  assert.deepEqual(await look.at("2040-01-01T02:10:00Z"), []);
  assert.deepEqual(await look.at("2040-01-01T02:15:01Z"), ["quarter"]);
  assert.deepEqual(await look.at("2040-01-01T02:15:02Z"), [], "a second tick at the same moment");
  assert.deepEqual(await look.at("2040-01-01T02:20:00Z"), []);
  assert.deepEqual(await look.at("2040-01-01T03:00:00Z"), ["quarter", "night"]);
});

Deno.test("moments that passed while nothing ran are made up for by one look", async () => {
  const look = schedules(new World(), { quarter: { s3Prefix: "q/", schedule: "*/15 * * * *" } });
  await look.at("2040-01-01T02:05:00Z");
  assert.deepEqual(await look.at("2040-01-01T04:01:00Z"), ["quarter"]);
  assert.deepEqual(await look.at("2040-01-01T04:05:00Z"), []);
});

Deno.test("a look that was not recorded is due again", async () => {
  const look = schedules(new World(), { quarter: { s3Prefix: "q/", schedule: "*/15 * * * *" } });
  await look.at("2040-01-01T02:05:00Z");
  assert.deepEqual(await look.dueAt("2040-01-01T02:15:00Z"), ["quarter"]);
  assert.deepEqual(await look.dueAt("2040-01-01T02:20:00Z"), ["quarter"]);
});

Deno.test("a changed schedule starts anew: it is not due for moments before it was there", async () => {
  const world = new World();
  await schedules(world, { a: { s3Prefix: "a/", schedule: "0 3 * * *" } }).at("2040-01-01T04:00:00Z");
  const changed = schedules(world, { a: { s3Prefix: "a/", schedule: "0 5 * * *" } });
  assert.deepEqual(await changed.at("2040-01-02T04:00:00Z"), []);
  assert.deepEqual(await changed.at("2040-01-02T05:00:00Z"), ["a"]);
});
