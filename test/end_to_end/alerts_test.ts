import assert from "node:assert/strict";
import { withSite } from "./connector.ts";

/** The platform's log lines of one message, as their fields. */
function told(log: string): Record<string, unknown>[] {
  return log.split("\n").filter((line) => line.includes('"alert told"'))
    .map((line) => JSON.parse(line).fields);
}

Deno.test("a held file raises one issue, however often its job is looked at, and its release another", async () => {
  await withSite({}, async (site) => {
    await site.put("empty.csv", "sku,location,qty\n");
    const process = await site.connect();
    await site.fireSchedule(process);
    await site.until("the issue is raised", () => told(process.log()).length > 0 ? true : undefined);
    await site.fireSchedule(process);
    await site.put("again.csv", "sku,location,qty\nA,L,1\n");
    await site.fireSchedule(process);
    await site.until(
      "the second file is done",
      async () =>
        (await site.keys("inventory/archive/")).some((key) => key.endsWith("again.csv")) ? true : undefined,
    );
    assert.deepEqual(told(process.log()).map(({ sink, title, file }) => ({ sink, title, file })), [{
      sink: "issue",
      title: "Inventory feed 'inventory': files are held for a decision",
      file: "inventory/incoming/empty.csv",
    }]);
    // Forced, it is sent (it has no rows), so that nothing is held any more.
    await site.call(process, "inventory-adhoc", {
      key: "inventory/incoming/empty.csv",
      force: "no stock today",
    });
    await site.until("its end is told", () => told(process.log()).length > 1 ? true : undefined);
    assert.equal(told(process.log())[1]?.["title"], "Inventory feed 'inventory': no file is held any more");
  });
});
