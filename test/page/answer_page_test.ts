import assert from "node:assert/strict";
import { FormTokens, isSameOrigin, pageHeaders } from "../../lib/page/mod.ts";
import { Demo, demo, HOSTILE, NOW } from "./_demo.ts";

type Answer = Awaited<ReturnType<Demo["call"]>>;

function htmlOf(answer: Answer, status = 200): string {
  assert.equal(answer.kind, "html");
  if (answer.kind !== "html") return "";
  assert.equal(answer.status, status);
  return answer.html;
}

/** The text a reader sees, tags and their attributes left out. */
function textOf(html: string): string {
  return html.replace(/<(style|script)[\s\S]*?<\/\1>/g, "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ")
    .replaceAll("&#39;", "'").replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

/** The links of a page, as they stand in it. */
function linksOf(html: string): string[] {
  return [...html.matchAll(/href="([^"]*)"/g)].map(([, link]) => link!.replaceAll("&amp;", "&"));
}

Deno.test("the list shows what runs, the totals of the days, and the newest jobs, in less than 60 kB", async () => {
  const { demo: shop } = await demo();
  const html = htmlOf(await shop.call("?"));
  assert.ok(new TextEncoder().encode(html).length < 60_000, `${html.length} characters`);
  const text = textOf(html);
  assert.match(text, /Running now stock-full\.csv .*Processing .*66 of 200 batches sent/);
  assert.match(text, /21 jobs in 14 days/);
  assert.match(text, /1 files held/);
  assert.match(text, /stock-returns\.csv .*Failed .*the user may not create jobs/);
});

Deno.test("a full page of jobs with long names stays below 60 kB, and leads to the older ones", async () => {
  const shop = new Demo();
  for (let i = 0; i < 60; i++) {
    await shop.tell({
      name: `warehouse-${i}-${"very-long-name-".repeat(6)}.csv`,
      status: "completed_with_errors",
      rows: {
        confirmed: 123_456,
        rejected: 7_890,
        failed: 1_234,
        superseded: 55,
        unchanged: 66,
        unconfirmed: 7,
      },
    });
  }
  const first = htmlOf(await shop.call("?days=31"));
  assert.ok(new TextEncoder().encode(first).length < 60_000, `${first.length} characters`);
  const seen = new Set<string>();
  let address = "?";
  for (let pages = 0; address !== ""; pages++) {
    assert.ok(pages < 5);
    const html = htmlOf(await shop.call(address));
    for (const link of linksOf(html)) {
      const job = new URLSearchParams(link).get("job");
      if (job) seen.add(job);
    }
    address = linksOf(html).find((link) => link.includes("cursor=")) ?? "";
  }
  assert.equal(seen.size, 60);
});

Deno.test("filters stand in the address, and in the form", async () => {
  const { demo: shop, jobs } = await demo();
  const html = htmlOf(await shop.call("?status=held&q=EMPTY"));
  assert.deepEqual(
    [...new Set(linksOf(html).flatMap((link) => new URLSearchParams(link).get("job") ?? []))].sort(),
    [
      jobs.held,
      jobs.running,
    ].sort(),
  );
  assert.match(html, /<option value="held" selected="">/);
  assert.match(html, /name="q" value="EMPTY"/);
  const none = textOf(htmlOf(await shop.call("?file=unknown.csv&feed=&trigger=&from=&to=")));
  assert.match(none, /No job fits/);
  const byDay = htmlOf(await shop.call("?from=2026-01-19&to=2026-01-19"));
  assert.match(textOf(byDay), /stock-full-2026-01-19\.csv/);
  assert.doesNotMatch(textOf(byDay), /stock-full-2026-01-18\.csv/);
});

Deno.test("the part that changes is asked for without counting days", async () => {
  const { demo: shop } = await demo();
  const lists: string[] = [];
  shop.memory.before = (operation, key) => {
    if (operation === "list") lists.push(key.join("/"));
  };
  const html = htmlOf(await shop.call("?part=live"));
  assert.match(html, /id="running"/);
  assert.match(html, /id="jobs"/);
  assert.doesNotMatch(html, /Rows per day/);
  assert.ok(lists.length <= 6, lists.join(" "));
});

Deno.test("a job's counts are shown as sums that add up", async () => {
  const { demo: shop, jobs } = await demo();
  const text = textOf(htmlOf(await shop.call(`?job=${jobs.errors}`)));
  assert.match(text, /41,553 read = 41,195 sendable \+ 46 rejected \+ 312 superseded \+ 0 unchanged/);
  assert.match(text, /✓ 41,553 = 41,195 \+ 46 \+ 312 \+ 0/);
  assert.match(text, /✓ 41,195 = 41,180 \+ 15 \+ 0/);
});

Deno.test("counts that don't add up are not made to look as if they did", async () => {
  const { demo: shop, jobs } = await demo();
  const job = await shop.tracker.getJob(jobs.errors);
  assert.ok(job);
  const broken = {
    ...job,
    details: { ...job.details, rows: { ...(job.details["rows"] as object), read: 50_000 } },
  };
  await shop.kv.set(["jobs", jobs.errors], broken);
  const text = textOf(htmlOf(await shop.call(`?job=${jobs.errors}`)));
  assert.match(text, /✕ 50,000 is not 41,195 \+ 46 \+ 312 \+ 0 = 41,553/);
});

Deno.test("a job's timeline tells its stages and events in order", async () => {
  const { demo: shop, jobs } = await demo();
  const text = textOf(htmlOf(await shop.call(`?job=${jobs.errors}`)));
  assert.match(
    text,
    /Timeline .*Queued .*Inspect .*Deliver .*Confirm .*Report .*Archive .*Completed with errors/,
  );
});

Deno.test("a failed and a held job say why, and what to do", async () => {
  const { demo: shop, jobs } = await demo();
  assert.match(
    textOf(htmlOf(await shop.call(`?job=${jobs.failed}`))),
    /Fluent answered 403 .*What to do: Remove the cause the message names/,
  );
  assert.match(
    textOf(htmlOf(await shop.call(`?job=${jobs.held}`))),
    /no rows.*What to do: Correct the file and send it again, or release it/,
  );
});

Deno.test("values like formulas and like HTML are text on the page", async () => {
  const { demo: shop, jobs } = await demo();
  const html = htmlOf(await shop.call(`?job=${jobs.errors}`));
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert.ok(html.includes("&lt;img src=x onerror=alert(1)&gt;"));
  assert.ok(!html.includes("<img"));
  assert.ok(!html.includes(HOSTILE.raw));
  assert.equal([...html.matchAll(/<script/g)].length, 0, "a job that is over needs no script");
  const search = htmlOf(
    await shop.call(`?job=${jobs.errors}&q=${encodeURIComponent(`"><script>alert(2)</script>`)}`),
  );
  assert.ok(!search.includes("<script>alert(2)"));
  const list = htmlOf(await shop.call(`?q=${encodeURIComponent(`"><script>alert(3)</script>`)}`));
  assert.ok(!list.includes("<script>alert(3)"));
  assert.ok(htmlOf(await shop.call("?")).includes("stock-corrections &lt;b&gt;&amp;.csv"));
});

Deno.test("rows are searched, filtered and paged", async () => {
  const { demo: shop, jobs } = await demo();
  const all = htmlOf(await shop.call(`?job=${jobs.errors}`));
  const next = linksOf(all).find((link) => link.includes("cursor="));
  assert.match(textOf(htmlOf(await shop.call(next!.replace(/#.*/, "")))), /SKU-10059/);
  const found = textOf(htmlOf(await shop.call(`?job=${jobs.errors}&outcome=failed&q=SKU-10003`)));
  assert.match(found, /Fluent knows no product/);
  assert.doesNotMatch(found, /SKU-10007/);
});

Deno.test("nothing on a page comes from another host, and nothing runs but its own script", async () => {
  const { demo: shop, jobs } = await demo();
  for (
    const address of [
      "?",
      `?job=${jobs.errors}`,
      `?job=${jobs.held}&action=release`,
      "?explain=1",
      "?job=nope",
    ]
  ) {
    const answer = await shop.call(address);
    assert.equal(answer.kind, "html");
    if (answer.kind !== "html") return;
    assert.doesNotMatch(answer.html, /(src|href|action)="(https?:)?\/\//, address);
    assert.doesNotMatch(answer.html, / style="| on[a-z]+="/, "inline styles and handlers would be refused");
    const policy = pageHeaders(answer)["content-security-policy"]!;
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+';/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  }
});

Deno.test("an action is asked about first, and done once it is confirmed", async () => {
  const { demo: shop, jobs } = await demo();
  const job = htmlOf(await shop.call(`?job=${jobs.errors}`));
  assert.ok(linksOf(job).includes(`?job=${jobs.errors}&action=replay-failed`));
  const asked = htmlOf(await shop.call(`?job=${jobs.errors}&action=replay-failed`));
  assert.deepEqual(shop.acted, []);
  const token = /name="token" value="([^"]+)"/.exec(asked)?.[1] ?? "";
  const answer = await shop.call(`?job=${jobs.errors}&action=replay-failed`, {
    method: "POST",
    body: new URLSearchParams({ token }).toString(),
  });
  assert.deepEqual(answer, { kind: "redirect", to: `?job=${jobs.errors}&done=replay-failed` });
  assert.deepEqual(shop.acted, [{
    jobId: jobs.errors,
    action: "replay-failed",
    by: "page, ana",
    reason: undefined,
  }]);
});

Deno.test("a release wants a reason", async () => {
  const { demo: shop, jobs } = await demo();
  const address = `?job=${jobs.held}&action=release`;
  const tokenOf = (html: string) => /name="token" value="([^"]+)"/.exec(html)?.[1] ?? "";
  const token = tokenOf(htmlOf(await shop.call(address)));
  const form = (fields: Record<string, string>) => ({
    method: "POST",
    body: new URLSearchParams(fields).toString(),
  });
  assert.match(textOf(htmlOf(await shop.call(address, form({ token, reason: "  " })), 403)), /Give a reason/);
  assert.deepEqual(shop.acted, []);
  await shop.call(address, form({ token, reason: "Closed for stocktaking" }));
  assert.equal(JSON.parse(JSON.stringify(shop.acted))[0].reason, "Closed for stocktaking");
});

Deno.test("a form without its own token does nothing: none, another action's, another job's, another person's", async () => {
  const { demo: shop, jobs } = await demo();
  const tokens = new FormTokens(shop.kv, shop.clock);
  const address = `?job=${jobs.errors}&action=replay`;
  for (
    const token of [
      "",
      "x.y",
      await tokens.give(["cancel", jobs.errors, "ana"]),
      await tokens.give(["replay", jobs.held, "ana"]),
      await tokens.give(["replay", jobs.errors, "bob"]),
    ]
  ) {
    const body = new URLSearchParams({ token }).toString();
    htmlOf(await shop.call(address, { method: "POST", body }), 403);
  }
  const old = await tokens.give(["replay", jobs.errors, "ana"]);
  shop.clock.advance(31 * 60_000);
  htmlOf(
    await shop.call(address, { method: "POST", body: new URLSearchParams({ token: old }).toString() }),
    403,
  );
  assert.deepEqual(shop.acted, []);
});

Deno.test("a form that a browser sends from elsewhere is refused, whatever it brings", async () => {
  const { demo: shop, jobs } = await demo();
  const token = await new FormTokens(shop.kv, shop.clock).give(["replay", jobs.errors, "ana"]);
  const body = new URLSearchParams({ token }).toString();
  const authorization = `Basic ${btoa("ana:secret")}`;
  for (
    const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { host: "shop.example", origin: "https://evil.example" },
      { host: "shop.example", origin: "null" },
    ]
  ) {
    const call = { method: "POST", body, headers: { authorization, ...headers } };
    htmlOf(await shop.call(`?job=${jobs.errors}&action=replay`, call), 403);
  }
  assert.deepEqual(shop.acted, []);
  const headers = { host: "inner", "x-forwarded-host": "shop.example", origin: "https://shop.example" };
  assert.ok(isSameOrigin({ method: "POST", headers, query: {}, body: "" }));
});

for (
  const [address, status, says] of [
    ["?job=nope", 404, /There is no job 'nope'/],
    ["?job=../../etc", 400, /Cannot use this job id/],
    ["?job=%00", 400, /Cannot use this job id/],
    ["?status=perhaps", 400, /at 'status'/],
    ["?from=yesterday", 400, /at 'from'/],
    ["?cursor=nonsense", 400, /cursor/i],
    ["?days=999999", 400, /at 'days'/],
    ["?job=job-000001&action=drop", 400, /not understood/],
    ["?job=job-000001&download=../secret", 400, /not understood/],
    ["?explain=1&sku=A&location=L&at=now", 400, /at 'at'/],
  ] as const
) {
  Deno.test(`a wrong address is refused as a page: ${address}`, async () => {
    const { demo: shop } = await demo();
    assert.match(textOf(htmlOf(await shop.call(address), status)), says);
  });
}

Deno.test("other methods are refused", async () => {
  const { demo: shop } = await demo();
  for (const method of ["PUT", "DELETE", "PATCH"]) htmlOf(await shop.call("?", { method }), 405);
});

Deno.test("reports are downloaded under a harmless name, when there are any", async () => {
  const { demo: shop, jobs } = await demo();
  const answer = await shop.call(`?job=${jobs.errors}&download=rejects.csv`);
  assert.deepEqual(answer, {
    kind: "download",
    key: `inventory/reports/stock-corrections <b>&.csv/${jobs.errors}/rejects.csv`,
    contentType: "text/csv; charset=utf-8",
    name: "stock-corrections <b>&-rejects.csv",
  });
  assert.equal(
    pageHeaders(answer)["content-disposition"],
    'attachment; filename="stock-corrections__b__-rejects.csv"',
  );
  assert.match(
    textOf(htmlOf(await shop.call(`?job=${jobs.running}&download=rejects.csv`), 404)),
    /at the end/,
  );
});

Deno.test("a store that doesn't answer is a page too, and a bug is told to the log only", async () => {
  const { demo: shop } = await demo();
  shop.memory.before = () => {
    throw new Error("no connection to 10.0.0.7");
  };
  const html = textOf(htmlOf(await shop.call("?"), 503));
  assert.match(html, /state store/);
  shop.memory.before = () => {};
  const { answerPage } = await import("../../lib/page/mod.ts");
  const seen: unknown[] = [];
  const ports = { ...shop.ports, job: () => Promise.reject(new TypeError("undefined is not a function")) };
  const call = { method: "GET", headers: {}, query: { job: "job-1" }, body: "" };
  const text = textOf(htmlOf(await answerPage(call, ports, (error) => void seen.push(error)), 500));
  assert.doesNotMatch(text, /undefined/);
  assert.equal(seen.length, 1);
});

Deno.test("a figure is explained", async () => {
  const { demo: shop } = await demo();
  const text = textOf(htmlOf(await shop.call("?explain=1&sku=SKU-9&location=LON-01")));
  assert.match(
    text,
    /Fluent has 40 because .*stock-full\.csv , line 812 .*this is the figure.*Batch 4, at Fluent 4712/,
  );
  assert.equal(shop.clock.now(), NOW);
});
