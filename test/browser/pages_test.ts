import assert from "node:assert/strict";
import { join } from "node:path";
import { pageHeaders } from "../../lib/page/mod.ts";
import { type Demo, demo, type DemoJobs } from "../page/_demo.ts";
import { browserTest, violations, watchedPage } from "./_chromium.ts";

/** The demo behind a server, as the webhook's answers would come. */
async function withDemo(body: (url: string, shop: Demo, jobs: DemoJobs) => Promise<void>): Promise<void> {
  const { demo: shop, jobs } = await demo();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { search } = new URL(request.url);
    const headers = Object.fromEntries(request.headers);
    const answer = await shop.call(search || "?", {
      method: request.method,
      headers: { ...headers, authorization: `Basic ${btoa("ana:secret")}` },
      body: await request.text(),
    });
    const init = { headers: pageHeaders(answer) };
    if (answer.kind === "html") return new Response(answer.html, { ...init, status: answer.status });
    return answer.kind === "redirect"
      ? new Response(null, { ...init, status: 303 })
      : new Response("line\r\n1\r\n", init);
  });
  try {
    await body(`http://127.0.0.1:${server.addr.port}/jobs-dashboard`, shop, jobs);
  } finally {
    await server.shutdown();
  }
}

/** Every page there is, by name. */
function pagesOf(jobs: DemoJobs): Record<string, string> {
  return {
    "list": "?",
    "list-filtered": "?status=held&q=empty",
    "list-empty": "?file=unknown.csv",
    "job-errors": `?job=${jobs.errors}`,
    "job-failed": `?job=${jobs.failed}`,
    "job-held": `?job=${jobs.held}`,
    "job-running": `?job=${jobs.running}`,
    "job-search": `?job=${jobs.errors}&q=SKU-10003&outcome=failed`,
    "confirm": `?job=${jobs.errors}&action=replay-failed`,
    "confirm-reason": `?job=${jobs.held}&action=release`,
    "explain": "?explain=1",
    "explained": "?explain=1&sku=SKU-9&location=LON-01",
    "not-found": "?job=nope",
  };
}

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(`axe-core finds no violation on any page, in ${colorScheme}`, async (browser) => {
    await withDemo(async (url, _shop, jobs) => {
      const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
      const { page, complaints } = await watchedPage(context, new URL(url).origin);
      const folder = Deno.env.get("SCREENSHOTS");
      for (const [name, address] of Object.entries(pagesOf(jobs))) {
        await page.goto(url + address);
        for (const closed of await page.locator("summary").all()) await closed.click();
        assert.deepEqual(await violations(page), [], name);
        if (folder) {
          await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: true });
        }
      }
      assert.deepEqual(complaints.filter((text) => !/status of 404/.test(text)), []);
    });
  });
}

browserTest(
  "axe-core finds no violation on a phone, and nothing is wider than its screen",
  async (browser) => {
    await withDemo(async (url, _shop, jobs) => {
      const context = await browser.newContext({ viewport: { width: 390, height: 800 } });
      const { page } = await watchedPage(context, new URL(url).origin);
      const folder = Deno.env.get("SCREENSHOTS");
      for (const [name, address] of Object.entries(pagesOf(jobs))) {
        await page.goto(url + address);
        assert.deepEqual(await violations(page), [], name);
        const wide = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert.ok(Number(wide) <= 0, `${name} is ${wide} px too wide`);
        if (folder) await page.screenshot({ path: join(folder, `${name}-phone.png`), fullPage: true });
      }
    });
  },
);

browserTest("the pages are read and acted on without scripts", async (browser) => {
  await withDemo(async (url, shop, jobs) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const { page } = await watchedPage(context, new URL(url).origin);
    await page.goto(url);
    await page.getByRole("link", { name: "stock-corrections <b>&.csv" }).click();
    assert.match(await page.locator("main").innerText(), /41,553 = 41,195 \+ 46 \+ 312 \+ 0/);
    await page.getByRole("link", { name: "Replay failed rows…" }).click();
    await page.getByRole("button", { name: "Replay failed rows" }).click();
    assert.match(await page.locator("main").innerText(), /This job replays the rows that failed/);
    assert.equal(shop.acted.length, 1);
    assert.equal(new URL(page.url()).searchParams.get("job"), jobs.errors);
  });
});

browserTest("the keyboard is enough: skip link, filter, open a job, confirm", async (browser) => {
  await withDemo(async (url, shop, jobs) => {
    const { page } = await watchedPage(await browser.newContext(), new URL(url).origin);
    const focused = () => page.evaluate("document.activeElement.textContent.trim()");
    await page.goto(url);
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to content");
    await page.getByLabel("Text").focus();
    await page.keyboard.type("empty");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=empty/);
    const job = page.getByRole("link", { name: "stock-empty.csv" });
    await job.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`job=${jobs.held}`));
    await page.getByRole("link", { name: "Release held file…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Reason, for the job's record").focus();
    await page.keyboard.type("Closed for stocktaking");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Release held file");
    await page.keyboard.press("Enter");
    await page.waitForURL(/done=release/);
    assert.equal(shop.acted.length, 1);
  });
});

browserTest("a running job's progress moves without reading the page again", async (browser) => {
  await withDemo(async (url, shop, jobs) => {
    const { page, complaints } = await watchedPage(await browser.newContext(), new URL(url).origin);
    await page.goto(`${url}?job=${jobs.running}`);
    assert.match(await page.locator("#state").innerText(), /66 of 200 batches sent/);
    await shop.tracker.updateJob(jobs.running, {
      stage: "deliver",
      details: { batches: { total: 200, sent: 150, resent: 0 } },
    });
    await page.getByText("150 of 200 batches sent").first().waitFor();
    await shop.tracker.markCompleted(jobs.running, {}, { message: "50000 of 50000 rows confirmed" });
    await page.locator("#state").getByText(/Completed$/).waitFor();
    await page.getByRole("link", { name: "Replay whole file…" }).waitFor();
    assert.deepEqual(complaints, []);
  });
});

browserTest("what a file's cells hold never runs", async (browser) => {
  await withDemo(async (url, _shop, jobs) => {
    const { page, complaints } = await watchedPage(await browser.newContext(), new URL(url).origin);
    let dialogs = 0;
    page.on("dialog", (dialog) => {
      dialogs++;
      return dialog.dismiss();
    });
    await page.goto(`${url}?job=${jobs.errors}`);
    assert.match(await page.locator("#rejects").innerText(), /<script>alert\(1\)<\/script>/);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(dialogs, 0);
    assert.deepEqual(complaints, []);
  });
});
