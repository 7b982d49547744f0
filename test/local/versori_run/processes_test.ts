import assert from "node:assert/strict";
import { join } from "node:path";
import { fn, webhook, workflow } from "@versori/run";
import { CONFIG_FILE_VARIABLE, type LocalPlatform, type PlatformConfig } from "@versori/run/local";
import { call, json, startPlatform, until, withTempDir } from "./_platform.ts";

const PROGRAM = new URL("./fixtures/index.ts", import.meta.url);

/** Starts the fixture as a process of its own, configured by a file. */
async function spawn(dir: string, name: string, config: unknown): Promise<Deno.ChildProcess> {
  const file = join(dir, `${name}.json`);
  await Deno.writeTextFile(file, JSON.stringify(config));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PROGRAM.pathname],
    env: { [CONFIG_FILE_VARIABLE]: file, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Kills the process, whatever it does, and answers what it wrote. */
async function kill(child: Deno.ChildProcess): Promise<{ stdout: string; stderr: string }> {
  child.kill("SIGKILL");
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** This process takes calls for the fixture's workflows and looks into the state, but does no work. */
async function withFrontDesk(
  body: (platform: LocalPlatform, dir: string, workers: PlatformConfig) => Promise<void>,
) {
  const start = webhook("start").then(
    fn<unknown, string>("start", async (ctx) => (await ctx.start("work", { data: ctx.data })).id),
  );
  await withTempDir(async (dir) => {
    const stateDir = join(dir, "state");
    const platform = await startPlatform(stateDir, [start, workflow("work").then(() => 1)], {
      roles: { worker: false },
    });
    try {
      await body(platform, dir, { stateDir, roles: { http: false, scheduler: false } });
    } finally {
      await platform.stop();
    }
  });
}

async function startWork(platform: LocalPlatform, data: unknown): Promise<string> {
  return (await call(platform, "/start", json(data))).json() as string;
}

/** Pids of the processes that have taken work. */
async function atWork(platform: LocalPlatform): Promise<number[]> {
  const { data } = await platform.openKv(":workspace:").list(["test", "at-work"]);
  return data.map((entry) => Number(entry.key.at(-1)));
}

Deno.test("two worker processes share one state folder: each takes its part, nothing is done twice", async () => {
  await withFrontDesk(async (platform, dir, config) => {
    const ids = [];
    for (let n = 0; n < 12; n++) ids.push(await startWork(platform, { mode: "meet", processes: 2 }));
    const workers = [await spawn(dir, "a", config), await spawn(dir, "b", config)];
    try {
      await platform.waitForIdle({ signal: AbortSignal.timeout(30_000) });
    } finally {
      await Promise.all(workers.map(kill));
    }
    const messages = ids.map((id) => platform.queue.get(id)!);
    assert.deepEqual(
      new Set(messages.map((message) => `${message.status} ${message.attempt}`)),
      new Set(["completed 1"]),
    );
    const pids = new Set(
      messages.map((message) => (JSON.parse(atob(message.output!)) as { pid: number }).pid),
    );
    assert.deepEqual(pids, new Set(workers.map((worker) => worker.pid)));
  });
});

Deno.test("the work of a killed process is delivered to another one: at once, or at its ttl without reclaiming", async (t) => {
  for (const reclaimDeadWorkers of [true, false]) {
    await t.step(
      reclaimDeadWorkers ? "at once" : "at its ttl",
      () =>
        withFrontDesk(async (platform, dir, config) => {
          const options = { reclaimDeadWorkers, heartbeatMs: 20 };
          const id = await startWork(platform, { mode: "hold" });
          const first = await spawn(dir, "first", { ...config, options });
          await until(
            "the first process is at work",
            async () => (await atWork(platform)).includes(first.pid),
          );
          await kill(first);
          const locked = platform.queue.get(id)!;
          assert.deepEqual([locked.status, locked.attempt], ["locked", 1]);

          const second = await spawn(dir, "second", { ...config, options });
          try {
            await until(
              "the second process is at work",
              async () => (await atWork(platform)).includes(second.pid),
            );
            const redeliveredAt = Date.now();
            await platform.waitForIdle({ signal: AbortSignal.timeout(30_000) });
            if (!reclaimDeadWorkers) {
              assert.ok(redeliveredAt >= Date.parse(locked.timeout));
            }
          } finally {
            const { stderr } = await kill(second);
            assert.equal(stderr.includes("Released the locks of dead worker processes"), reclaimDeadWorkers);
          }
          const message = platform.queue.get(id)!;
          assert.deepEqual([message.status, message.attempt], ["completed", 2]);
          assert.deepEqual(JSON.parse(atob(message.output!)), { pid: second.pid });
        }),
    );
  }
});

Deno.test("a plain process logs JSON to standard error, where its address is, and leaves standard output alone", async () => {
  await withTempDir(async (dir) => {
    const child = await spawn(dir, "plain", { stateDir: join(dir, "state"), port: 0 });
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) text += (await reader.read()).value;
    const entry = JSON.parse(text.split("\n")[0]!) as {
      message: string;
      severity: string;
      fields: { url: string };
    };
    assert.deepEqual([entry.message, entry.severity], ["Local platform started", "info"]);
    assert.equal(
      (await call({ url: entry.fields.url }, "/start", json({ mode: "meet", processes: 1 }))).status,
      200,
    );
    child.kill("SIGKILL");
    assert.equal(await new Response(child.stdout).text(), "");
    while (!(await reader.read()).done);
    await child.status;
  });
});

Deno.test("a process whose configuration is wrong ends with the key's name", async () => {
  await withTempDir(async (dir) => {
    const child = await spawn(dir, "wrong", {
      port: "three",
      connections: { sys: { auth: { type: "basic" } } },
    });
    const { code, stderr } = await child.output();
    const text = new TextDecoder().decode(stderr);
    assert.notEqual(code, 0);
    assert.match(text, /Cannot use the local platform's configuration \(.*wrong\.json\): port: /);
    assert.match(text, /connections\.sys\.auth\.username: /);
  });
});

Deno.test("a limit of the environment holds across workers, one of the process does not", async () => {
  for (const limitScope of ["environment", "process"] as const) {
    await withTempDir(async (dir) => {
      let running = 0, most = 0;
      const release = Promise.withResolvers<void>();
      const both = Promise.withResolvers<void>();
      const work = workflow("work", { limit: 1 }).then(async () => {
        most = Math.max(most, ++running);
        if (running === 2) both.resolve();
        await release.promise;
        running--;
      });
      const start = webhook("start").then(async (ctx) => (await ctx.start("work")).id);
      const options = { limitScope };
      const left = await startPlatform(dir, [start, work], { options });
      const right = await startPlatform(dir, [start, work], { options });
      for (let n = 0; n < 4; n++) await call(n % 2 ? left : right, "/start");
      if (limitScope === "process") await both.promise;
      else await until("one runs", () => running === 1);
      release.resolve();
      await left.waitForIdle();
      await right.waitForIdle();
      assert.equal(most, limitScope === "process" ? 2 : 1);
      await left.stop();
      await right.stop();
    });
  }
});
