import assert from "node:assert/strict";
import fc from "fast-check";
import {
  factsOf,
  fileNameOf,
  type HistoryQuery,
  isTerminal,
  JOB_STATUSES,
  type JobRecord,
  jobRecordSchema,
} from "../../lib/jobs/mod.ts";
import type { PlatformKeyValue } from "../../lib/state/mod.ts";
import { DAY_MS, historyWorld } from "./_history_world.ts";

const TTL_SECONDS = 3 * 86_400;
const JOBS = 12;
const NAMES = ["a.csv", "b.csv", "sub/a.csv"];

/** The process dies: no operation of the store after the `at`-th one happens. */
class Crash extends Error {}

type World = ReturnType<typeof historyWorld>;

/**
 * What is true is what the job records say: a crash leaves a change made or not made, and the records tell which. The
 * model keeps nothing of its own beside them, so it cannot share a mistake with the index.
 */
function truth({ memory, clock }: World): JobRecord[] {
  const records: JobRecord[] = [];
  for (const [key, text] of memory.entries) {
    if (!key.startsWith("fluent-inventory/jobs/")) continue;
    const record = jobRecordSchema.parse(JSON.parse(text));
    if (record.expiresAt !== undefined && Date.parse(record.expiresAt) <= clock.now()) continue;
    records.push(record);
  }
  return records.sort((a, b) =>
    a.createdAt !== b.createdAt ? (a.createdAt < b.createdAt ? 1 : -1) : a.jobId < b.jobId ? 1 : -1
  );
}

function fits(job: JobRecord, query: HistoryQuery): boolean {
  const facts = factsOf(job);
  return (query.status === undefined || query.status.includes(job.status)) &&
    (query.feed === undefined || facts.feed === query.feed) &&
    (query.trigger === undefined || job.triggeredBy === query.trigger) &&
    (query.day === undefined || job.createdAt.startsWith(query.day)) &&
    (query.from === undefined || Date.parse(job.createdAt) >= Date.parse(query.from)) &&
    (query.to === undefined || Date.parse(job.createdAt) < Date.parse(query.to)) &&
    (query.text === undefined ||
      [job.jobId, facts.file?.key, job.message, job.errorCode, job.reference, facts.feed]
        .some((text) => text?.toLowerCase().includes(query.text!.toLowerCase()))) &&
    (query.fileName === undefined ||
      (facts.file !== undefined &&
        (facts.file.key === query.fileName || fileNameOf(facts.file.key) === query.fileName)));
}

/** The store as a process sees it that dies before its operation after these. */
function mortal(kv: PlatformKeyValue, operations: number): PlatformKeyValue {
  let left = operations;
  const or = <T>(operation: () => Promise<T>): Promise<T> =>
    left-- > 0 ? operation() : Promise.reject(new Crash("this process died"));
  return {
    get: (key) => or(() => kv.get(key)),
    set: (key, value) => or(() => kv.set(key, value)),
    delete: (key) => or(() => kv.delete(key)),
    list: (prefix, options) => or(() => kv.list(prefix, options)),
    count: (prefix) => or(() => kv.count(prefix)),
  };
}

/** Every question must be answered as the records answer it, page by page. */
async function compare(world: World): Promise<void> {
  const { history } = world.tracker();
  const jobs = truth(world);
  const days = ["2026-01-01", "2026-01-02", "2026-01-04"];
  const queries: HistoryQuery[] = [
    {},
    { limit: 1 },
    ...JOB_STATUSES.map((status) => ({ status: [status], limit: 2 })),
    { status: ["queued", "failed"] },
    ...days.map((day) => ({ day, limit: 3 })),
    ...days.map((day) => ({ day, status: ["completed" as const] })),
    ...["a.csv", "b.csv", "in/sub/a.csv"].map((fileName) => ({ fileName, limit: 2 })),
    { feed: "f1" },
    { trigger: "webhook" },
    { text: "JOB-1", limit: 2 },
    { text: "b.csv" },
    { text: "ticket-3" },
    { text: "broken" },
    { text: "f2", limit: 3 },
    { from: "2026-01-02" },
    { to: "2026-01-02T00:00:00.010Z", limit: 4 },
    { from: "2026-01-01T00:00:00.010Z", to: "2026-01-04T01:00:00+01:00", limit: 5 },
    { from: "2020-01-01", to: "2026-01-03", status: ["failed"] },
    ...days.map((day) => ({ day, feed: "f0", trigger: "schedule" as const, limit: 1 })),
    { day: "2026-01-01", status: ["completed", "failed"], text: "a.csv" },
    { fileName: "a.csv", status: ["queued", "processing"], feed: "f0" },
    { fileName: "nothing.csv" },
  ];
  for (const query of queries) {
    const expected = jobs.filter((job) => fits(job, query)).map(({ jobId, status }) => `${jobId} ${status}`);
    let given = 0;
    const found: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 50; page++) {
      const answer = await history.list({ ...query, ...(cursor ? { cursor } : {}) });
      given = Math.max(given, answer.jobs.length);
      found.push(...answer.jobs.map(({ jobId, status }) => `${jobId} ${status}`));
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
    }
    assert.equal(cursor, undefined, "the pages end");
    assert.deepEqual(found, expected, JSON.stringify(query));
    assert.ok(given <= (query.limit ?? 50), "no page has more than was asked for");
  }
  const first = new Date(Date.UTC(2026, 0, 1)).toISOString().slice(0, 10);
  const last = new Date(world.clock.now()).toISOString().slice(0, 10);
  for (const { day, byStatus, rows, jobs: count } of await history.counts({ from: first, to: last })) {
    const ofDay = jobs.filter(({ createdAt }) => createdAt.startsWith(day));
    assert.equal(count, ofDay.length, `jobs of ${day}`);
    // Progress alone is not in the index: sums are right for what has ended.
    if (ofDay.every(({ status }) => isTerminal(status))) {
      const real = ofDay.map(factsOf).filter(({ dryRun }) => !dryRun);
      assert.equal(rows.read, real.reduce((sum, { rows }) => sum + rows.read, 0), `rows read on ${day}`);
    }
    for (const status of JOB_STATUSES) {
      assert.equal(
        byStatus[status],
        ofDay.filter((job) => job.status === status).length,
        `${status} on ${day}`,
      );
    }
  }
  const running = await history.running();
  assert.deepEqual(
    running.map(({ jobId }) => jobId),
    jobs.filter(({ status }) => !isTerminal(status)).map(({ jobId }) => jobId),
  );
}

const job = fc.integer({ min: 0, max: JOBS - 1 });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("create" as const), job, name: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("process" as const), job }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("progress" as const), job }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("complete" as const), job }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("fail" as const), job }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reopen" as const), job }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sweep-few" as const), keeps: fc.boolean() }) },
  // A replay is noted with a job that may have ended.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("link" as const), job }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("look" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 10_000, 61_000, DAY_MS, 2 * DAY_MS),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Several writers at once, each with its own step, and perhaps a crash of all of them at some operation. */
const round = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  crashAfter: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined, freq: 2 }),
  /** Of the writers, one dies by itself at its n-th operation, while the others go on. */
  dies: fc.option(fc.record({ writer: fc.nat(3), after: fc.nat(12) }), { nil: undefined, freq: 2 }),
  /** One operation happens, but its answer is lost. */
  lost: fc.option(fc.nat(20), { nil: undefined, freq: 3 }),
});

async function act(world: World, tracker: ReturnType<World["tracker"]>, todo: Step) {
  switch (todo.do) {
    case "create":
      await tracker.createJob(`job-${todo.job}`, {
        triggeredBy: todo.job % 2 ? "webhook" : "schedule",
        ...(todo.job % 4 === 3 ? { reference: `Ticket-${todo.job}` } : {}),
        details: {
          file: { key: `in/${NAMES[todo.name]}` },
          feed: `f${todo.job % 3}`,
          dryRun: todo.job === 5,
        },
      });
      break;
    case "process":
      await tracker.updateJob(`job-${todo.job}`, { status: "processing", stage: "deliver" });
      break;
    case "progress":
      await tracker.updateJob(`job-${todo.job}`, { details: { rows: { read: todo.job } } });
      break;
    case "complete":
      await tracker.markCompleted(`job-${todo.job}`, { rows: { read: 1 } });
      break;
    case "fail":
      await tracker.markFailed(`job-${todo.job}`, new Error("The file is broken"));
      break;
    case "reopen":
      await tracker.reopenJob(`job-${todo.job}`, { triggeredBy: "manual", message: "again" });
      break;
    case "sweep":
      await tracker.sweep();
      break;
    case "sweep-few":
      // Some jobs have to stay, because somebody is at work on them.
      await tracker.sweep(1, () => Promise.resolve(!todo.keeps));
      break;
    case "link":
      await tracker.linkChild(`job-${todo.job}`, { jobId: `job-${todo.job}-2`, relation: "replay" });
      break;
    case "look":
      await tracker.history.list();
      break;
    case "wait":
      world.clock.advance(todo.ms);
  }
}

Deno.test("whatever writers, crashes and expiry do, every question is answered as the records say", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(round, { maxLength: 25 }),
      fc.boolean(),
      fc.infiniteStream(fc.nat()),
      async (rounds, moves, turns) => {
        const world = historyWorld(TTL_SECONDS);
        world.memory.updateMovesToFront = moves;
        let tracker = world.tracker();
        for (const { steps, crashAfter, dies, lost } of rounds) {
          let left = crashAfter ?? Infinity;
          // Operations of writers that run at once take turns at random.
          world.memory.before = async () => {
            for (let n = turns.next().value % 3; n > 0; n--) await Promise.resolve();
            if (left-- <= 0) throw new Crash("the process died");
          };
          let written = 0;
          world.memory.after = () => {
            if (written++ === lost) throw new Error("the answer was lost");
          };
          // A job has one writer at a time: whoever holds its claim.
          const own = new Map<number, Step>();
          const others = steps.filter((todo) => !("job" in todo));
          for (const todo of steps) if ("job" in todo) own.set(todo.job, todo);
          const ended = await Promise.allSettled(
            [...own.values(), ...others].map((todo, writer) =>
              act(
                world,
                writer === dies?.writer ? world.tracker(mortal(world.memory, dies.after)) : tracker,
                todo,
              )
            ),
          );
          for (const outcome of ended) {
            if (outcome.status === "fulfilled") continue;
            const { code } = outcome.reason as { code?: string };
            assert.ok(["kv-unavailable", "job-unknown", "job-over"].includes(code!), String(outcome.reason));
          }
          world.memory.before = () => {};
          world.memory.after = () => {};
          if (left < 0) tracker = world.tracker();
          world.clock.advance(10);
          await compare(world);
        }
        // Once everything is over and swept, nothing is left: neither records nor entries.
        world.clock.advance(30 * DAY_MS);
        for (let i = 0; i < 20; i++) {
          await world.tracker().history.list();
          await world.tracker().sweep();
        }
        assert.deepEqual(
          [...world.memory.entries.keys()].filter((key) => !key.endsWith("/.state")),
          [],
        );
      },
    ),
    { numRuns: Number(Deno.env.get("HISTORY_RUNS") ?? 60) },
  );
});
