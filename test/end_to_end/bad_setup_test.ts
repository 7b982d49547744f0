import assert from "node:assert/strict";
import { type ConnectorProcess, Site, withSite } from "./connector.ts";

const FILE = "sku,location,qty\nA,L,1\n";

/** Runs the one file there is, and gives its job's reason for failing. */
async function failureOf(site: Site, process: ConnectorProcess): Promise<string> {
  const { status, body } = await site.call(process, "inventory-adhoc", {});
  assert.equal(status, 202, JSON.stringify(body));
  const [file] = body["files"] as { jobId: string }[];
  const job = await site.untilJob(process, file!.jobId, ["failed"]);
  assert.ok(!("errorStack" in job), "no stack leaves");
  return String(job["error"]);
}

/** Asks for files, and gives the reason why none can be taken. */
async function refusalOf(site: Site, process: ConnectorProcess): Promise<string> {
  const { status, body } = await site.call(process, "inventory-adhoc", {});
  assert.ok(status >= 500, String(status));
  assert.equal((await site.fireSchedule(process)).status, 500);
  return String(body["detail"]);
}

function assertOneLine(message: string, ...patterns: RegExp[]): void {
  assert.ok(!message.includes("\n"), message);
  for (const pattern of patterns) assert.match(message, pattern);
  for (const secret of ["tester-secret", "wrong-secret", "local-client-secret", "local-password"]) {
    assert.ok(!message.includes(secret), message);
  }
}

Deno.test("wrong Fluent credentials fail the job with one line on what to do; the file stays", async () => {
  await withSite({}, async (site) => {
    site.fluentSecret = "wrong-secret";
    await site.put("stock.csv", FILE);
    const process = await site.connect();
    assertOneLine(await failureOf(site, process), /Fluent|fluent_commerce/, /401|credentials|token/i);
    assert.deepEqual(await site.keys("inventory/incoming/"), ["inventory/incoming/stock.csv"]);
    assert.ok(!process.log().includes("wrong-secret"));
  });
});

Deno.test("a Fluent server that cannot be reached fails the job with one line; the file stays", async () => {
  await withSite({}, async (site) => {
    site.fluentUrl = "http://127.0.0.1:9";
    site.variables["stallTimeoutMinutes"] = 0.1;
    await site.put("stock.csv", FILE);
    const process = await site.connect();
    assertOneLine(await failureOf(site, process), /127\.0\.0\.1:9|fluent/i);
    assert.deepEqual(await site.keys("inventory/incoming/"), ["inventory/incoming/stock.csv"]);
  });
});

Deno.test("a wrong mapping file fails the job with one line", async () => {
  await withSite({}, async (site) => {
    site.variables["mapping"] = "no-such-mapping";
    await site.put("stock.csv", FILE);
    assertOneLine(await failureOf(site, await site.connect()), /mapping 'no-such-mapping'/, /no such file/);
    assert.deepEqual(await site.keys("inventory/incoming/"), ["inventory/incoming/stock.csv"]);
  });
});

Deno.test("wrong S3 credentials, a missing bucket and a missing variable are each one line", async () => {
  await withSite({}, async (site) => {
    site.s3Keys = { accessKeyId: "stranger", secretAccessKey: "wrong-secret" };
    const stranger = await site.connect();
    assertOneLine(await refusalOf(site, stranger), /S3|s3/, /access key|credentials/i);
    await stranger.kill();
    site.s3Keys = { accessKeyId: "tester", secretAccessKey: "tester-secret" };

    site.variables["s3BucketName"] = "no-such-bucket";
    const bucketless = await site.connect();
    assertOneLine(await refusalOf(site, bucketless), /no-such-bucket/, /bucket/);
    await bucketless.kill();
    site.variables["s3BucketName"] = "stock";

    delete site.variables["fluentRetailerId"];
    assertOneLine(await refusalOf(site, await site.connect()), /variable 'fluentRetailerId' is missing/);
  });
});
