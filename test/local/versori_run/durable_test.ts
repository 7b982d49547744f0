import assert from "node:assert/strict";
import { durable, fn, MemoryInterpreter, webhook, workflow, type WorkflowMessage } from "@versori/run";
import { configurePlatform, type LocalPlatform, localPlatform, type PlatformEvent } from "@versori/run/local";
import { call, json, startPlatform, testConfig, until, withPlatform, withTempDir } from "./_platform.ts";

type Settled = Extract<PlatformEvent, { type: "messageSettled" }>;

/** A webhook that starts the durable workflow `work` with the body as `{ data?, maxAttempts? }`. */
const starter = webhook("start").then(
  fn<{ data?: unknown; maxAttempts?: number }, { id: string; executionId: string; activationId: string }>(
    "start",
    async ({ data, start, executionId, activation }) => {
      const { id } = await start("work", data);
      return { id, executionId, activationId: activation.id };
    },
  ),
);

async function startWork(
  platform: LocalPlatform,
  options: { data?: unknown; maxAttempts?: number } = {},
  path = "/start",
) {
  const answer = await call(platform, path, json(options));
  assert.equal(answer.status, 200, answer.text);
  return answer.json() as { id: string; executionId: string; activationId: string };
}

/** The outcomes of attempts, in order. */
function outcomes(platform: LocalPlatform): Settled["outcome"][] {
  const seen: Settled["outcome"][] = [];
  platform.subscribe((event) => event.type === "messageSettled" && seen.push(event.outcome));
  return seen;
}

Deno.test("a started workflow runs with the starter's data, execution and activation, and completes with its output", async () => {
  const seen: unknown[] = [];
  const work = workflow("work").then(({ data, executionId, activation, workflow: message, request }) => {
    seen.push({ data, executionId, activationId: activation.id, message, request: request() });
    return { sum: 3 };
  });
  await withPlatform([starter, work], { users: { ann: {} } }, async (platform) => {
    const settled = outcomes(platform);
    const started = await startWork(platform, { data: { a: 1 } }, "/start/users/ann");
    await platform.waitForIdle();
    const [run] = seen as [
      { data: unknown; executionId: string; activationId: string; message: WorkflowMessage },
    ];
    assert.deepEqual(run.data, { a: 1 });
    assert.deepEqual([run.executionId, run.activationId], [started.executionId, started.activationId]);
    assert.equal(run.message.id, started.id);
    assert.equal(run.message.group, "work");
    assert.equal(run.message.status, "locked");
    assert.deepEqual([run.message.attempt, run.message.maxAttempts], [1, 10]);
    assert.equal(atob(run.message.payload), '{"a":1}');
    assert.ok(Date.parse(run.message.timeout) - Date.parse(run.message.createdAt) >= 30_000);
    const message = platform.queue.get(started.id)!;
    assert.equal(message.status, "completed");
    assert.equal(atob(message.output!), '{"sum":3}');
    assert.deepEqual(settled, ["completed"]);
    assert.equal(platform.queue.list().length, 1);
  });
});

Deno.test("a throw is repeated until maxAttempts, then the message is failed; the start's maxAttempts wins", async () => {
  const attempts: number[] = [];
  const work = workflow("work", { maxAttempts: 7 }).then(({ workflow: message }) => {
    attempts.push(message!.attempt);
    throw new Error(`broken ${message!.attempt}`);
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const settled = outcomes(platform);
    const { id } = await startWork(platform, { maxAttempts: 3 });
    await platform.waitForIdle();
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(settled, ["retried", "retried", "failed"]);
    const message = platform.queue.get(id)!;
    assert.deepEqual([message.status, message.lastError], ["failed", "broken 3"]);
    const second = await startWork(platform);
    await platform.waitForIdle();
    assert.equal(platform.queue.get(second.id)!.maxAttempts, 7);
    assert.equal(attempts.length, 10);
  });
});

Deno.test("a catch that returns turns failure into completion, one that rethrows leads to a retry", async () => {
  let runs = 0;
  const work = workflow("work").then(() => {
    throw new Error("broken");
  }).catch(({ data }) => {
    if (++runs === 1) throw data;
    return "swallowed";
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const settled = outcomes(platform);
    const { id } = await startWork(platform);
    await platform.waitForIdle();
    assert.deepEqual(settled, ["retried", "completed"]);
    assert.equal(atob(platform.queue.get(id)!.output!), '"swallowed"');
  });
});

Deno.test("a reschedule makes the message due later; returning afterwards does not complete it, throwing does not fail it", async () => {
  let runs = 0;
  const work = workflow("work").then(async ({ workflow: message, workflowClient }) => {
    runs++;
    const { rescheduleWorkflow } = workflowClient();
    if (runs <= 2) await rescheduleWorkflow(message!, "10ms");
    if (runs === 2) throw new Error("after the reschedule");
    return runs;
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const settled = outcomes(platform);
    const { id } = await startWork(platform);
    await platform.waitForIdle();
    assert.deepEqual(settled, ["rescheduled", "rescheduled", "completed"]);
    assert.equal(atob(platform.queue.get(id)!.output!), "3");
    assert.equal(platform.queue.get(id)!.attempt, 3);
  });
});

Deno.test("whether a reschedule uses up an attempt is an option", async (t) => {
  for (const rescheduleConsumesAttempt of [true, false]) {
    await t.step(String(rescheduleConsumesAttempt), async () => {
      let runs = 0;
      const work = workflow("work", { maxAttempts: 3 }).then(
        async ({ workflow: message, workflowClient }) => {
          if (++runs < 6) await workflowClient().rescheduleWorkflow(message!, "1ms");
          return message!.attempt;
        },
      );
      await withPlatform([starter, work], { options: { rescheduleConsumesAttempt } }, async (platform) => {
        const { id } = await startWork(platform);
        await platform.waitForIdle();
        const message = platform.queue.get(id)!;
        assert.equal(runs, rescheduleConsumesAttempt ? 3 : 6);
        assert.equal(message.status, rescheduleConsumesAttempt ? "failed" : "completed");
        if (rescheduleConsumesAttempt) assert.match(message.lastError!, /attempts used up \(3\)/);
        else assert.equal(atob(message.output!), "1");
      });
    });
  }
});

Deno.test("completeWorkflow is terminal, whatever the attempt does afterwards", async () => {
  const errors: string[] = [];
  const work = workflow("work").then(async ({ data, workflow: message, workflowClient }) => {
    const { completeWorkflow, rescheduleWorkflow } = workflowClient();
    await completeWorkflow(message!, data as "completed" | "failed", { by: "hand" });
    await rescheduleWorkflow(message!, "1s").catch((error) => errors.push(error.message));
    if (data === "completed") throw new Error("too late");
    return "too late";
  });
  await withPlatform([starter, work], {}, async (platform) => {
    for (const status of ["completed", "failed"]) {
      const { id } = await startWork(platform, { data: status });
      await platform.waitForIdle();
      const message = platform.queue.get(id)!;
      assert.deepEqual([message.status, atob(message.output!), message.attempt], [
        status,
        '{"by":"hand"}',
        1,
      ]);
    }
    assert.match(errors[0]!, /Cannot reschedule the durable workflow '.*': it is completed already/);
  });
});

Deno.test("limit bounds the instances that run at once", async () => {
  for (const limitScope of ["process", "environment"] as const) {
    let running = 0, most = 0;
    const release = Promise.withResolvers<void>();
    const work = workflow("work", { limit: 2 }).then(async () => {
      most = Math.max(most, ++running);
      await release.promise;
      running--;
    });
    await withPlatform([starter, work], { options: { limitScope } }, async (platform) => {
      const settled = outcomes(platform);
      for (let n = 0; n < 5; n++) await startWork(platform);
      await until("two run", () => running === 2);
      assert.equal(platform.queue.list().filter((message) => message.status === "locked").length, 2);
      release.resolve();
      await platform.waitForIdle();
      assert.equal(most, 2);
      assert.equal(settled.length, 5);
    });
  }
});

Deno.test("an attempt beyond its ttl goes on beside its redelivery, and its late result changes nothing", async () => {
  const release = Promise.withResolvers<void>();
  const late: string[] = [];
  const work = workflow("work", { ttl: 0.03 }).then(async ({ workflow: message, workflowClient, openKv }) => {
    if (message!.attempt > 1) return "second";
    // A stalled process: the redelivery is due together with the attempt's own timer.
    for (const end = Date.now() + 600; Date.now() < end;);
    await release.promise;
    await openKv(":workspace:").set("test/late", "first attempt wrote");
    await workflowClient().rescheduleWorkflow(message!, "1s").catch((error) => late.push(error.message));
    return "first";
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const settled = outcomes(platform);
    const { id } = await startWork(platform);
    await until("the second attempt has completed", () => settled.length === 1);
    release.resolve();
    await until("the first attempt has ended", () => settled.length === 2);
    assert.deepEqual(settled, ["completed", "superseded"]);
    assert.match(late[0]!, /it is completed already/);
    assert.equal(atob(platform.queue.get(id)!.output!), '"second"');
    assert.equal(await platform.openKv(":workspace:").get("test/late"), "first attempt wrote");
  });
});

Deno.test("a superseded attempt cannot settle the message of the attempt that took over", async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const errors: string[] = [];
  const work = workflow("work", { ttl: 0.05 }).then(async ({ workflow: message, workflowClient }) => {
    const { rescheduleWorkflow, completeWorkflow } = workflowClient();
    if (message!.attempt === 1) {
      await first.promise;
      for (const action of [rescheduleWorkflow(message!, "1s"), completeWorkflow(message!, "failed", {})]) {
        await action.catch((error) => errors.push(error.message));
      }
      second.resolve();
      throw new Error("first");
    }
    if (message!.attempt === 2) {
      first.resolve();
      await second.promise;
    }
    return `attempt ${message!.attempt}`;
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const { id } = await startWork(platform);
    await platform.waitForIdle();
    const message = platform.queue.get(id)!;
    assert.equal(message.status, "completed");
    assert.match(atob(message.output!), /attempt [23]/);
    assert.equal(errors.length, 2);
    for (const error of errors) {
      assert.match(error, /a later attempt has taken it over|it is completed already/);
    }
  });
});

Deno.test("with timedOutAttemptKeepsRunning off, an attempt beyond its ttl reaches nothing any more", async () => {
  const release = Promise.withResolvers<void>();
  const seen: string[] = [];
  const work = workflow("work", { ttl: 0.5 }).then(async ({ workflow: message, openKv }) => {
    if (message!.attempt > 1) return "second";
    await release.promise;
    await openKv(":workspace:").set("test/late", 1).catch((error) => seen.push(error.message));
  }).then(({ data }) => {
    seen.push(`next task: ${data}`);
    return data;
  });
  await withPlatform(
    [starter, work],
    { options: { timedOutAttemptKeepsRunning: false } },
    async (platform) => {
      const settled = outcomes(platform);
      await startWork(platform);
      await until("the second attempt has completed", () => settled.includes("completed"));
      release.resolve();
      await platform.waitForIdle();
      assert.deepEqual(settled, ["completed", "abandoned"]);
      assert.deepEqual(seen, ["next task: second", "The attempt of 'work' exceeded its ttl"]);
      assert.equal(await platform.openKv(":workspace:").get("test/late"), undefined);
    },
  );
});

Deno.test("attempts that never end in time are used up too", async () => {
  const release = Promise.withResolvers<void>();
  let runs = 0;
  const work = workflow("work", { ttl: 0.01, maxAttempts: 2 }).then(() => {
    runs++;
    return release.promise;
  });
  await withPlatform([starter, work], {}, async (platform) => {
    const { id } = await startWork(platform);
    await platform.waitForIdle({ group: "work" });
    release.resolve();
    assert.deepEqual([runs, platform.queue.get(id)!.status], [2, "failed"]);
    assert.match(
      platform.queue.get(id)!.lastError!,
      /attempts used up \(2\): its last attempt did not end in time/,
    );
  });
});

Deno.test("children inherit the execution and name their parent; the starter can wait for their output", async () => {
  const seen: WorkflowMessage[] = [];
  const child = workflow("child").then(({ data, workflow: message }) => {
    seen.push(message!);
    return { doubled: (data as number) * 2 };
  });
  const parent = workflow("work").then(async ({ start }) => {
    const started = await start("child", { data: 21 });
    const before = [started.isCompleted, started.isWaiting];
    await started.wait();
    return { before, after: [started.isCompleted, started.isWaiting], output: await started.getData() };
  });
  await withPlatform([starter, parent, child], {}, async (platform) => {
    const { id, executionId } = await startWork(platform);
    await platform.waitForIdle();
    assert.deepEqual(JSON.parse(atob(platform.queue.get(id)!.output!)), {
      before: [false, true],
      after: [true, false],
      output: { doubled: 42 },
    });
    assert.equal(seen[0]!.metadata.executionId, executionId);
    assert.equal(seen[0]!.metadata.parentWorkflowId, id);
  });
});

Deno.test("AsyncWorkflow.wait gives up after its time, and an unfinished output is an error", async () => {
  const release = Promise.withResolvers<void>();
  const work = workflow("work").then(() => release.promise);
  const hook = webhook("hook").then(async ({ start }) => {
    const started = await start("work", { dataRaw: btoa("not json") });
    await started.wait(1);
    return { completed: started.isCompleted, error: await started.getData().catch((error) => error.message) };
  });
  await withPlatform([hook, work], {}, async (platform) => {
    const answer = (await call(platform, "/hook")).json() as { completed: boolean; error: string };
    release.resolve();
    assert.equal(answer.completed, false);
    assert.match(answer.error, /is not completed yet/);
  });
});

Deno.test("a start that cannot work is refused", async () => {
  const errors = webhook("errors").then(async ({ start, workflowClient }) => {
    const message = (error: Error) => error.message;
    const { getWorkflowById, rescheduleWorkflow } = workflowClient();
    return [
      await start("nothing").catch(message),
      await start("work", { data: 1, dataRaw: "MQ==" }).catch(message),
      await start("work", { maxAttempts: 0 }).catch(message),
      await start("work", { data: "x".repeat(100) }).catch(message),
      await start("work", { data: 1n }).catch(message),
      await getWorkflowById("nothing").catch(message),
      await rescheduleWorkflow({ id: "nothing" } as WorkflowMessage, "soon").catch(message),
    ];
  });
  const work = workflow("work").then(() => 1);
  await withPlatform([errors, work], { options: { payloadLimitBytes: 50 } }, async (platform) => {
    const expected = [
      /no durable workflow of that id is registered/,
      /exclude each other/,
      /maxAttempts must be a positive whole number/,
      /102 bytes, allowed are 50/,
      /JSON cannot carry it/,
      /There is no durable workflow 'nothing'/,
      /Cannot read the delay "soon"/,
    ];
    const found = (await call(platform, "/errors")).json() as string[];
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern);
    assert.deepEqual(platform.queue.list(), []);
  });
});

Deno.test("what was waiting when the platform stopped is worked on after the next start", async () => {
  await withTempDir(async (dir) => {
    const before = await startPlatform(dir, [starter, workflow("work").then(() => "old code")], {
      roles: { worker: false },
    });
    const { id } = await startWork(before, { data: 5 });
    await before.stop();
    const after = await startPlatform(dir, [starter, workflow("work").then(({ data }) => ({ new: data }))]);
    await after.waitForIdle();
    assert.equal(atob(after.queue.get(id)!.output!), '{"new":5}');
    await after.stop();
  });
});

Deno.test("an abandoned platform's messages are delivered again: at their ttl, or at once where dead workers are reclaimed", async (t) => {
  for (const reclaimDeadWorkers of [true, false]) {
    await t.step(reclaimDeadWorkers ? "reclaimed" : "ttl", () =>
      withTempDir(async (dir) => {
        const entered = Promise.withResolvers<void>();
        const release = Promise.withResolvers<void>();
        let lateWrite = "";
        const hanging = workflow("work", { ttl: reclaimDeadWorkers ? 3600 : 0.2 }).then(
          async ({ openKv }) => {
            entered.resolve();
            await release.promise;
            await openKv(":workspace:").set("test/late", 1).catch((error) => lateWrite = error.message);
          },
        );
        const before = await startPlatform(dir, [starter, hanging]);
        const { id } = await startWork(before);
        await entered.promise;
        await before.abandon();

        const options = { reclaimDeadWorkers, heartbeatMs: 10 };
        const after = await startPlatform(dir, [starter, workflow("work").then(() => "again")], { options });
        await after.waitForIdle();
        release.resolve();
        await until("the abandoned attempt has tried to write", () => lateWrite !== "");
        const message = after.queue.get(id)!;
        assert.deepEqual([message.attempt, atob(message.output!)], [2, '"again"']);
        assert.equal(lateWrite, "The local platform was abandoned");
        assert.equal(await after.openKv(":workspace:").get("test/late"), undefined);
        await after.stop();
      }));
  }
});

Deno.test("stop waits for running attempts, up to its limit", async () => {
  await withTempDir(async (dir) => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const work = workflow("work").then(async () => {
      entered.resolve();
      await release.promise;
      return "in time";
    });
    const platform = await startPlatform(dir, [starter, work]);
    const { id } = await startWork(platform);
    await entered.promise;
    const stopped = platform.stop();
    release.resolve();
    await stopped;

    const never = workflow("work").then(() => new Promise(() => {}));
    const second = await startPlatform(dir, [starter, never], { options: { stopTimeoutMs: 10 } });
    assert.equal(second.queue.get(id)!.status, "completed");
    const stuck = await startWork(second);
    await until("it is locked", () => second.queue.get(stuck.id)!.status === "locked");
    await second.stop();
    const third = await startPlatform(dir, [starter], { roles: { worker: false } });
    assert.equal(third.queue.get(stuck.id)!.status, "locked");
    await third.stop();
  });
});

Deno.test("registering is checked: ids are taken once, before the start, and durable workflows need their interpreter", async () => {
  await withTempDir(async (dir) => {
    configurePlatform(testConfig(dir));
    const interpreter = await durable.DurableInterpreter.newInstance();
    interpreter.register(starter);
    assert.throws(() => interpreter.register(starter), /the id is registered already/);
    assert.throws(
      () => interpreter.register({} as typeof starter),
      /expected a schedule, webhook or workflow/,
    );
    const memory = await MemoryInterpreter.newInstance();
    assert.throws(() => memory.register(workflow("work").then(() => 1)), /need the DurableInterpreter/);
    for (const unstarted of [interpreter, memory]) await localPlatform(unstarted).stop();
  });
});
