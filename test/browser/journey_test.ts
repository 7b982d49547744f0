import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { withSite } from "../end_to_end/connector.ts";
import { browserTest, violations, watchedPage } from "./_chromium.ts";

/** Two rows Fluent doesn't know yet, one that is no number, one that a spreadsheet and a browser would run. */
const FILE = [
  "sku,location,qty",
  ...Array.from({ length: 400 }, (_, i) => `SKU-${i},LOC-1,${i}`),
  "NEW-1,LOC-1,11",
  "NEW-2,LOC-1,22",
  "BAD-1,LOC-1,N/A",
  `"=HYPERLINK(""http://evil.example"")<script>alert(1)</script>",LOC-1,oops`,
].join("\n") + "\n";

browserTest(
  "filter, open a job, read timeline and counts, download rejects, replay failed rows, watch the new job finish",
  async (browser) => {
    const unknown = new Set(["NEW-1", "NEW-2"]);
    await withSite({ isUnknown: ({ skuRef }) => unknown.has(skuRef) }, async (site) => {
      await site.put("stock-today.csv", FILE);
      await site.put("stock-empty.csv", "sku,location,qty\n");
      const process = await site.connect();
      await site.fireSchedule(process);
      await site.until("both files have ended", async () => {
        const reports = await site.keys("inventory/reports/");
        return reports.filter((key) => key.endsWith("summary.json")).length === 2 &&
            (await site.keys("inventory/archive/")).length === 1
          ? true
          : undefined;
      });
      const address = `${process.url}/jobs-dashboard`;
      const context = await browser.newContext({
        acceptDownloads: true,
        httpCredentials: { username: "ana", password: site.secrets.pagePassword },
      });
      const { page, complaints } = await watchedPage(context, process.url);
      const main = () => page.locator("main").innerText();

      // Filter.
      await page.goto(address);
      assert.deepEqual(await violations(page), []);
      await page.getByLabel("Status").selectOption("completed_with_errors");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/status=completed_with_errors/);
      const jobs = page.locator("#jobs tbody tr");
      await jobs.first().waitFor();
      assert.equal(await jobs.count(), 1);

      // Open the job; read its timeline and its counts.
      await page.getByRole("link", { name: "stock-today.csv" }).click();
      await page.getByRole("heading", { name: "stock-today.csv" }).waitFor();
      assert.deepEqual(await violations(page), []);
      const job = new URL(page.url()).searchParams.get("job");
      const text = await main();
      assert.match(text, /404 = 402 \+ 2 \+ 0 \+ 0/);
      assert.match(text, /402 = 400 \+ 2 \+ 0/);
      const events = (await page.locator("ol.time li b").allInnerTexts()).map((event) => event.trim());
      assert.deepEqual([events[0], events.at(-1)], ["Queued", "Completed with errors"]);
      for (const stage of ["Inspect", "Deliver", "Confirm"]) assert.ok(events.includes(stage), stage);

      // Search the rows; what they hold is text.
      await page.getByLabel("Text").fill("hyperlink");
      await page.getByRole("button", { name: "Search" }).click();
      await page.waitForURL(/q=hyperlink/);
      assert.match(await page.locator("#rejects tbody").innerText(), /<script>alert\(1\)<\/script>/);
      assert.equal(await page.locator("#rejects tbody tr").count(), 1);

      // Download the rejects; a spreadsheet won't run what is in them.
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: "rejects.csv" }).click(),
      ]);
      assert.equal(download.suggestedFilename(), "stock-today-rejects.csv");
      const csv = await readFile(await download.path(), "utf8");
      assert.match(csv, /^\uFEFF?sku,location,qty,_line,_outcome,_code,_reason\r\n/);
      assert.match(csv, /"'=HYPERLINK\(""http:\/\/evil\.example""\)/);
      assert.match(csv, /NEW-1,LOC-1,11,402,failed,fluent-404,/);

      // Replay the failed rows, which Fluent knows by now, and watch the new job finish without reading anew.
      unknown.clear();
      await page.getByRole("link", { name: "Replay failed rows…" }).click();
      assert.deepEqual(await violations(page), []);
      await page.getByRole("button", { name: "Replay failed rows" }).click();
      await page.waitForURL(/done=replay-failed/);
      const replay = new URL(page.url()).searchParams.get("job");
      assert.notEqual(replay, job);
      await page.locator("#state").getByText(/Completed$/).waitFor();
      assert.match(await main(), /2 = 2 \+ 0 \+ 0/);
      assert.match(await main(), new RegExp(`Replays failed rows of\\s+${job}`));
      const stock = site.fluent.stock();
      const skus = ["NEW-1", "NEW-2", "SKU-7"];
      assert.deepEqual(skus.map((sku) => stock.get(`${sku}\u0000LOC-1`)), [11, 22, 7]);

      // Explain a figure: the replayed row is why Fluent has it.
      await page.goto(`${address}?explain=1`);
      await page.getByLabel("SKU").fill("NEW-1");
      await page.getByLabel("Location").fill("LOC-1");
      await page.getByRole("button", { name: "Explain" }).click();
      await page.waitForURL(/sku=NEW-1/);
      assert.match(await main(), /Fluent has 11 because of line 2/);
      assert.match(await main(), /stock-today\.csv, line 402 failed/);
      assert.deepEqual(await violations(page), []);

      // The held file says why, and is released with a reason.
      await page.goto(`${address}?status=held`);
      await page.getByRole("link", { name: "stock-empty.csv" }).click();
      await page.getByRole("link", { name: "Release held file…" }).click();
      await page.getByLabel("Reason, for the job's record").fill("Closed for stocktaking");
      await page.getByRole("button", { name: "Release held file" }).click();
      await page.waitForURL(/done=release/);
      await page.locator("#state").getByText(/Completed$/).waitFor();
      await page.getByText("by page, ana: Closed for stocktaking").waitFor();
      assert.deepEqual(complaints, []);
    });
  },
);

browserTest(
  "nobody gets in without user and password, and no other site's form gets through",
  async (browser) => {
    await withSite({}, async (site) => {
      const process = await site.connect();
      const address = `${process.url}/jobs-dashboard`;
      for (const init of [{}, { method: "POST", body: "token=x" }, { method: "DELETE" }]) {
        const answer = await fetch(address, init);
        assert.equal(answer.status, 401);
        assert.doesNotMatch(await answer.text(), /<html/);
      }
      const wrong = await fetch(address, { headers: { authorization: `Basic ${btoa("ana:wrong")}` } });
      assert.equal(wrong.status, 403);
      await wrong.body?.cancel();

      // A page of another origin sends the form a signed-in browser could send.
      const evil = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () =>
        new Response(
          `<form method="post" action="${address}?job=job-1&action=cancel"><input name="token" value="x"><button>Go</button></form>`,
          { headers: { "content-type": "text/html" } },
        ));
      try {
        const context = await browser.newContext({
          httpCredentials: { username: "ana", password: site.secrets.pagePassword },
        });
        const page = await context.newPage();
        await page.goto(address);
        await page.goto(`http://localhost:${evil.addr.port}/`);
        const [answer] = await Promise.all([
          page.waitForResponse((response) =>
            response.request().method() === "POST" && response.status() !== 401
          ),
          page.getByRole("button").click(),
        ]);
        assert.equal(answer.status(), 403);
        assert.match(await page.locator("main").innerText(), /not sent from this page/);
      } finally {
        await evil.shutdown();
      }
    });
  },
);
