import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import {
  FluentApiError,
  FluentJobFailedError,
  type FluentJobState,
  type FluentJobStatus,
  getPollingInterval,
  type JobStatusReader,
  PollDeadlineError,
  pollJobCompletion,
} from "../../lib/fluent/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { failure } from "./_fake_fluent.ts";

function view(status: FluentJobState, completedBatches = 0, totalBatches = 4): FluentJobStatus {
  return { id: "199", status, completedBatches, totalBatches, totalRecords: 100 };
}

/** Statuses and failures one after the other; the last one stays. */
function reader(...answers: (FluentJobStatus | Error)[]): JobStatusReader & { polls: number } {
  return {
    polls: 0,
    getJobStatus() {
      const answer = answers[Math.min(this.polls++, answers.length - 1)]!;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

function apiError(
  code: "fluent-unavailable" | "fluent-forbidden" | "fluent-bad-answer",
  retryAfterMs?: number,
) {
  const retry = code === "fluent-unavailable" ? "later" : "never";
  return new FluentApiError(`Cannot read Fluent job 199: ${code}`, {
    code,
    retry,
    retryAfterMs,
    effect: "none",
    method: "GET",
    path: "/api/v4.1/job/199",
  });
}

Deno.test("the interval is the guide's by number of batches", () => {
  const cases = [[0, 10_000], [9, 10_000], [10, 30_000], [99, 30_000], [100, 60_000], [5_000, 60_000]];
  for (const [batches, interval] of cases) assert.equal(getPollingInterval(batches!), interval);
});

Deno.test("polling goes on until COMPLETED, tells the progress and gives the last status", async () => {
  const clock = new VirtualClock();
  const seen: FluentJobStatus[] = [];
  const client = reader(view("PENDING"), view("PROCESSING", 2), view("COMPLETED", 4));
  const status = await pollJobCompletion(client, "199", {
    interval: 30_000,
    clock,
    onProgress: (s) => void seen.push(s),
  });
  assert.deepEqual(status, view("COMPLETED", 4));
  assert.deepEqual(seen.map((s) => s.completedBatches), [0, 2, 4]);
  assert.deepEqual(clock.slept, [30_000, 30_000]);
});

Deno.test("without an interval the pause follows the number of batches", async () => {
  const clock = new VirtualClock();
  const client = reader(
    view("PENDING", 0, 5),
    view("PROCESSING", 0, 50),
    view("PROCESSING", 0, 500),
    view("COMPLETED"),
  );
  await pollJobCompletion(client, "199", { clock });
  assert.deepEqual(clock.slept, [10_000, 30_000, 60_000]);
});

Deno.test("with an interval alone there still is a deadline, with a last poll at it", async () => {
  const clock = new VirtualClock();
  const client = reader(view("PROCESSING", 3));
  const from = clock.now();
  const error = await failure(pollJobCompletion(client, "199", { interval: 1_000_000, clock }));
  assert(error instanceof PollDeadlineError);
  assert.equal(
    error.message,
    "Fluent job 199 has not finished within 3600 s: 3 of 4 batches are complete; it goes on at Fluent, poll again",
  );
  assert.deepEqual([error.code, error.retry, error.jobId], ["fluent-poll-deadline", "later", "199"]);
  assert.deepEqual(error.lastStatus, view("PROCESSING", 3));
  assert.equal(clock.now() - from, 3_600_000);
  assert.deepEqual(clock.slept, [1_000_000, 1_000_000, 1_000_000, 600_000]);
  assert.equal(client.polls, 5);
});

Deno.test("a job that completes exactly at the deadline is completed", async () => {
  const clock = new VirtualClock();
  const client = reader(view("PROCESSING"), view("PROCESSING"), view("COMPLETED", 4));
  const status = await pollJobCompletion(client, "199", { interval: 60_000, timeout: 100_000, clock });
  assert.equal(status.status, "COMPLETED");
  assert.deepEqual(clock.slept, [60_000, 40_000]);
});

Deno.test("a timeout of 0 polls once", async () => {
  const client = reader(view("PROCESSING"));
  assert(
    await failure(pollJobCompletion(client, "199", { timeout: 0, clock: new VirtualClock() })) instanceof
      PollDeadlineError,
  );
  assert.equal(client.polls, 1);
});

Deno.test("one failed poll is not a failed job, and Retry-After is heeded", async () => {
  const clock = new VirtualClock();
  const client = reader(
    apiError("fluent-unavailable"),
    view("PROCESSING"),
    apiError("fluent-unavailable", 45_000),
    view("COMPLETED"),
  );
  assert.equal((await pollJobCompletion(client, "199", { interval: 20_000, clock })).status, "COMPLETED");
  assert.deepEqual(clock.slept, [20_000, 20_000, 45_000]);
});

Deno.test("an unreadable answer is passed over after a good one, and is final before", async () => {
  const bad = apiError("fluent-bad-answer");
  const clock = new VirtualClock();
  const later = reader(view("PROCESSING"), bad, view("COMPLETED"));
  assert.equal((await pollJobCompletion(later, "199", { clock })).status, "COMPLETED");
  const first = reader(bad, view("COMPLETED"));
  assert.equal(await failure(pollJobCompletion(first, "199", { clock })), bad);
});

Deno.test("an API that stays down ends at the deadline, the last failure kept", async () => {
  const down = apiError("fluent-unavailable");
  const error = await failure(
    pollJobCompletion(reader(down), "199", { timeout: 60_000, clock: new VirtualClock() }),
  );
  assert(error instanceof PollDeadlineError);
  assert.equal(
    error.message,
    "Fluent job 199 has not finished within 60 s: no status could be read (Cannot read Fluent job 199: " +
      "fluent-unavailable); it goes on at Fluent, poll again",
  );
  assert.equal(error.cause, down);
});

Deno.test("what polling again cannot cure ends it at once", async () => {
  const forbidden = apiError("fluent-forbidden");
  const client = reader(view("PROCESSING"), forbidden);
  assert.equal(await failure(pollJobCompletion(client, "199", { clock: new VirtualClock() })), forbidden);
  assert.equal(client.polls, 2);
});

Deno.test("a FAILED job is an error that carries its status", async () => {
  const status: FluentJobStatus = {
    ...view("FAILED", 4),
    errorSummary: {
      totalErrors: 100,
      errorTypes: { "404": 100 },
      message: "100 of 100 rows refused: 100 with 404",
    },
  };
  const error = await failure(pollJobCompletion(reader(status), "199", { clock: new VirtualClock() }));
  assert(error instanceof FluentJobFailedError);
  assert.equal(error.message, "Fluent job 199 failed: 100 of 100 rows refused: 100 with 404");
  assert.deepEqual([error.code, error.retry, error.status], ["fluent-job-failed", "never", status]);
});

Deno.test("intervals and timeouts that would spin or never end are refused", async () => {
  const client = reader(view("PROCESSING"));
  for (const options of [{ interval: 0 }, { interval: -5 }, { interval: NaN }, { interval: Infinity }]) {
    assert(await failure(pollJobCompletion(client, "199", options)) instanceof ConfigError);
  }
  for (const timeout of [-1, NaN, Infinity]) {
    assert(await failure(pollJobCompletion(client, "199", { timeout })) instanceof ConfigError);
  }
  assert.equal(client.polls, 0);
});

Deno.test("an aborted signal ends polling with its reason, also in a pause", async () => {
  const reason = new Error("stop");
  const before = reader(view("PROCESSING"));
  assert.equal(
    await failure(pollJobCompletion(before, "199", { signal: AbortSignal.abort(reason) })),
    reason,
  );
  assert.equal(before.polls, 0);

  const controller = new AbortController();
  const clock = new VirtualClock();
  const client = reader(view("PROCESSING"));
  const call = pollJobCompletion(client, "199", {
    clock,
    signal: controller.signal,
    onProgress: () => queueMicrotask(() => controller.abort(reason)),
  });
  assert.equal(await failure(call), reason);
  assert.equal(client.polls, 1);
  await clock.sleep(0); // lets the clock finish its turn
});
