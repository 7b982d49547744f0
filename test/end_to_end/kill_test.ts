import assert from "node:assert/strict";
import type { ConnectorProcess } from "./connector.ts";
import { withSite } from "./connector.ts";

/** How often a process is killed; `deno task kills` sets 50. */
const KILLS = Number(Deno.env.get("KILLS") ?? "3");
const ROWS = Number(Deno.env.get("KILL_ROWS") ?? "60000");

function stockFile(rows: number): string {
  const lines = ["sku,location,qty"];
  for (let i = 0; i < rows; i++) lines.push(`SKU-${i},LOC-${i % 7},${i % 1_000}`);
  return lines.join("\n") + "\n";
}

/** How the file is delivered: by its own run, or by several, shared by the processes. */
const WAYS: readonly { what: string; rows: number; variables: Record<string, number> }[] = [
  { what: "by one run", rows: ROWS, variables: { sendConcurrency: 5 } },
  {
    what: "by four runs",
    rows: ROWS,
    variables: { sendConcurrency: 5, partitions: 4, partitionConcurrency: 3, partitionAboveMiB: 0 },
  },
];

for (const { what, rows, variables } of WAYS) {
  const title =
    `effectively once: ${rows} rows ${what} on two processes, of which one is killed ${KILLS} times`;
  Deno.test(title, () => deliverUnderKills(rows, variables));
}

async function deliverUnderKills(rows: number, variables: Record<string, number>): Promise<void> {
  // Slow enough to be still at work at the last kill.
  await withSite({ latencyMs: Math.max(150, KILLS * 10) }, async (site) => {
    Object.assign(site.variables, variables);
    await site.put("stock.csv", stockFile(rows));
    const processes: ConnectorProcess[] = await Promise.all([site.connect(), site.connect()]);
    await site.fireSchedule(processes[0]!);
    const { body } = await site.call(processes[1]!, "inventory-adhoc", {});
    const jobId = (body["files"] as { jobId: string }[])[0]!.jobId;
    let killed = 0;
    for (; killed < KILLS; killed++) {
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 2_000));
      const which = Math.floor(Math.random() * 2);
      const { body } = await site.call(processes[1 - which]!, "job-status", { jobId });
      if (String(body["status"]).startsWith("completed")) break;
      await processes[which]!.kill();
      processes[which] = await site.connect();
    }
    assert.equal(killed, KILLS, "the job was still at work at every kill");
    let job: Record<string, unknown> = {};
    const endsAt = Date.now() + 10 * 60_000;
    do {
      job = (await site.call(processes[0]!, "job-status", { jobId })).body;
      await new Promise((resolve) => setTimeout(resolve, 100));
    } while ((job["status"] === "queued" || job["status"] === "processing") && Date.now() < endsAt);
    assert.equal(job["status"], "completed", JSON.stringify(job));
    const details = job["details"] as { rows: Record<string, number>; archivedAs: string };
    assert.equal(details.rows["read"], rows);
    assert.equal(details.rows["confirmed"], rows);
    const stock = site.fluent.stock();
    assert.equal(stock.size, rows);
    for (let i = 0; i < rows; i++) assert.equal(stock.get(`SKU-${i}\u0000LOC-${i % 7}`), i % 1_000);
    assert.deepEqual(await site.keys("inventory/incoming/"), []);
    assert.deepEqual(await site.keys("inventory/archive/"), ["inventory/archive/stock.csv"]);
    const again = await site.call(processes[0]!, "inventory-adhoc", {});
    assert.deepEqual(again.body["files"], [], "nothing is left to be taken");
    const reports = (await site.keys("inventory/reports/")).filter((key) => key.endsWith("/summary.json"));
    assert.equal(reports.length, 1, "one job");
  });
}
