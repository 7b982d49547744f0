import assert from "node:assert/strict";
import {
  type Alert,
  Alerts,
  type AlertSink,
  chatSink,
  type FeedPolicy,
  issueSink,
} from "../../lib/alerts/mod.ts";
import { feedWatchSchema } from "../../lib/alerts/feed_watch.ts";
import { silentLogger } from "../../lib/base/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";

const policy: FeedPolicy = {
  feed: "stock",
  rejectLimit: { kind: "percent", value: 1 },
  expectedBy: "",
  jobTtlSeconds: 604_800,
};
const lookFailed = { kind: "look-failed", code: "s3-denied", message: "Access denied" } as const;

function world(sinks: readonly AlertSink[]) {
  const memory = new MemoryKeyValue();
  const kv = new VersoriKVAdapter(memory);
  const clock = new VirtualClock();
  return { memory, kv, clock, alerts: () => new Alerts(kv, clock, silentLogger, sinks) };
}

function sink(): AlertSink & { told: Alert[]; down: boolean } {
  const told: Alert[] = [];
  return {
    name: "test",
    told,
    down: false,
    tell(alert) {
      if (this.down) return Promise.reject(new Error("down"));
      told.push(alert);
      return Promise.resolve();
    },
  };
}

Deno.test("what is known of a feed outlives the process: a problem is told once by any number of them", async () => {
  const one = sink();
  const { alerts } = world([one]);
  for (let i = 0; i < 3; i++) await alerts().notice(lookFailed, policy);
  await alerts().notice({ kind: "looked" }, policy);
  assert.deepEqual(one.told.map(({ change }) => change), ["worse", "recovered"]);
});

Deno.test("an alert that could not be told is told with the feed's next event", async () => {
  const one = sink();
  const { alerts } = world([one]);
  one.down = true;
  await alerts().notice(lookFailed, policy);
  assert.deepEqual(one.told, []);
  one.down = false;
  await alerts().notice(lookFailed, policy);
  assert.deepEqual(one.told.map(({ kind }) => kind), ["discovery"]);
  await alerts().notice(lookFailed, policy);
  assert.equal(one.told.length, 1);
});

Deno.test("the record is versioned, and nothing is written when nothing has changed", async () => {
  const { alerts, kv, memory } = world([sink()]);
  await alerts().notice({ kind: "looked" }, policy);
  assert.equal(feedWatchSchema.parse(await kv.get(["alerts", "stock"])).v, 1);
  const before = memory.writes;
  await alerts().notice({ kind: "looked" }, policy);
  assert.equal(memory.writes, before);
});

Deno.test("an issue is raised with its severity, de-duplicated by title, and annotated", async () => {
  const raised: unknown[] = [];
  const issues = issueSink((issue, options) => {
    raised.push([issue, options]);
    return Promise.resolve(null);
  });
  const { alerts } = world([issues]);
  await alerts().notice(lookFailed, policy);
  assert.deepEqual(raised, [[{
    severity: "high",
    title: "Inventory feed 'stock': the bucket cannot be looked at",
    message: "Access denied. No file is taken until this is put right",
    annotations: { feed: "stock", code: "s3-denied", problem: "discovery", change: "worse" },
  }, { deduplicate: true }]]);
});

const alert: Alert = {
  change: "worse",
  kind: "failed",
  severity: "high",
  title: "Inventory feed 'stock': files fail",
  message: "'<!channel> & co.csv': no answer",
  facts: { feed: "stock", jobId: "job-1" },
};

Deno.test("a chat gets a Slack-compatible body in which the data's own marks are inert", async () => {
  const calls: [string, RequestInit][] = [];
  await chatSink("https://hooks.slack.com/services/T/B/secret", ["hooks.slack.com"], (url, init) => {
    calls.push([url, init]);
    return Promise.resolve(new Response("ok"));
  }).tell(alert);
  const [[url, init]] = calls as [[string, RequestInit]];
  assert.equal(url, "https://hooks.slack.com/services/T/B/secret");
  assert.equal(init.redirect, "error");
  assert.deepEqual(JSON.parse(String(init.body)), {
    text:
      ":rotating_light: Inventory feed 'stock': files fail\n'&lt;!channel&gt; &amp; co.csv': no answer\njob job-1",
  });
});

for (
  const url of [
    "https://evil.example/hooks.slack.com",
    "https://hooks.slack.com.evil.example/x",
    "https://hooks.slack.com:8443/x",
    "http://hooks.slack.com/x",
    "https://user@hooks.slack.com/x",
  ]
) {
  Deno.test(`a chat's address on no listed host is never called: ${url}`, async () => {
    const calling = chatSink(url, ["hooks.slack.com"], () => assert.fail("called")).tell(alert);
    await assert.rejects(calling, { name: "ConfigError", code: "config-invalid" });
  });
}

Deno.test("a chat's refusal names its host, never the secret in its path", async () => {
  const url = "https://hooks.slack.com/services/secret";
  await assert.rejects(
    chatSink(url, ["hooks.slack.com"], () => Promise.resolve(new Response("no", { status: 500 }))).tell(
      alert,
    ),
    { message: "Cannot post an alert to 'hooks.slack.com': expected a 2xx answer, found 500" },
  );
  await assert.rejects(
    chatSink(url, ["hooks.slack.com"], () => Promise.reject(new TypeError(`failed: ${url}`))).tell(alert),
    { message: "Cannot post an alert to 'hooks.slack.com': failed: the webhook" },
  );
});
