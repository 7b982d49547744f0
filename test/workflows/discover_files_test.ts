import assert from "node:assert/strict";
import { rowsOf, Site } from "./_site.ts";

Deno.test("a trigger without the time to look answers at once, and a durable run takes every file", async () => {
  await using site = await Site.open({ discoverSeconds: 0.001, sliceSeconds: 1 });
  const { stack } = site;
  const names = Array.from({ length: 3 }, (_, i) => `f${i}.csv`);
  for (const name of names) {
    await stack.store.uploadFile(`${stack.settings.s3Prefix}${name}`, rowsOf(names.indexOf(name) + 1));
  }
  const { status, body } = await site.post("inventory-adhoc", { reference: "ticket 7" });
  assert.equal(status, 202);
  assert.equal(body.complete, false);
  assert.equal(body.continues, true);
  let jobs: { fileName: string; status: string; reference: string; trigger: string }[] = [];
  for (let look = 0; look < 600; look++) {
    ({ body: { jobs } } = await site.call("job-history?limit=50"));
    if (jobs.length === 3 && jobs.every((job) => job.status === "completed")) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(jobs.length, 3, "one job each");
  assert.ok(jobs.every((job) => job.status === "completed"), JSON.stringify(jobs));
  assert.ok(jobs.every((job) => job.reference === "ticket 7"), "it goes on with what was asked for");
  assert.equal(site.fluent.stock().size, 3);
});
