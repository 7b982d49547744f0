import assert from "node:assert/strict";
import { FluentApiError } from "../../lib/fluent/mod.ts";
import { type Call, failure, FakeFluent, json, type Responder } from "./_fake_fluent.ts";

const result = (index: number) => ({
  entityId: `e${index}`,
  entityRef: `ref-${index}`,
  responseCode: 200,
  message: "ok",
});
const results = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => result(from + i));

/** What was asked for in the query. */
function asked(call: Call): { start: number; count: number } {
  const query = new URL(call.url).searchParams;
  return { start: Number(query.get("start")), count: Number(query.get("count")) };
}

/** A batch of `total` rows whose pages have at most `pageLimit` of them. */
function paged(total: number, pageLimit = Infinity): Responder {
  return (call) => {
    const { start, count } = asked(call);
    const page = results(start, Math.min(total, start + Math.min(count, pageLimit)));
    return json({
      batchId: "7",
      jobId: "199",
      status: "COMPLETE",
      start,
      count: page.length,
      total,
      results: page,
    });
  };
}

const GOOD: [string, Responder, number, number][] = [
  ["one page", paged(250), 250, 1],
  ["several pages", paged(1_250), 1_250, 3],
  ["exactly full pages", paged(1_000), 1_000, 2],
  ["pages shorter than asked for", paged(250, 100), 250, 3],
  ["no rows", paged(0), 0, 1],
  [
    "all rows at once, whatever is asked for",
    () =>
      json({
        batchId: 7,
        jobId: 199,
        status: "COMPLETE",
        start: 0,
        count: 900,
        total: 900,
        results: results(0, 900),
      }),
    900,
    1,
  ],
  [
    "start and count left out, numbers as text",
    () => json({ batchId: "7", status: "COMPLETE", total: "3", results: results(0, 3) }),
    3,
    1,
  ],
];

for (const [name, responder, rows, requests] of GOOD) {
  Deno.test(`all results of a batch are read to the end: ${name}`, async () => {
    const fluent = new FakeFluent(responder);
    const found = await fluent.client().getBatchResults("199", "7");
    assert.deepEqual(found.map((one) => one.entityRef), results(0, rows).map((one) => one.entityRef));
    assert.equal(fluent.apiCalls.length, requests);
    assert.equal(fluent.apiCalls[0]?.path, "/api/v4.1/job/199/batch/7?start=0&count=500");
  });
}

const complete = { batchId: "7", jobId: "199", status: "COMPLETE" };

const TRAPS: [string, Responder, string][] = [
  [
    "a server that ignores start and says so",
    () => json({ ...complete, start: 0, total: 250, results: results(0, 100) }),
    "asked from 100, Fluent answered from 0",
  ],
  [
    "a server that ignores start and says nothing",
    () => json({ ...complete, total: 250, results: results(0, 100) }),
    "the page from 100 repeats the first one",
  ],
  [
    "a server that ignores start and repeats what it was asked",
    (call) => json({ ...complete, ...asked(call), total: 300, results: results(0, 100) }),
    "the page from 100 repeats the first one",
  ],
  [
    "an empty page before the end",
    (call) =>
      json({
        ...complete,
        ...asked(call),
        total: 250,
        results: asked(call).start === 0 ? results(0, 100) : [],
      }),
    "the page from 100 is empty, the total is 250",
  ],
  ["no page at all", () => json({ ...complete, total: 250 }), "250 were announced, none came"],
  [
    "no total",
    () => json({ ...complete, results: results(0, 100) }),
    "Fluent gives no total to check them against",
  ],
  [
    "a total that changes",
    (call, nth) =>
      json({
        ...complete,
        start: asked(call).start,
        total: 249 + nth,
        results: results(asked(call).start, asked(call).start + 100),
      }),
    "the total changed from 250 to 251",
  ],
  [
    "more rows than the total",
    () => json({ ...complete, total: 3, results: results(0, 5) }),
    "5 came, the total is 3",
  ],
  [
    "a first page from the middle",
    () => json({ ...complete, start: 10, total: 250, results: results(10, 110) }),
    "the first page starts at 10",
  ],
];

for (const [name, responder, why] of TRAPS) {
  Deno.test(`results that are not proven whole are an error, after few requests: ${name}`, async () => {
    const fluent = new FakeFluent(responder);
    const error = await failure(fluent.client().getBatchResults("199", "7"));
    assert(error instanceof FluentApiError, String(error));
    assert.equal(error.message, `Cannot read all results of batch 7 of Fluent job 199: ${why}`);
    assert.deepEqual([error.code, error.retry, error.effect], ["fluent-bad-answer", "never", "none"]);
    assert(fluent.apiCalls.length <= 3);
  });
}

Deno.test("pages of rows without a name are told apart by number only", async () => {
  const refused = Array.from({ length: 100 }, () => ({ responseCode: 500, message: "Internal" }));
  const fluent = new FakeFluent((call) =>
    json({ ...complete, ...asked(call), total: 300, results: refused })
  );
  assert.equal((await fluent.client().getBatchResults("199", "7")).length, 300);
});

Deno.test("a batch that is not COMPLETE has no results yet: try again later", async () => {
  const fluent = new FakeFluent(() =>
    json({ batchId: "7", jobId: "199", status: "RUNNING", start: 0, count: 0, total: 250 })
  );
  const error = await failure(fluent.client().getBatchResults("199", "7"));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    "Cannot read all results of batch 7 of Fluent job 199: the batch is RUNNING, not COMPLETE",
  );
  assert.deepEqual([error.code, error.retry], ["fluent-batch-not-complete", "later"]);
});

Deno.test("a batch is answered as it is on the wire, ids as text and further keys left out", async () => {
  const wire = {
    batchId: 7,
    jobId: 199,
    status: "COMPLETE",
    start: 0,
    count: 2,
    total: 2,
    extra: "x",
    results: [
      { entityId: 11, entityRef: "LOC_1:SKU_1", responseCode: "200", message: null, more: 1 },
      { entityRef: "LOC_1:SKU_2", responseCode: 404, message: "Location not found" },
    ],
  };
  const fluent = new FakeFluent(() => json(wire));
  const client = fluent.client();
  const expected = {
    batchId: "7",
    jobId: "199",
    status: "COMPLETE",
    start: 0,
    count: 2,
    total: 2,
    results: [
      { entityId: "11", entityRef: "LOC_1:SKU_1", responseCode: 200 },
      { entityRef: "LOC_1:SKU_2", responseCode: 404, message: "Location not found" },
    ],
  };
  assert.deepEqual(await client.getBatch("199", "7"), expected);
  assert.deepEqual(await client.getBatchStatus("199", "7"), {
    ...expected,
    id: "7",
    processedEntities: 2,
    totalEntities: 2,
  });
  await client.getBatch("199", "7", { start: 5, count: 10 });
  assert.deepEqual(fluent.apiCalls.map((call) => call.path), [
    "/api/v4.1/job/199/batch/7",
    "/api/v4.1/job/199/batch/7",
    "/api/v4.1/job/199/batch/7?start=5&count=10",
  ]);
  assert.equal(fluent.apiCalls[0]?.headers.get("content-type"), null);
  await assert.rejects(
    client.getBatch("199", "7", { count: 0 }),
    /count must be a whole number from 1, found 0/,
  );
});

Deno.test("a batch that is still PENDING may leave out everything but its id and status", async () => {
  const client = new FakeFluent(() => json({ batchId: "7", status: "PENDING", results: null })).client();
  assert.deepEqual(await client.getBatchStatus("199", "7"), {
    batchId: "7",
    jobId: "199",
    status: "PENDING",
    start: 0,
    count: 0,
    total: undefined,
    results: [],
    id: "7",
    processedEntities: 0,
    totalEntities: 0,
  });
});

Deno.test("a row result without a response code is no result", async () => {
  const fluent = new FakeFluent(() => json({ ...complete, total: 1, results: [{ entityRef: "a" }] }));
  const error = await failure(fluent.client().getBatchResults("199", "7"));
  assert(error instanceof FluentApiError);
  assert.match(
    error.message,
    /expected a batch, found JSON whose 'results\.0\.responseCode' is not a whole number/,
  );
});
