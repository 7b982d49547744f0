import assert from "node:assert/strict";
import {
  type Fault,
  type FluentServer,
  type FluentServerOptions,
  localFluentCredentials,
  startFluentServer,
} from "../../local/fluent/mod.ts";
import { createClient } from "../../lib/fluent/mod.ts";
import { csvOf, World } from "./world.ts";

/** 600 rows in batches of 100. */
const ROWS = 600;
const BATCHES = 6;
const SEND = { method: "POST", path: /\/batch$/ };
const CREATE = { method: "POST", path: /\/job$/ };

interface Row {
  readonly fault: string;
  readonly faults?: readonly Fault[];
  readonly server?: Partial<FluentServerOptions>;
  /** Done to the server once the first batch is there. */
  readonly meanwhile?: (server: FluentServer, world: World) => void;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** How it ends; `completed` unless said otherwise. */
  readonly status?: string;
  readonly error?: RegExp;
  /** Requests that carry a batch; the least there can be unless said otherwise. */
  readonly sends?: number | ((sends: number) => boolean);
  /** Batches accepted twice. */
  readonly duplicates?: number;
  readonly resent?: number;
  /** Rows Fluent did not take. */
  readonly failed?: number;
  readonly jobsWithBatches?: number;
  readonly confirmation?: "row" | "batch";
}

/** The real client against the real server, both in virtual time; only time-outs are real. */
async function play(
  row: Row,
  lists: boolean,
  afterwards?: (server: FluentServer, world: World) => Promise<void>,
) {
  const world = new World();
  // Not at midnight: jobs close then.
  world.clock.advance(9 * 3_600_000);
  Object.assign(world.variables, { sendConcurrency: 3, ...row.variables });
  const server = await startFluentServer({
    clock: world.clock,
    jobListsBatches: lists,
    ...row.server,
  });
  try {
    const { clientId, clientSecret } = localFluentCredentials;
    world.openFluent = (memory) =>
      createClient({ config: { baseUrl: server.url, clientId, clientSecret, retailerId: 1 } }, {
        ...memory,
        clock: world.clock,
        random: () => 0.5,
        timeoutMs: 400,
        fetch: async (url, init) => {
          const answer = await fetch(url, init);
          tell();
          return answer;
        },
      });
    server.setFaults(row.faults ?? []);
    let told = false;
    const tell = () => {
      if (told || row.meanwhile === undefined || server.batches().length === 0) return;
      told = true;
      row.meanwhile(server, world);
    };
    const key = await world.put("stock.csv", csvOf(ROWS));
    const { jobId } = (await world.discover()).files[0]!;
    const outcomes = await world.settle();
    await afterwards?.(server, world);
    return {
      world,
      key,
      jobId,
      outcomes,
      job: await world.job(jobId),
      sends: server.requests.byEndpoint.sendBatch ?? 0,
      duplicates: server.duplicateBatches().reduce((sum, group) => sum + group.length - 1, 0),
      jobsWithBatches: new Set(server.batches().map((batch) => batch.jobId)).size,
      stock: server.stock(),
    };
  } finally {
    await server.stop();
  }
}

const rows: readonly Row[] = [
  { fault: "none" },
  {
    fault: "429 with Retry-After in seconds",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "status", status: 429, headers: { "retry-after": "2" } }],
    sends: BATCHES + 1,
  },
  {
    fault: "429 with Retry-After as a date",
    faults: [{
      match: { ...SEND, nth: 3 },
      kind: "status",
      status: 429,
      headers: { "retry-after": "Thu, 01 Jan 2026 09:00:10 GMT" },
    }],
    sends: BATCHES + 1,
  },
  {
    fault: "429 with garbage as Retry-After",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "status", status: 429, headers: { "retry-after": "soon" } }],
    sends: BATCHES + 1,
  },
  {
    fault: "429 with a Retry-After longer than a slice",
    faults: [{ match: { ...SEND, nth: 2 }, kind: "status", status: 429, headers: { "retry-after": "300" } }],
    sends: BATCHES + 1,
  },
  ...[500, 502, 503, 504].flatMap((status): Row[] => [
    {
      fault: `${status} before the effect`,
      faults: [{ match: { ...SEND, nth: 3 }, kind: "status", status }],
      sends: BATCHES + 1,
      resent: 1,
    },
    {
      fault: `${status} after the effect`,
      faults: [{ match: { ...SEND, nth: 3 }, kind: "status-after-effect", status }],
    },
  ]),
  {
    fault: "the connection is reset while the request is on its way",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "reset-during-request" }],
    sends: BATCHES + 1,
    resent: 1,
  },
  {
    fault: "the connection is reset before the effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "reset-before" }],
    sends: BATCHES + 1,
    resent: 1,
  },
  {
    fault: "the connection is reset while the answer is on its way",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "reset-during-answer" }],
  },
  {
    fault: "the connection is reset after the effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "reset-after-effect" }],
  },
  {
    fault: "no answer, no effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "hang" }],
    sends: BATCHES + 1,
    resent: 1,
  },
  {
    fault: "no answer after the effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "hang", afterEffect: true }],
  },
  {
    fault: "a web page with 200",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "html" }],
    sends: BATCHES + 1,
    resent: 1,
  },
  {
    fault: "a web page with 200 after the effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "html", afterEffect: true }],
  },
  {
    fault: "an empty 200",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "empty" }],
    sends: BATCHES + 1,
    resent: 1,
  },
  {
    fault: "an empty 200 after the effect",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "empty", afterEffect: true }],
  },
  {
    fault: "several answers lost at once",
    faults: [{ match: { ...SEND, nth: 2, times: 3 }, kind: "status-after-effect", status: 504 }],
  },
  {
    fault: "answers lost while batches take long to complete",
    faults: [{ match: { ...SEND, nth: 2, times: 2 }, kind: "status-after-effect", status: 504 }],
    server: { pendingMs: 5_000, runningMs: 5_000 },
  },
  {
    fault: "creating the job is answered 504 after the effect",
    faults: [{ match: { ...CREATE, nth: 1 }, kind: "status-after-effect", status: 504 }],
  },
  {
    fault: "creating the job is answered with a web page",
    faults: [{ match: { ...CREATE, nth: 1 }, kind: "html" }],
  },
  {
    fault: "401 once",
    faults: [{ match: { ...SEND, nth: 3 }, kind: "status", status: 401 }],
    sends: BATCHES + 1,
  },
  {
    fault: "401 for ever",
    faults: [{ match: { path: "/api" }, kind: "status", status: 401 }],
    status: "failed",
    error: /answered 401.*check the client id, secret and the user's permissions/,
    sends: 0,
  },
  {
    fault: "403",
    faults: [{ match: SEND, kind: "status", status: 403 }],
    status: "failed",
    error: /403.*the user lacks the permission for this, or for this retailer/,
    sends: (sends) => sends <= 3,
  },
  {
    fault: "the token expires while batches are sent",
    server: { tokenLifetimeS: 1, latencyMs: 700 },
    sends: (sends) => sends >= BATCHES && sends <= 2 * BATCHES,
  },
  {
    fault: "400 for one row",
    server: { poisonSkus: ["SKU-00250"] },
    status: "completed_with_errors",
    failed: 1,
    sends: (sends) => sends <= BATCHES + 14,
  },
  {
    fault: "400 for every row of one batch",
    server: { poisonSkus: Array.from({ length: 100 }, (_, i) => `SKU-00${200 + i}`) },
    status: "completed_with_errors",
    failed: 100,
    sends: BATCHES - 1 + 199,
  },
  {
    fault: "400 for everything",
    faults: [{ match: SEND, kind: "status", status: 400, body: { message: "no such event" } }],
    status: "failed",
    error: /^Fluent refuses everything.*no such event/,
    sends: (sends) => sends >= 31 && sends <= 34,
  },
  {
    fault: "404 for rows of unknown SKUs and locations",
    server: { unknownSkus: ["SKU-00007", "SKU-00599"] },
    status: "completed_with_errors",
    failed: 2,
  },
  {
    fault: "one batch is answered 500 every time, the others are taken",
    faults: [{ match: { ...SEND, nth: 6, times: 6 }, kind: "status", status: 500 }],
    sends: (sends) => sends <= BATCHES + 10,
    resent: undefined as never,
  },
  {
    fault: "the job is closed half-way",
    meanwhile: (server) => server.closeJob(server.jobs()[0]!.jobId),
    jobsWithBatches: 2,
    sends: (sends) => sends > BATCHES && sends <= BATCHES + 3,
  },
  {
    fault: "the job closes after three batches, and so does the next",
    server: { closeJobsAfterBatches: 3 },
    sends: (sends) => sends >= BATCHES && sends <= BATCHES + 3,
    jobsWithBatches: 2,
  },
  {
    fault: "slow COMPLETE",
    server: { pendingMs: 60_000, runningMs: 300_000 },
  },
  {
    fault: "one failed poll",
    faults: [{
      match: { method: "GET", path: /\/job\/\d+$/, nth: 1, times: 2 },
      kind: "status",
      status: 503,
    }],
  },
  {
    fault: "a poll answered with a web page",
    faults: [{ match: { method: "GET", path: /\/job\/\d+$/, nth: 1 }, kind: "html" }],
  },
  {
    fault: "the API is down for two minutes, then back",
    faults: [{ match: { path: "/api", fromMs: 1_050, untilMs: 121_000 }, kind: "status", status: 503 }],
    server: { latencyMs: 20 },
    sends: (sends) => sends <= BATCHES + 12,
    resent: undefined as never,
  },
];

for (const row of rows) {
  for (const lists of [true, false]) {
    Deno.test(`fault matrix: ${row.fault}; the API ${lists ? "lists" : "doesn't list"} a job's batches`, async () => {
      const { world, key, jobId, job, sends, duplicates, jobsWithBatches, stock } = await play(row, lists);
      const { status = "completed", failed = 0 } = row;
      assert.equal(job.status, status, job.error ?? job.message ?? "");
      if (row.error) {
        assert.match(job.error ?? "", row.error);
        assert.deepEqual(await world.keys("inventory/incoming/"), [key], "the file stays");
      } else {
        const summary = await world.summary(jobId);
        assert.deepEqual(summary.rows, {
          ...summary.rows,
          read: ROWS,
          sendable: ROWS,
          confirmed: ROWS - failed,
          failed,
        });
        assert.equal(summary.failed.length, failed, "every failed row is named");
        for (const { line } of summary.failed) {
          assert.ok(!stock.has(`SKU-${String(line - 2).padStart(5, "0")}\u0000LOC-1`));
        }
        assert.equal(stock.size, ROWS - failed);
        for (const [name, qty] of stock) {
          assert.equal(name, `SKU-${String(qty).padStart(5, "0")}\u0000LOC-1`);
        }
        assert.equal(
          jobsWithBatches,
          row.jobsWithBatches ?? 1,
          "no duplicate Fluent jobs with batches in them",
        );
        assert.deepEqual(await world.keys("inventory/incoming/"), [], "archived");
        const isLost = lostAfterEffect(row);
        if (lists) {
          assert.equal(duplicates, 0, "what was accepted is found by asking");
          if (!("resent" in row)) assert.equal(summary.batches.resent, 0);
          else if (row.resent !== undefined) assert.equal(summary.batches.resent, row.resent);
        } else {
          assert.equal(duplicates, isLost, "byte-identical, each once");
          if (isLost > 0) assert.equal(summary.batches.resent, isLost);
        }
        const most = (typeof row.sends === "number" ? row.sends : BATCHES) + (lists ? 0 : isLost);
        if (typeof row.sends === "function") assert.ok(row.sends(sends), `${sends} sends`);
        else assert.equal(sends, most, "requests");
        return;
      }
      if (typeof row.sends === "function") assert.ok(row.sends(sends), `${sends} sends`);
      else if (row.sends !== undefined) assert.equal(sends, row.sends);
    });
  }
}

/** Batches whose acceptance a row's faults hide. */
function lostAfterEffect({ faults = [] }: Row): number {
  return faults.filter(({ match, kind, ...rest }) =>
    match?.path === SEND.path &&
    (/-after-effect$|-during-answer$/.test(kind) || ("afterEffect" in rest && rest.afterEffect === true))
  ).reduce((sum, { match }) => sum + (match?.times ?? 1), 0);
}

for (const lists of [true, false]) {
  Deno.test(`fault matrix: a batch stuck in PENDING; the API ${lists ? "lists" : "doesn't list"} a job's batches`, async () => {
    const row: Row = {
      fault: "a batch stuck in PENDING",
      server: { stuckBatches: [3] },
      variables: { pollTimeoutMinutes: 2 },
    };
    const { outcomes, job, sends, stock, world } = await play(row, lists, async (server, world) => {
      const [job] = await world.jobs();
      assert.equal(job?.stage, "unfinished");
      assert.equal(job?.details["rows"] && (job.details["rows"] as { confirmed: number }).confirmed, 500);
      assert.equal((await world.keys("inventory/incoming/")).length, 1, "not archived");
      server.completeBatches();
      await world.discover();
      await world.settle();
    });
    assert.deepEqual(outcomes, [{ kind: "unfinished" }]);
    assert.equal(job.status, "completed");
    assert.equal(sends, BATCHES, "nothing was sent again");
    assert.equal(stock.size, ROWS);
    assert.deepEqual(await world.keys("inventory/incoming/"), []);
  });
}
