import assert from "node:assert/strict";
import { startFluentServer } from "../../../local/fluent/mod.ts";
import { VirtualClock } from "../../virtual_clock.ts";
import { Caller, entity, withFolder } from "./_client.ts";

Deno.test("a server started on the same folder knows tokens, jobs, batches, failures and stock", () =>
  withFolder(async (stateDir) => {
    const clock = new VirtualClock();
    const first = await startFluentServer({ stateDir, clock, unknownSkus: ["NO"], pendingMs: 50 });
    const caller = await new Caller(first.url).logIn();
    const jobId = await caller.job();
    const early = await caller.accepted(jobId, [entity("S", "L", 1), entity("NO", "L", 1)]);
    clock.advance(50);
    assert.equal(first.stock().size, 1);
    const late = await caller.accepted(jobId, [entity("S", "L", 2)]);
    const before = { jobs: first.jobs(), batches: first.batches() };
    await first.stop();

    // Other options than before: what is decided stays decided.
    const second = await startFluentServer({ stateDir, clock });
    const returning = caller.at(second.url);
    try {
      assert.deepEqual({ jobs: second.jobs(), batches: second.batches() }, before);
      assert.equal((await returning.api("GET", `/job/${jobId}/batch/${late}`)).json.status, "PENDING");
      const { json } = await returning.api("GET", `/job/${jobId}/batch/${early}`);
      assert.deepEqual(json.results.map((r: { responseCode: number }) => r.responseCode), [200, 404]);
      assert.equal(second.stock().get("S\u0000L"), 1);
      clock.advance(50);
      assert.equal(second.stock().get("S\u0000L"), 2);
      assert.notEqual(await returning.job(), jobId);
    } finally {
      await second.stop();
    }
  }));

Deno.test("a process killed right after its answer has kept the batch", () =>
  withFolder(async (stateDir) => {
    const door = new URL("../../../local/fluent/mod.ts", import.meta.url).href;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-lock",
        `import { startFluentServer } from ${JSON.stringify(door)};
         const server = await startFluentServer({ stateDir: ${JSON.stringify(stateDir)} });
         console.log(server.port);`,
      ],
      cwd: new URL("../../../", import.meta.url).pathname,
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = Number((await output.read()).value);
    const caller = await new Caller(`http://127.0.0.1:${port}`).logIn();
    const jobId = await caller.job();
    for (let i = 0; i < 20; i++) await caller.accepted(jobId, [entity(`S${i}`, "L", i)]);
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();

    const server = await startFluentServer({ stateDir });
    try {
      assert.equal(server.batches(jobId).length, 20);
      assert.equal(server.stock().size, 20);
    } finally {
      await server.stop();
    }
  }));

Deno.test("a server whose port is taken says so", async () => {
  const server = await startFluentServer();
  try {
    await assert.rejects(startFluentServer({ port: server.port }), {
      message: new RegExp(`^Cannot start the Fluent server on 127\\.0\\.0\\.1:${server.port}: `),
    });
  } finally {
    await server.stop();
  }
});
