import assert from "node:assert/strict";
import { type ActivationPredicate, schedule, workflow } from "@versori/run";
import { VirtualClock } from "../../virtual_clock.ts";
import { startPlatform, until, withMemoryPlatform, withPlatform, withTempDir } from "./_platform.ts";

Deno.test("firing a schedule is an HTTP call that answers when its run has ended", async () => {
  const seen: unknown[] = [];
  const tick = schedule("tick", "0 2 * * *").then(({ data, request, activation }) => {
    seen.push(data, request(), activation.user.externalId);
  });
  const failing = schedule("failing", "0 2 * * *").then(() => Promise.reject(new Error("no luck")));
  await withMemoryPlatform([tick, failing], { roles: { scheduler: false } }, async (platform) => {
    const answer = await platform.fireSchedule("tick");
    assert.equal(answer.status, 200);
    assert.deepEqual(seen, [{}, undefined, "static"]);
    const failed = await platform.fireSchedule("failing");
    assert.equal(failed.status, 500);
    assert.deepEqual((failed.body as { runs: { error: string }[] }).runs.map((run) => run.error), [
      "no luck",
    ]);
    await assert.rejects(platform.fireSchedule("nothing"), /There is no schedule 'nothing'/);
  });
});

Deno.test("the predicate chooses the activations: none = the static user, 'all', or a function", async (t) => {
  const cases: [string, ActivationPredicate | undefined, boolean, string[]][] = [
    ["none", undefined, true, ["static"]],
    ["all", "all", true, ["ann", "bob", "static"]],
    ["all without the static user", "all", false, ["ann", "bob"]],
    ["function", (activation) => activation?.getVariable("on") === true, true, ["bob"]],
  ];
  for (const [name, predicate, scheduleAllIncludesStaticUser, expected] of cases) {
    await t.step(name, async () => {
      const seen: string[] = [];
      const tick = schedule("tick", "0 2 * * *", predicate).then(({ activation, executionId }) => {
        seen.push(activation.user.externalId);
        return executionId;
      });
      const config = {
        roles: { scheduler: false },
        users: { ann: {}, bob: { variables: { on: true } } },
        options: { scheduleAllIncludesStaticUser },
      };
      await withMemoryPlatform([tick], config, async (platform) => {
        const { body } = await platform.fireSchedule("tick");
        assert.deepEqual(seen.sort(), expected);
        const runs = (body as { runs: { executionId: string }[] }).runs;
        assert.equal(new Set(runs.map((run) => run.executionId)).size, expected.length);
      });
    });
  }
});

Deno.test("activations of a tick run side by side, or one after the other by option", async () => {
  for (const scheduleActivations of ["concurrent", "sequential"] as const) {
    let running = 0, most = 0;
    const tick = schedule("tick", "0 2 * * *", "all").then(async ({ openKv }) => {
      most = Math.max(most, ++running);
      for (let n = 0; n < 5; n++) await openKv(":project:").get("test/x");
      running--;
    });
    const config = {
      roles: { scheduler: false },
      users: { ann: {}, bob: {} },
      options: { scheduleActivations },
    };
    await withMemoryPlatform([tick], config, async (platform) => {
      assert.equal((await platform.fireSchedule("tick")).status, 200);
      assert.equal(most, scheduleActivations === "concurrent" ? 3 : 1);
    });
  }
});

Deno.test("a schedule that exceeds its limit is answered 504 while its code goes on", async () => {
  const release = Promise.withResolvers<void>();
  let ended = false;
  const tick = schedule("tick", "0 2 * * *").then(async () => {
    await release.promise;
    ended = true;
  });
  const config = { roles: { scheduler: false }, options: { triggerTimeoutMs: 20 } };
  await withMemoryPlatform([tick], config, async (platform) => {
    assert.equal((await platform.fireSchedule("tick")).status, 504);
    assert.equal(ended, false);
    release.resolve();
    await platform.waitForIdle();
    assert.equal(ended, true);
  });
});

/** A clock that stands still until told; sleepers wake when their time has come. */
class SteppedClock {
  #now: number;
  #sleepers: { due: number; wake: () => void }[] = [];
  constructor(start: string) {
    this.#now = Date.parse(start);
  }
  now = () => this.#now;
  sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#sleepers.push({ due: this.#now + ms, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  to(time: string): void {
    this.#now = Date.parse(time);
    const due = this.#sleepers.filter((sleeper) => sleeper.due <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.due > this.#now);
    for (const { wake } of due) wake();
  }
}

Deno.test("ticks come at the pattern's times in UTC, and overlap unless the option skips", async () => {
  for (const scheduleOverlap of ["allowed", "skipped"] as const) {
    const clock = new SteppedClock("2026-03-29T00:30:00Z"); // the night clocks change in Europe
    const release = Promise.withResolvers<void>();
    const starts: string[] = [];
    const tick = schedule("tick", "0 2 * * *").then(async ({ startTime }) => {
      starts.push(startTime.toISOString());
      await release.promise;
    });
    await withMemoryPlatform([tick], { clock, options: { scheduleOverlap } }, async (platform) => {
      clock.to("2026-03-29T01:59:59Z");
      assert.deepEqual(starts, []);
      clock.to("2026-03-29T02:00:00Z");
      await until("the first tick runs", () => starts.length === 1);
      clock.to("2026-03-30T02:00:00Z");
      if (scheduleOverlap === "allowed") await until("the second tick runs", () => starts.length === 2);
      release.resolve();
      await platform.stop();
      assert.deepEqual(
        starts,
        ["2026-03-29T02:00:00.000Z", ...(scheduleOverlap === "allowed" ? ["2026-03-30T02:00:00.000Z"] : [])],
      );
    });
  }
});

Deno.test("a failed tick is called again only by option", async () => {
  for (const scheduleRetries of [0, 2]) {
    const clock = new SteppedClock("2026-01-01T00:00:30Z");
    let runs = 0;
    let fired = 0;
    const tick = schedule("tick", "* * * * *").then(() => {
      runs++;
      throw new Error("no luck");
    });
    const onEvent = (event: { type: string }) => event.type === "scheduleFired" && fired++;
    await withMemoryPlatform([tick], { clock, onEvent, options: { scheduleRetries } }, async () => {
      clock.to("2026-01-01T00:01:00Z");
      await until("all calls are answered", () => fired === 1 + scheduleRetries);
    });
    assert.equal(runs, 1 + scheduleRetries);
  }
});

Deno.test("ticks missed while nothing ran are not made up for, or by one run with the option", async () => {
  for (const scheduleCatchUp of ["none", "last"] as const) {
    await withTempDir(async (dir) => {
      const clock = new SteppedClock("2026-01-01T00:00:00Z");
      let runs = 0;
      const tick = schedule("tick", "0 2 * * *").then(() => void runs++);
      const config = { clock, options: { scheduleCatchUp }, roles: { worker: false } };
      await (await startPlatform(dir, [tick], config)).stop();
      clock.to("2026-01-04T12:00:00Z");
      const platform = await startPlatform(dir, [tick], config);
      if (scheduleCatchUp === "last") await until("the missed tick runs", () => runs === 1);
      await platform.stop();
      assert.equal(runs, scheduleCatchUp === "last" ? 1 : 0);
    });
  }
});

Deno.test("of two schedulers on one state folder only one calls a tick", async () => {
  await withTempDir(async (dir) => {
    const clock = new SteppedClock("2026-01-01T00:00:30Z");
    let runs = 0;
    const tick = schedule("tick", "* * * * *").then(() => void runs++);
    const config = { clock, roles: { worker: false } };
    const platforms = [await startPlatform(dir, [tick], config), await startPlatform(dir, [tick], config)];
    for (const minute of [1, 2, 3]) {
      clock.to(`2026-01-01T00:0${minute}:00Z`);
      await until("the tick runs", () => runs >= minute);
    }
    for (const platform of platforms) await platform.stop();
    assert.equal(runs, 3);
  });
});

Deno.test("in virtual time a durable workflow that sleeps by rescheduling itself takes no real time", async () => {
  const clock = new VirtualClock();
  const starts: number[] = [];
  const tick = schedule("tick", "0 2 * * *").then(async ({ start }) => {
    await start("work", { maxAttempts: 100 });
  });
  const work = workflow("work").then(async ({ workflow: message, workflowClient, startTime }) => {
    starts.push(startTime.getTime());
    if (starts.length < 3) await workflowClient().rescheduleWorkflow(message!, "1h");
  });
  const options = { queuePollMs: 60_000, heartbeatMs: 600_000, triggerTimeoutMs: 86_400_000 };
  await withPlatform([tick, work], { clock, roles: { scheduler: false }, options }, async (platform) => {
    await platform.fireSchedule("tick");
    await platform.waitForIdle();
    assert.equal(starts.length, 3);
    assert.ok(starts[2]! - starts[0]! >= 2 * 3_600_000);
  });
});
