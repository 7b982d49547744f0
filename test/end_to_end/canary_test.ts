import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../local/cli/_commands.ts";
import { Canaries } from "./_canaries.ts";
import { type ConnectorProcess, type Site, type SiteSecrets, withSite } from "./connector.ts";

/** Every character that encodings change is in them. */
const SECRETS = {
  s3Keys: { accessKeyId: "tester", secretAccessKey: 'canary-s3-secret+/ &="' },
  apiKey: "canary-webhook-key+/&=%",
  pagePassword: "canary-page-password+/&=%",
  fluent: {
    clientId: "LOCAL",
    clientSecret: 'canary-client-secret+/ &="ü',
    username: "local_user",
    password: 'canary-password+/ &="ü',
  },
} satisfies SiteSecrets;
const TOKEN_PREFIX = "canary-token-";
const WRONG_CLIENT_SECRET = "canary-wrong-client-secret+/&=";
const WRONG_S3_SECRET = "canary-wrong-s3-secret+/&=";
const WRONG_API_KEY = "canary-wrong-webhook-key+/&=";
const ALERT_SECRET = "canary-alert-path";
const GOOD = "sku,location,qty\nA,L,1\nB,L,2\n";

const canaries = new Canaries({
  "the S3 secret": SECRETS.s3Keys.secretAccessKey,
  "the webhook key": SECRETS.apiKey,
  "the page's password": SECRETS.pagePassword,
  "the client secret": SECRETS.fluent.clientSecret,
  "the password": SECRETS.fluent.password,
  "a token": TOKEN_PREFIX,
  "the wrong client secret": WRONG_CLIENT_SECRET,
  "the wrong S3 secret": WRONG_S3_SECRET,
  "the wrong webhook key": WRONG_API_KEY,
  "the alert hook": ALERT_SECRET,
});

Deno.test("the search finds a secret in every form it is said to find", () => {
  const search = new Canaries({ it: "canary+/ü" });
  const basic = Buffer.from("some-user:canary+/ü,").toString("base64");
  for (
    const text of [
      "x canary+/ü",
      encodeURIComponent("canary+/ü"),
      JSON.stringify("canary+/ü"),
      basic,
      Buffer.from("u:canary+/ü").toString("base64url"),
      Buffer.from("ab:canary+/ü").toString("base64"),
      Buffer.from("canary+/ü").toString("hex"),
    ]
  ) {
    assert.throws(() => search.notIn(`…${text}…`, "a text"), /it seen in a text/, text);
  }
  search.notIn("canar+/ü", "a text");
});

Deno.test("no secret is in any output, log, state, object or answer, whatever goes wrong", async () => {
  const faults = { tokenPrefix: TOKEN_PREFIX };
  await withSite(faults, async (site) => {
    site.overrides["log"] = { format: "json", level: "debug" };
    // The files are of all sizes, and have nothing to do with each other.
    site.variables["maxShrink"] = "100%";
    site.variables["alertWebhookUrl"] = `https://127.0.0.1/services/${ALERT_SECRET}`;
    site.variables["alertWebhookHosts"] = "127.0.0.1";
    const answers: string[] = [];
    const outcome = async (process: ConnectorProcess, name: string, text: string, state: string) => {
      await site.put(name, text);
      const job = await takeAll(site, process, answers);
      const ended = await site.untilJob(process, job, [state]);
      answers.push(JSON.stringify(ended));
      // What failed would be taken up again by the next look, and take its time to fail again.
      if (state === "failed") await site.store.deleteFile(`inventory/incoming/${name}`);
    };
    const logs: string[] = [];
    const end = async (process: ConnectorProcess) => {
      await process.kill();
      logs.push(process.log());
    };

    const connector = await site.connect();
    await outcome(connector, "good.csv", GOOD, "completed");
    await outcome(
      connector,
      "rejects.csv",
      `${GOOD.repeat(1)}${"C,L,3\n".repeat(40)}D,L,N/A\n`,
      "completed_with_errors",
    );
    // Fluent repeats what it was authorised with: when it refuses a batch, when it fails, and when it takes no token.
    const batch = { method: "POST", path: /\/batch$/ };
    site.fluent.setFaults([{ match: batch, kind: "echo" }]);
    await outcome(connector, "refused.csv", "sku,location,qty\nE,L,5\n", "completed_with_errors");
    site.fluent.setFaults([{ match: { path: "/api/" }, kind: "echo", status: 403 }]);
    await outcome(connector, "forbidden.csv", "sku,location,qty\nF,L,6\n", "failed");
    site.fluent.setFaults([{ match: { path: "/api/" }, kind: "echo", status: 401 }]);
    await outcome(connector, "unauthorised.csv", "sku,location,qty\nG,L,7\n", "failed");
    site.fluent.setFaults([]);
    await outcome(connector, "held.csv", "sku,location,qty\n", "held");
    answers.push(JSON.stringify(await site.call(connector, "inventory-adhoc", {}, WRONG_API_KEY)));
    answers.push(JSON.stringify(await site.call(connector, "job-status", { jobId: "no-such-job" })));
    answers.push(await (await site.fireSchedule(connector)).text());
    await end(connector);
    const taken = site.fluent.batches().length;
    assert(taken > 0);

    site.fluentSecret = WRONG_CLIENT_SECRET;
    const wrong = await site.connect();
    await outcome(wrong, "wrong-credentials.csv", "sku,location,qty\nH,L,8\n", "failed");
    await end(wrong);
    site.fluentSecret = SECRETS.fluent.clientSecret;

    const fluentUrl = site.fluentUrl;
    site.fluentUrl = "http://127.0.0.1:9";
    site.variables["stallTimeoutMinutes"] = 0.1;
    const unreachable = await site.connect();
    await outcome(unreachable, "unreachable.csv", "sku,location,qty\nI,L,9\n", "failed");
    await end(unreachable);
    site.fluentUrl = fluentUrl;

    site.s3Keys = { accessKeyId: "tester", secretAccessKey: WRONG_S3_SECRET };
    const stranger = await site.connect();
    answers.push(JSON.stringify(await site.call(stranger, "inventory-adhoc", {})));
    await end(stranger);
    assert.equal(site.fluent.batches().length, taken);

    const log = logs.join("\n");
    for (const met of [/answered 403/, /127\.0\.0\.1:9/, /refuses the signature/, /"severity":"debug"/]) {
      assert(met.test(log), String(met));
    }
    canaries.notIn(log, "the log");
    for (const answer of answers) canaries.notIn(answer, "an answer");
    const objects = new Map<string, string>();
    for (const key of await site.keys("")) objects.set(key, String(await site.store.downloadFile(key)));
    for (const [key, text] of objects) canaries.notIn(text, key);
    const report = [...objects].find(([key, text]) =>
      key.includes("refused") && text.includes("cannot take POST")
    );
    assert.match(report?.[1] ?? "", /authorization: Bearer \[redacted\]/, "the trap was set, and met");
    // The platform's configuration is where its user has written the secrets down.
    const isConfiguration = (path: string) => /platform-[^/]*\.json$/.test(path);
    const read = await canaries.notBelow(site.folder, isConfiguration);
    assert(read.files > 20 && read.cells > 100, JSON.stringify(read));
  }, SECRETS);
});

Deno.test("no secret is in what the command line prints or leaves behind", async () => {
  await withSite({ tokenPrefix: TOKEN_PREFIX }, async (site) => {
    const file = join(site.folder, "good.csv");
    await writeFile(file, "sku,location,qty\nA,L,1\nB,L,N/A\n");
    const { s3Keys, fluent } = SECRETS;
    const env = {
      AWS_ACCESS_KEY_ID: s3Keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Keys.secretAccessKey,
      FLUENT_CLIENT_ID: fluent.clientId,
      FLUENT_CLIENT_SECRET: fluent.clientSecret,
      FLUENT_USERNAME: fluent.username,
      FLUENT_PASSWORD: fluent.password,
      FLUENT_RETAILER_ID: "1",
    };
    await site.put("good.csv", GOOD);
    const args = ["ingest", "s3://stock/inventory/incoming/good.csv", "--s3-endpoint", site.s3.url, "--json"];
    const state = (name: string) => ["--state", join(site.folder, name)];
    const good = await run([...args, "--fluent-url", site.fluent.url, ...state("one")], env);
    assert.equal(good.code, 0, good.out + good.err);
    const wrongEnv = { ...env, FLUENT_CLIENT_SECRET: WRONG_CLIENT_SECRET };
    await site.put("other.csv", "sku,location,qty\nC,L,3\n");
    const others = args.map((arg) => arg.replace("good.csv", "other.csv"));
    const wrong = await run([...others, "--fluent-url", site.fluent.url, ...state("two")], wrongEnv);
    assert.equal(wrong.code, 1, wrong.out + wrong.err);
    const stranger = await run([...others, "--fluent-url", site.fluent.url, ...state("three")], {
      ...env,
      AWS_SECRET_ACCESS_KEY: WRONG_S3_SECRET,
    });
    assert.equal(stranger.code, 1, stranger.out + stranger.err);
    for (const { out, err } of [good, wrong, stranger]) {
      canaries.notIn(out, "stdout");
      canaries.notIn(err, "stderr");
    }
    const read = await canaries.notBelow(site.folder);
    assert(read.files > 10 && read.cells > 20, JSON.stringify(read));
  }, SECRETS);
});

/** Takes the files that wait; the job of the last one. */
async function takeAll(site: Site, process: ConnectorProcess, answers: string[]): Promise<string> {
  const { status, body } = await site.call(process, "inventory-adhoc", {});
  answers.push(JSON.stringify(body));
  assert.equal(status, 202, JSON.stringify(body));
  const started = (body["files"] as { jobId: string; key: string }[]).map(({ jobId }) => jobId);
  return started.at(-1)!;
}
