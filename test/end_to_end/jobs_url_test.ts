import assert from "node:assert/strict";
import { createServer } from "node:net";
import { json, run } from "../local/cli/_commands.ts";
import { withSite } from "./connector.ts";

/** A URL at which nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return `http://127.0.0.1:${address.port}`;
}

Deno.test("every command of jobs works against a running environment, with JSON and exit codes", async (t) => {
  const unknown = new Set(["NEW-1"]);
  await withSite({ retailerId: 1, isUnknown: ({ skuRef }) => unknown.has(skuRef) }, async (site) => {
    const environment = await site.connect();
    const env = { INVENTORY_API_KEY: site.secrets.apiKey };
    const jobs = (args: string[], more = env) =>
      run(["jobs", "--url", `${environment.url}/`, ...args], { ...more });
    const asJson = async (code: number, ...args: string[]) => {
      const ran = await jobs([...args, "--json"]);
      assert.equal(ran.code, code, `${args.join(" ")}: ${ran.err}`);
      return json(ran.out);
    };
    const rows = Array.from({ length: 40 }, (_, i) => `S-${i},L-1,${i}`);
    await site.put("stock.csv", ["sku,location,qty", ...rows, "S-40,L-1,many", "NEW-1,L-1,7"].join("\n"));
    await site.put("empty.csv", "sku,location,qty\n");
    await site.fireSchedule(environment);
    const listed = await asJson(0, "list", "--file", "stock.csv");
    const jobId = String(listed.jobs[0].jobId);
    await site.untilJob(environment, jobId, ["completed_with_errors"]);
    const heldId = String((await asJson(0, "list", "--file", "empty.csv")).jobs[0].jobId);
    await site.untilJob(environment, heldId, ["held"]);

    await t.step("list: filters, pages and a table", async () => {
      const first = await asJson(0, "list", "--limit", "1");
      const second = await asJson(0, "list", "--limit", "1", "--cursor", first.nextCursor);
      assert.deepEqual([first.jobs[0].jobId, second.jobs[0].jobId].sort(), [jobId, heldId].sort());
      assert.deepEqual((await asJson(0, "list", "--status", "held", "--trigger", "schedule")).jobs.length, 1);
      assert.deepEqual((await asJson(0, "list", "--day", "2020-01-01")).jobs, []);
      const table = await jobs(["list"]);
      assert.match(table.out, new RegExp(`completed_with_errors .*stock\\.csv .*${jobId}`));
      assert.equal((await jobs(["list", "--status", "great"])).code, 2);
    });

    await t.step("show and watch end with how the job stands", async () => {
      assert.equal((await asJson(3, "show", jobId)).rows.confirmed, 40);
      assert.equal((await asJson(3, "watch", jobId)).status, "completed_with_errors");
      assert.match((await jobs(["show", heldId])).out, /Next: Send a complete file/);
      assert.equal((await asJson(4, "watch", heldId)).status, "held");
    });

    await t.step("rows: by outcome and text, page by page", async () => {
      const page = await asJson(0, "rows", jobId, "--limit", "1");
      assert.equal(page.rows[0].line, 42);
      const next = await asJson(0, "rows", jobId, "--limit", "1", "--cursor", page.nextCursor);
      assert.deepEqual([next.rows[0].outcome, next.rows[0].line], ["failed", 43]);
      assert.deepEqual((await asJson(0, "rows", jobId, "--text", "nothing")).rows, []);
      assert.match((await jobs(["rows", jobId, "--outcome", "failed"])).out, /43 .*failed .*NEW-1,L-1,7/);
    });

    await t.step("payload: the bytes of a batch", async () => {
      const shown = await jobs(["payload", jobId, "0"]);
      assert.equal(shown.code, 0, shown.err);
      assert.match(shown.err, /^41 rows, lines 2 to 43; settled, Fluent job \d+, batch \d+/);
      assert.equal(JSON.parse(shown.out).entities.length, 41);
      assert.equal((await asJson(0, "payload", jobId, "0")).body, shown.out);
      assert.equal((await jobs(["payload", jobId, "9"])).code, 1);
      assert.equal((await jobs(["payload", jobId, "x"])).code, 2);
    });

    await t.step("explain: why Fluent has a figure", async () => {
      const told = await asJson(0, "explain", "--sku", "S-3", "--location", "L-1");
      assert.deepEqual([told.figure.line, told.figure.entity.qty, told.complete], [5, 3, true]);
      const failed = await jobs(["explain", "--sku", "NEW-1", "--location", "L-1"]);
      assert.match(failed.out, /line 43 of '.*stock\.csv' was refused by Fluent/);
      assert.equal((await jobs(["explain", "--sku", "S-3"])).code, 2);
    });

    await t.step("replay: the failed rows, then the whole file; asked under one key, once", async () => {
      unknown.clear();
      const again = await asJson(0, "replay", jobId, "--failed", "--key", "ticket-1");
      assert.deepEqual(again.rows, { failed: 1, unconfirmed: 0, leftOut: 0 });
      assert.equal((await asJson(0, "replay", jobId, "--failed", "--key", "ticket-1")).jobId, again.jobId);
      assert.equal((await jobs(["watch", again.jobId])).code, 0);
      const whole = await jobs(["replay", jobId, "--reason", "to be sure"]);
      assert.match(whole.out, new RegExp(`^replay of ${jobId} accepted: job job-`));
      const id = /job (job-\S+)\s*$/.exec(whole.out)![1]!;
      assert.equal((await asJson(3, "watch", id)).rows.confirmed, 41);
      assert.equal((await jobs(["replay", heldId, "--failed"])).code, 1);
    });

    await t.step("release and cancel: what can be done, and what can't any more", async () => {
      assert.equal((await asJson(0, "release", heldId, "--reason", "an empty shop")).jobId, heldId);
      assert.equal((await jobs(["watch", heldId])).code, 0);
      assert.equal((await asJson(0, "release", heldId)).decision, "already");
      const over = await jobs(["cancel", heldId]);
      assert.equal(over.code, 1);
      assert.match(over.err, /^error: Cannot cancel job '.*': it has ended as 'completed'/);
      site.fluent.setFaults([{ match: { path: "/api/" }, kind: "status", status: 503 }]);
      await site.put("slow.csv", ["sku,location,qty", ...rows].join("\n"));
      await site.fireSchedule(environment);
      const slow = String((await asJson(0, "list", "--file", "slow.csv")).jobs[0].jobId);
      assert.equal((await asJson(0, "cancel", slow)).decision, "accepted");
      assert.equal((await asJson(1, "watch", slow)).status, "cancelled");
      assert.equal((await asJson(0, "cancel", slow)).decision, "already");
    });

    await t.step("an unknown id, a broken id, a wrong key, no key, and nobody there", async () => {
      for (
        const command of [
          ["show", "nobody"],
          ["watch", "nobody"],
          ["rows", "nobody"],
          ["payload", "nobody", "0"],
          ["replay", "nobody"],
          ["release", "nobody"],
          ["cancel", "nobody"],
        ]
      ) {
        const { code, out, err } = await jobs([...command, "--json"]);
        assert.deepEqual([code, out], [1, ""], command.join(" "));
        assert.equal(err, "error: Cannot find job 'nobody': it was never created, or it has expired\n");
      }
      assert.equal((await jobs(["show", "../x"])).code, 2);
      const wrong = await jobs(["list"], { INVENTORY_API_KEY: "wrong" });
      assert.equal(wrong.code, 2);
      assert.match(wrong.err, /^error: The key is not accepted \(40[13]\): set INVENTORY_API_KEY/);
      const none = await jobs(["list"], { INVENTORY_API_KEY: "" });
      assert.deepEqual([none.code, none.out], [2, ""]);
      const url = await deadUrl();
      const dead = await run(["jobs", "--url", url, "list", "--json"], env);
      assert.deepEqual([dead.code, dead.out], [1, ""]);
      assert.ok(dead.err.startsWith(`error: Cannot reach ${url}: `), dead.err);
      assert.ok(!dead.err.includes(site.secrets.apiKey));
    });
  });
});
