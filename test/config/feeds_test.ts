import assert from "node:assert/strict";
import { nearest, readFeeds, readSettings } from "../../lib/config/mod.ts";

const required = { s3BucketName: "stock", fluentRetailerId: "1" };

function read(variables: Record<string, unknown>) {
  const all: Record<string, unknown> = { ...required, ...variables };
  return readFeeds((name) => all[name]);
}

Deno.test("without 'feeds' there is one feed, which the variables describe", () => {
  const [only, ...others] = read({ feed: "stock", s3Prefix: "in/" });
  assert.equal(only.name, "stock");
  assert.equal(only.settings.s3Prefix, "in/");
  assert.equal(only.schedule, undefined);
  assert.deepEqual(others, []);
});

Deno.test("a feed takes what it does not set from the variables, and its name is its own", () => {
  const feeds = read({
    batchSize: 250,
    csvDelimiter: ";",
    feeds: { corrections: { s3Prefix: "corrections/", batchSize: "100", schedule: "*/15 * * * *" } },
  });
  assert.deepEqual(feeds.map(({ name }) => name), ["inventory", "corrections"]);
  const { settings, schedule } = feeds[1]!;
  assert.equal(settings.feed, "corrections");
  assert.equal(settings.batchSize, 100);
  assert.equal(settings.csvDelimiter, ";");
  assert.equal(settings.s3Prefix, "corrections/");
  assert.equal(schedule, "*/15 * * * *");
  assert.equal(feeds[0].settings.batchSize, 250, "the first feed is not touched");
});

Deno.test("an entry with the first feed's name changes that one", () => {
  const feeds = read({ feeds: { inventory: { schedule: "0 5 * * *", rejectLimit: 3 } } });
  assert.equal(feeds.length, 1);
  assert.equal(feeds[0].schedule, "0 5 * * *");
  assert.deepEqual(feeds[0].settings.rejectLimit, { kind: "count", value: 3 });
});

Deno.test("feeds are taken as an object and as text", () => {
  const entries = { corrections: { s3Prefix: "corrections/" } };
  assert.deepEqual(read({ feeds: JSON.stringify(entries) }), read({ feeds: entries }));
  for (const nothing of ["", null, undefined, {}, "{}"]) assert.equal(read({ feeds: nothing }).length, 1);
});

for (
  const [what, feeds, message] of [
    ["text that is no JSON", "corrections", `variable 'feeds': expected a JSON object, found "corrections"`],
    ["a list", [], "variable 'feeds': expected a JSON object, found []"],
    ["a feed that is no object", { a: 1 }, "variable 'feeds', feed 'a': expected a JSON object, found 1"],
    [
      "a name that is no key segment",
      { "a/b": {} },
      `variable 'feeds': expected names of letters, digits, '-' and '_', found "a/b"`,
    ],
    [
      "the prototype as a name",
      `{"__proto__": {"s3Prefix": "x/"}}`,
      `variable 'feeds': expected names of letters, digits, '-' and '_', found "__proto__"`,
    ],
    [
      "an unknown setting",
      { a: { mappign: "x" } },
      "variable 'feeds', feed 'a': there is no setting 'mappign'",
    ],
    [
      "a nested feeds",
      { a: { feeds: { b: {} } } },
      "variable 'feeds', feed 'a': there is no setting 'feeds'",
    ],
    [
      "what all feeds share",
      { a: { s3BucketName: "other" } },
      "variable 'feeds', feed 'a': 's3BucketName' is the same for all feeds",
    ],
    [
      "a wrong value",
      { a: { s3Prefix: "a/", batchSize: 9999 } },
      "variable 'feeds', feed 'a', 'batchSize': too big: expected number to be <=5000, found 9999",
    ],
    [
      "a schedule that is no cron expression",
      { a: { s3Prefix: "a/", schedule: "every day" } },
      `variable 'feeds', feed 'a', 'schedule': expected a cron expression such as '*/15 * * * *', found "every day"`,
    ],
    [
      "a schedule with seconds",
      { a: { s3Prefix: "a/", schedule: "0 0 2 * * *" } },
      `variable 'feeds', feed 'a', 'schedule': expected a cron expression such as '*/15 * * * *', found "0 0 2 * * *"`,
    ],
    [
      "a feed in whose prefix another one archives",
      { a: { s3Prefix: "inventory/archive/" } },
      "variable 's3ArchivePrefix' of feed 'inventory': expected a prefix outside 's3Prefix' of feed 'a' " +
      `("inventory/archive/"), found "inventory/archive/"`,
    ],
  ] as const
) {
  Deno.test(`feeds: ${what} is refused`, () => {
    assert.throws(() => read({ feeds }), {
      name: "ConfigError",
      message: `Cannot read the configuration: ${message}`,
    });
  });
}

Deno.test("settings of a feed that doesn't exist are refused, naming those that do", () => {
  const all: Record<string, unknown> = { ...required, feeds: { a: { s3Prefix: "a/" } } };
  assert.equal(readSettings((name) => all[name], "a").s3Prefix, "a/");
  assert.throws(() => readSettings((name) => all[name], "b"), {
    code: "feed-unknown",
    message: `There is no feed "b"; expected one of 'inventory', 'a'`,
  });
});

Deno.test("the nearest feeds of a key are those with the longest prefix it lies below", () => {
  const feeds = read({
    s3Prefix: "in/",
    feeds: { inner: { s3Prefix: "in/special/" }, twin: { s3Prefix: "in/special/", filePattern: "x*" } },
  });
  const names = (key: string) => nearest(key, feeds).map(({ name }) => name);
  assert.deepEqual(names("in/a.csv"), ["inventory"]);
  assert.deepEqual(names("in/special/a.csv"), ["inner", "twin"]);
  assert.deepEqual(names("elsewhere/a.csv"), []);
});
