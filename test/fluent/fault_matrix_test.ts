import assert from "node:assert/strict";
import { createClient, FluentApiError, type FluentClient } from "../../lib/fluent/mod.ts";
import {
  type Fault,
  type FaultKind,
  type FluentServer,
  type FluentServerOptions,
  localFluentCredentials,
  startFluentServer,
} from "../../local/fluent/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { batch, failure, row } from "./_fake_fluent.ts";

/** A client of each kind, against a real server: what it does about a fault is the same in both. */
const KINDS = ["direct", "on Versori"] as const;
type Kind = (typeof KINDS)[number];

interface Scene {
  readonly server: FluentServer;
  readonly client: FluentClient;
  readonly clock: VirtualClock;
  /** Requests to the API since the last look. */
  requests(): number;
}

async function withScene(
  kind: Kind,
  options: FluentServerOptions,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const clock = new VirtualClock();
  const server = await startFluentServer({ clock, ...options });
  // A request that hangs runs out of time as soon as the server has it, and others never do.
  const startTimer = (_ms: number, fire: () => void) => {
    const hung = server.requests.byStatus["hung"] ?? 0;
    const look = setInterval(() => {
      if ((server.requests.byStatus["hung"] ?? 0) > hung) fire();
    }, 1);
    return () => clearInterval(look);
  };
  const handed = { clock, startTimer, random: () => 0.5, retailerId: 1 };
  const client = kind === "direct"
    ? createClient({ config: { baseUrl: server.url, ...localFluentCredentials } }, handed)
    : createClient(platformContext(server.url), handed);
  await client.verifyAccess();
  let seen = 0;
  const requests = () => {
    const { total, byEndpoint } = server.requests;
    const api = total - (byEndpoint.token ?? 0);
    const since = api - seen;
    seen = api;
    return since;
  };
  requests();
  try {
    await run({ server, client, clock, requests });
  } finally {
    await server.stop();
  }
}

/** As Versori's: it adds the token, and a request leaves as often as it is called. */
function platformContext(url: string) {
  let token: string | undefined;
  const getAccessToken = async (_name: string, forceRefresh = false) => {
    if (token === undefined || forceRefresh) {
      const { clientId: client_id, clientSecret: client_secret } = localFluentCredentials;
      const form = { grant_type: "client_credentials", client_id, client_secret };
      const answer = await fetch(`${url}/oauth/token`, { method: "POST", body: new URLSearchParams(form) });
      token = String((await answer.json()).access_token);
    }
    return { accessToken: token };
  };
  return {
    credentials: () => ({ getAccessToken }),
    async fetch(path: string, init: RequestInit = {}) {
      const headers = new Headers(init.headers);
      headers.set("authorization", `Bearer ${(await getAccessToken("fluent_commerce")).accessToken}`);
      const body = typeof init.body === "string" ? { body: new Blob([init.body]) } : {};
      return await fetch(url + path, { ...init, ...body, headers });
    },
  };
}

interface Row {
  readonly name: string;
  readonly fault: FaultKind;
  /** How often it happens; for ever when it is left out. */
  readonly times?: number;
  /** Of sending a batch. */
  readonly send: Outcome & { readonly requests: number; readonly batches: number };
  /** Of reading a job. */
  readonly read: Outcome & { readonly requests: number };
}
type Outcome = { readonly ok: true; readonly slept?: readonly number[] } | {
  readonly ok: false;
  /** code, retry, effect, retryAfterMs */
  readonly error: readonly [string, string, string, number?];
};

const OK = { ok: true } as const;
const IN_DOUBT = "unknown";
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toUTCString();

/** Faults that leave open whether the batch was taken: the batch is sent once, the read is repeated. */
function ambiguous(name: string, fault: FaultKind, code: string, taken: boolean, read: Row["read"]): Row {
  const error = [code, "later", IN_DOUBT] as const;
  return { name, fault, times: 1, send: { ok: false, error, requests: 1, batches: taken ? 1 : 0 }, read };
}

const READ_AGAIN: Row["read"] = { ok: true, requests: 2 };
const READ_LATER = (code: string): Row["read"] => ({
  ok: false,
  error: [code, "later", "none"],
  requests: 1,
});
const limited = (value?: string): FaultKind => ({
  kind: "status",
  status: 429,
  ...(value === undefined ? {} : { headers: { "retry-after": value } }),
});
const twice = (slept: readonly number[]) => ({ ok: true, slept, requests: 2 }) as const;

const ROWS: readonly Row[] = [
  {
    name: "429, in 2 seconds",
    fault: limited("2"),
    times: 1,
    send: { ...twice([2_000]), batches: 1 },
    read: twice([2_000]),
  },
  {
    name: "429, at a date",
    fault: limited(at(7)),
    times: 1,
    send: { ...twice([7_000]), batches: 1 },
    read: twice([7_000]),
  },
  {
    name: "429, soon",
    fault: limited("soon"),
    times: 1,
    send: { ...twice([250]), batches: 1 },
    read: twice([250]),
  },
  {
    name: "429, in ten minutes",
    fault: limited("600"),
    send: { ok: false, error: ["fluent-rate-limited", "later", "none", 600_000], requests: 1, batches: 0 },
    read: { ok: false, error: ["fluent-rate-limited", "later", "none", 600_000], requests: 1 },
  },
  {
    name: "429 for ever",
    fault: limited(),
    send: { ok: false, error: ["fluent-rate-limited", "later", "none"], requests: 4, batches: 0 },
    read: { ok: false, error: ["fluent-rate-limited", "later", "none"], requests: 4 },
  },
  ...[500, 502, 503, 504].flatMap((status) => [
    ambiguous(
      `${status} before the effect`,
      { kind: "status", status },
      "fluent-unavailable",
      false,
      READ_AGAIN,
    ),
    ambiguous(
      `${status} after the effect`,
      { kind: "status-after-effect", status },
      "fluent-unavailable",
      true,
      READ_AGAIN,
    ),
  ]),
  ambiguous("a reset before", { kind: "reset-before" }, "fluent-unreachable", false, READ_AGAIN),
  ambiguous(
    "a reset in the request",
    { kind: "reset-during-request" },
    "fluent-unreachable",
    false,
    READ_AGAIN,
  ),
  ambiguous("a reset in the answer", { kind: "reset-during-answer" }, "fluent-unreachable", true, READ_AGAIN),
  ambiguous("a reset after", { kind: "reset-after-effect" }, "fluent-unreachable", true, READ_AGAIN),
  ambiguous("a hang before the effect", { kind: "hang" }, "fluent-timeout", false, READ_AGAIN),
  ambiguous(
    "a hang after the effect",
    { kind: "hang", afterEffect: true },
    "fluent-timeout",
    true,
    READ_AGAIN,
  ),
  ...[false, true].flatMap((afterEffect) => [
    ambiguous(
      `HTML 200, ${afterEffect ? "after" : "before"} the effect`,
      { kind: "html", afterEffect },
      "fluent-bad-answer",
      afterEffect,
      READ_LATER("fluent-bad-answer"),
    ),
    ambiguous(
      `an empty 200, ${afterEffect ? "after" : "before"} the effect`,
      { kind: "empty", afterEffect },
      "fluent-bad-answer",
      afterEffect,
      READ_LATER("fluent-bad-answer"),
    ),
  ]),
  {
    name: "401 once",
    fault: { kind: "status", status: 401 },
    times: 1,
    send: { ...OK, requests: 2, batches: 1 },
    read: { ...OK, requests: 2 },
  },
  {
    name: "401 for ever",
    fault: { kind: "status", status: 401 },
    send: { ok: false, error: ["fluent-unauthorised", "never", "none"], requests: 2, batches: 0 },
    read: { ok: false, error: ["fluent-unauthorised", "never", "none"], requests: 2 },
  },
  {
    name: "403",
    fault: { kind: "status", status: 403 },
    send: { ok: false, error: ["fluent-forbidden", "never", "none"], requests: 1, batches: 0 },
    read: { ok: false, error: ["fluent-forbidden", "never", "none"], requests: 1 },
  },
  {
    name: "400",
    fault: { kind: "status", status: 400 },
    send: { ok: false, error: ["fluent-bad-request", "never", "none"], requests: 1, batches: 0 },
    read: { ok: false, error: ["fluent-bad-request", "never", "none"], requests: 1 },
  },
];

function check(outcome: Outcome, found: unknown, clock: VirtualClock): void {
  if (outcome.ok) {
    assert(!(found instanceof Error), String(found));
    if (outcome.slept !== undefined) assert.deepEqual(clock.slept, outcome.slept);
    return;
  }
  assert(found instanceof FluentApiError, `expected a FluentApiError, found ${String(found)}`);
  const { code, retry, effect, retryAfterMs } = found;
  assert.deepEqual(
    [code, retry, effect, retryAfterMs],
    [...outcome.error, undefined].slice(0, 4),
    found.message,
  );
}

for (const kind of KINDS) {
  for (const { name, fault, times, send, read } of ROWS) {
    const faults = (path: RegExp): Fault[] => [
      { ...fault, match: { path, nth: 1, times: times ?? Infinity } },
    ];

    Deno.test(`${kind}, ${name}: a batch is sent as often as is safe, and asking finds what was taken`, () =>
      withScene(kind, {}, async ({ server, client, clock, requests }) => {
        const { id: jobId } = await client.createJob({ name: "n" });
        requests();
        clock.slept.length = 0;
        server.setFaults(faults(/\/batch$/));
        check(send, await client.sendBatch(jobId, batch()).catch((error) => error), clock);
        assert.equal(requests(), send.requests);
        assert.equal(server.batches().length, send.batches);
        server.setFaults([]);
        const found = await client.getJob(jobId);
        assert.deepEqual(
          found.batches?.map(({ batchId }) => batchId),
          server.batches().map((one) => one.batchId),
        );
        assert.deepEqual(server.duplicateBatches(), []);
      }));

    Deno.test(`${kind}, ${name}: a job is created as often as is safe`, () =>
      withScene(kind, {}, async ({ server, client, clock, requests }) => {
        clock.slept.length = 0;
        server.setFaults(faults(/\/job$/));
        check(send, await client.createJob({ name: "n" }).catch((error) => error), clock);
        assert.equal(requests(), send.requests);
        assert.equal(server.jobs().length, send.batches); // a job where a batch would have been taken
      }));

    Deno.test(`${kind}, ${name}: a read is repeated where that can help`, () =>
      withScene(kind, {}, async ({ server, client, clock, requests }) => {
        const { id: jobId } = await client.createJob({ name: "n" });
        requests();
        clock.slept.length = 0;
        server.setFaults(faults(/\/job\/\d+$/));
        const found = await client.getJob(jobId).catch((error) => error);
        check(read.ok ? read : { ok: false, error: read.error }, found, clock);
        assert.equal(requests(), read.requests);
      }));
  }

  Deno.test(`${kind}: a job that closes half-way, a poison SKU and refused rows each have their own outcome`, () =>
    withScene(
      kind,
      { closeJobsAfterBatches: 2, poisonSkus: ["BAD"], unknownSkus: ["SKU_1"] },
      async ({ client }) => {
        const { id: jobId } = await client.createJob({ name: "n" });
        const poison = { ...batch(), entities: [row(0), { ...row(1), skuRef: "BAD" }] };
        const refused = await failure(client.sendBatch(jobId, poison));
        assert(refused instanceof FluentApiError);
        assert.deepEqual([refused.code, refused.effect], ["fluent-bad-request", "none"]);
        assert.match(refused.reason ?? "", /entities\[1\]\.skuRef: BAD cannot be processed/);

        const { id } = await client.sendBatch(jobId, batch(3));
        const rows = await client.getBatchResults(jobId, id);
        assert.deepEqual(rows.map(({ responseCode }) => responseCode), [200, 404, 200]);
        await client.sendBatch(jobId, batch());
        const closed = await failure(client.sendBatch(jobId, batch()));
        assert(closed instanceof FluentApiError);
        assert.deepEqual([closed.code, closed.effect], ["fluent-job-closed", "none"]);
        assert.equal((await client.getJobStatus(jobId)).status, "COMPLETED");
      },
    ));

  Deno.test(`${kind}: tokens that expire or are revoked half-way cost a sign-in, not a batch`, () =>
    withScene(kind, { tokenLifetimeS: 100 }, async ({ server, client, clock }) => {
      const { id: jobId } = await client.createJob({ name: "n" });
      for (let i = 0; i < 5; i++) {
        clock.advance(101_000);
        await client.sendBatch(jobId, { ...batch(), entities: [row(i)] });
        server.revokeTokens();
        await client.sendBatch(jobId, { ...batch(), entities: [row(i), row(i + 1)] });
      }
      assert.equal(server.batches().length, 10);
      assert.deepEqual(server.duplicateBatches(), []);
    }));

  Deno.test(`${kind}: a batch stuck in PENDING is PROCESSING for the job, and slow ones end COMPLETED`, () =>
    withScene(
      kind,
      { stuckBatches: [2], pendingMs: 1_000, runningMs: 600_000 },
      async ({ server, client, clock }) => {
        const { id: jobId } = await client.createJob({ name: "n" });
        for (let i = 0; i < 3; i++) await client.sendBatch(jobId, { ...batch(), entities: [row(i)] });
        assert.equal((await client.getJobStatus(jobId)).status, "PENDING");
        clock.advance(601_000);
        const { status, completedBatches, totalBatches } = await client.getJobStatus(jobId);
        assert.deepEqual([status, completedBatches, totalBatches], ["PROCESSING", 2, 3]);
        server.completeBatches();
        assert.equal((await client.getJobStatus(jobId)).status, "COMPLETED");
      },
    ));

  Deno.test(`${kind}: an API that is down for two minutes costs a few dozen requests, and nothing is lost or doubled`, () =>
    withScene(kind, {}, async ({ server, client, clock, requests }) => {
      const { id: jobId } = await client.createJob({ name: "n" });
      requests();
      const from = clock.now();
      server.setFaults([{ match: { path: "/api/", untilMs: 120_000 }, kind: "status", status: 503 }]);
      let open = 0;
      for (let i = 0; i < 100; i++) {
        // What a sender does: ask before sending again what is in doubt, and wait as long as it is told to.
        for (let sent = false; !sent;) {
          try {
            const found = await client.getJob(jobId);
            if ((found.batches ?? []).length <= i) {
              await client.sendBatch(jobId, { ...batch(), entities: [row(i)] });
            }
            sent = true;
          } catch (error) {
            assert(error instanceof FluentApiError);
            assert.equal(error.retry, "later");
            if (error.code === "fluent-circuit-open") open++;
            await clock.sleep(error.retryAfterMs ?? 100);
          }
        }
      }
      const total = requests();
      assert(total <= 200 + 25, `${total} requests for 100 batches and as many questions`);
      assert(open >= 3, `${open} times open`);
      assert(clock.now() - from < 190_000, "back within the breaker's longest pause");
      assert.equal(server.stock().size, 100);
      assert.deepEqual(server.duplicateBatches(), []);
    }));
}
