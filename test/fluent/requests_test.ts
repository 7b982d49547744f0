import assert from "node:assert/strict";
import {
  calculateBatchSize,
  type CreateJobRequest,
  DEFAULT_MAX_REQUEST_BYTES,
  FluentRequestError,
  type SendBatchRequest,
  WrittenBatch,
} from "../../lib/fluent/mod.ts";
import { batch, failure, FakeFluent, json, row } from "./_fake_fluent.ts";

Deno.test("a job is created with the retailer as text and answered with its id as text", async () => {
  const fluent = new FakeFluent(() => json({ id: 199 }));
  const client = fluent.client();
  assert.deepEqual(await client.createJob({ name: "Daily", meta: { preprocessing: "skip" } }), {
    id: "199",
    name: "Daily",
    retailerId: "1",
  });
  assert.deepEqual(await client.createJob({ name: "Daily", retailerId: "other" }), {
    id: "199",
    name: "Daily",
    retailerId: "other",
  });
  assert.deepEqual(fluent.apiCalls.map(({ method, path, body }) => [method, path, body]), [
    ["POST", "/api/v4.1/job", '{"name":"Daily","retailerId":"1","meta":{"preprocessing":"skip"}}'],
    ["POST", "/api/v4.1/job", '{"name":"Daily","retailerId":"other"}'],
  ]);
  assert.equal(fluent.apiCalls[0]?.headers.get("content-type"), "application/json");
  assert.equal(fluent.apiCalls[0]?.headers.get("authorization"), "Bearer canary-token-1");
});

Deno.test("a batch leaves as it was given, the same bytes every time", async () => {
  const fluent = new FakeFluent(() => json({ id: "7" }));
  const client = fluent.client();
  const request: SendBatchRequest = {
    entities: [{ ...row(), attributes: { expectedOn: "2025-01-25T00:00:00Z" } }],
    event: "InventoryChanged",
    entityType: "INVENTORY",
    action: "UPSERT",
    source: "ERP",
    catalogueRef: "DEFAULT:1",
    conditions: { a: 1 },
  };
  assert.deepEqual(await client.sendBatch("199", request), { id: "7", jobId: "199" });
  await client.sendBatch("199", request);
  const [first, second] = fluent.apiCalls;
  assert.equal(first?.path, "/api/v4.1/job/199/batch");
  assert.equal(
    first?.body,
    '{"action":"UPSERT","entityType":"INVENTORY","source":"ERP","event":"InventoryChanged","catalogueRef":"DEFAULT:1",' +
      '"conditions":{"a":1},"entities":[{"locationRef":"LOC_1","skuRef":"SKU_0","qty":5,"retailerId":1,' +
      '"attributes":{"expectedOn":"2025-01-25T00:00:00Z"}}]}',
  );
  assert.equal(second?.body, first?.body);
});

Deno.test("a request of too many bytes is refused before it leaves; what counts is bytes, not characters", async () => {
  const fluent = new FakeFluent(() => json({ id: "7" }));
  const request = { ...batch(), source: "ä".repeat(1_000) };
  const bytes = new TextEncoder().encode(JSON.stringify(request)).length;
  assert.deepEqual(await fluent.client({}, { maxRequestBytes: bytes }).sendBatch("199", request), {
    id: "7",
    jobId: "199",
  });
  const tight = fluent.client({}, { maxRequestBytes: bytes - 1 });
  const error = await failure(tight.sendBatch("199", request));
  assert(error instanceof FluentRequestError);
  assert.equal(
    error.message,
    `Cannot send a batch to Fluent job 199: the request must be at most ${
      bytes - 1
    } bytes of JSON, found ${bytes}`,
  );
  assert((await failure(tight.createJob({ name: "ä".repeat(2_000) }))) instanceof FluentRequestError);
  assert.equal(fluent.apiCalls.length, 1);

  const full = { ...batch(5_000), source: "x".repeat(DEFAULT_MAX_REQUEST_BYTES) };
  assert((await failure(fluent.client().sendBatch("199", full))) instanceof FluentRequestError);
  await fluent.client().sendBatch("199", batch(5_000));
});

Deno.test("a batch written ahead leaves as its request would, is held to the same limit, and refused when it is written", async () => {
  const fluent = new FakeFluent(() => json({ id: "7" }));
  const request = batch(3);
  const written = new WrittenBatch(request);
  assert.equal(written.rows, 3);
  await fluent.client().sendBatch("199", request);
  await fluent.client().sendBatch("199", written);
  const [first, second] = fluent.apiCalls;
  assert.equal(second?.body, first?.body);

  const tight = fluent.client({}, { maxRequestBytes: written.body.length - 1 });
  assert((await failure(tight.sendBatch("199", written))) instanceof FluentRequestError);
  assert.equal(fluent.apiCalls.length, 2);
  assert.throws(() => new WrittenBatch(batch(0)), FluentRequestError);
});

const circular: Record<string, unknown> = {};
circular.self = circular;

const REFUSED_BATCHES: [string, unknown, string][] = [
  ["no entities", batch(0), "entities must be 1 to 5000 rows, found 0"],
  ["5,001 entities", batch(5_001), "entities must be 1 to 5000 rows, found 5001"],
  ["entities that are no list", { ...batch(), entities: "x" }, "entities must be an array"],
  ["no action", { ...batch(), action: undefined }, "action must be a non-empty text"],
  ["a blank action", { ...batch(), entityType: "RETAILER", action: " " }, "action must be a non-empty text"],
  [
    "an action that inventory has not",
    { ...batch(), action: "DELETE" },
    "action must be UPSERT for INVENTORY",
  ],
  ["no entity type", { ...batch(), entityType: "" }, "entityType must be a non-empty text"],
  ["an unknown field", { ...batch(), batchSize: 5 }, "batchSize is not a field of this request"],
  ["nothing", undefined, "the request must be an object"],
  [
    "a row that is no object",
    { ...batch(), entities: [row(), null] },
    "entities[1] must be an object, found null",
  ],
  ["a row that is a list", { ...batch(), entities: [[]] }, "entities[0] must be an object, found an array"],
  [
    "a blank location",
    { ...batch(), entities: [{ ...row(), locationRef: " " }] },
    "entities[0].locationRef must be a non-empty text, found a blank text",
  ],
  [
    "a numeric SKU",
    { ...batch(), entities: [row(), { ...row(), skuRef: 123 }] },
    "entities[1].skuRef must be a non-empty text, found 123",
  ],
  [
    "a quantity as text",
    { ...batch(), entities: [row(0), { ...row(1), qty: "5" }] },
    "entities[1].qty must be a whole number, found a text",
  ],
  [
    "a broken quantity",
    { ...batch(), entities: [row(0, 1.5)] },
    "entities[0].qty must be a whole number, found 1.5",
  ],
  ["NaN", { ...batch(), entities: [row(0, NaN)] }, "entities[0].qty must be a whole number, found NaN"],
  [
    "a quantity beyond exact numbers",
    { ...batch(), entities: [row(0, 2 ** 53)] },
    "entities[0].qty must be a whole number, found 9007199254740992",
  ],
  [
    "no retailer",
    { ...batch(), entities: [{ ...row(), retailerId: undefined }] },
    "entities[0].retailerId must be a positive whole number or a non-empty text, found nothing",
  ],
  [
    "retailer 0",
    { ...batch(), entities: [{ ...row(), retailerId: 0 }] },
    "entities[0].retailerId must be a positive whole number or a non-empty text, found 0",
  ],
  [
    "a correction that is no number",
    { ...batch(), entities: [{ ...row(), correctedQty: null }] },
    "entities[0].correctedQty must be a whole number, found null",
  ],
  [
    "a row that contains itself",
    { ...batch(), entities: [{ ...row(), attributes: circular }] },
    "the request cannot be written as JSON: it contains itself",
  ],
  [
    "a BigInt",
    { ...batch(), entities: [{ ...row(), attributes: { n: 1n } }] },
    "the request cannot be written as JSON: a value in it has no JSON",
  ],
];

for (const [name, request, message] of REFUSED_BATCHES) {
  Deno.test(`a batch with ${name} is refused before anything is sent`, async () => {
    const fluent = new FakeFluent();
    const error = await failure(fluent.client().sendBatch("199", request as SendBatchRequest));
    assert(error instanceof FluentRequestError);
    assert.equal(error.message, `Cannot send a batch to Fluent job 199: ${message}`);
    assert.equal(error.code, "fluent-invalid-request");
    assert.equal(error.retry, "never");
    assert.equal(fluent.calls.length, 0);
  });
}

Deno.test("5,000 entities, a negative quantity, retailers as text and other entity types are let through", async () => {
  const fluent = new FakeFluent(() => json({ id: "7" }));
  const client = fluent.client();
  await client.sendBatch("199", batch(5_000));
  await client.sendBatch("199", { ...batch(), entities: [{ ...row(0, -3), retailerId: "197" }] });
  await client.sendBatch("199", { action: "CREATE", entityType: "RETAILER", entities: [{ ref: "R" }] });
  assert.equal(fluent.apiCalls.length, 3);
});

Deno.test("of many problems the first are said, the first twenty kept, all counted", async () => {
  const entities = Array.from({ length: 30 }, (_, i) => ({ ...row(i), qty: "canary-cell" }));
  const error = await failure(new FakeFluent().client().sendBatch("199", { ...batch(), entities }));
  assert(error instanceof FluentRequestError);
  assert.equal(error.problemCount, 30);
  assert.equal(error.problems.length, 20);
  assert.deepEqual(error.problems[19], {
    path: "entities[19].qty",
    message: "must be a whole number, found a text",
  });
  assert.match(error.message, /entities\[2\]\.qty must be a whole number, found a text; 27 more$/);
  assert(!(error.message + JSON.stringify(error.details)).includes("canary-cell"));
});

Deno.test("a job without a name, without a retailer or with an unknown field is refused before anything is sent", async () => {
  const cases: [unknown, string][] = [
    [{ name: "" }, "name must be a non-empty text"],
    [
      { name: "n", retailerId: -1 },
      "retailerId must be a positive whole number or a non-empty text, found -1",
    ],
    [{ name: "n" }, "retailerId must be a positive whole number or a non-empty text, found nothing"],
    [{ name: "n", retailerId: 1, metadata: {} }, "metadata is not a field of this request"],
    [{ name: "n", retailerId: 1, meta: "skip" }, "meta must be an object"],
  ];
  for (const [request, message] of cases) {
    const fluent = new FakeFluent();
    const client = fluent.client({ retailerId: undefined });
    const error = await failure(client.createJob(request as CreateJobRequest));
    assert(error instanceof FluentRequestError);
    assert.equal(error.message, `Cannot create a Fluent job: ${message}`);
    assert.equal(fluent.calls.length, 0);
  }
});

const BAD_IDS = [
  "",
  "../event?x=1",
  "199/batch/7",
  "1 2",
  "1%2F2",
  "ü",
  ".",
  "..",
  "a".repeat(201),
  undefined,
  5,
];

for (const id of BAD_IDS) {
  Deno.test(`the id ${JSON.stringify(id)?.slice(0, 20)} is refused wherever an id goes into a path`, async () => {
    const fluent = new FakeFluent();
    const client = fluent.client();
    const bad = id as string;
    const calls = [
      client.getJob(bad),
      client.getJobStatus(bad),
      client.sendBatch(bad, batch()),
      client.getBatch(bad, "7"),
      client.getBatch("199", bad),
      client.getBatchStatus("199", bad),
      client.getBatchResults("199", bad),
    ];
    for (const call of calls) {
      const error = await failure(call);
      assert(error instanceof FluentRequestError);
      assert.match(error.message, /(jobId|batchId) must be letters, digits, '_' or '-', found /);
    }
    assert.equal(fluent.calls.length, 0);
  });
}

Deno.test("the batch size is the guide's by total, and the configured one within Fluent's limit", () => {
  const cases: [number, number | undefined, number][] = [
    [0, undefined, 100],
    [999, undefined, 100],
    [1_000, undefined, 150],
    [9_999, undefined, 150],
    [10_000, undefined, 250],
    [2_000_000, undefined, 250],
    [50, 5_000, 5_000],
    [2_000_000, 1, 1],
  ];
  for (const [total, configured, size] of cases) assert.equal(calculateBatchSize(total, configured), size);
  for (const wrong of [0, 5_001, 1.5, NaN]) {
    assert.throws(() => calculateBatchSize(10, wrong), /expected a whole number from 1 to 5000/);
  }
  assert.throws(() => calculateBatchSize(NaN), /expected a number of records, found NaN/);
});
