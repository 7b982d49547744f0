import assert from "node:assert/strict";
import { connect } from "node:net";
import { Validator } from "@seriousme/openapi-schema-validator";
import { WORKFLOWS } from "../../workflows/index.ts";
import { rowsOf, Site } from "./_site.ts";

const WEBHOOKS = [
  ["GET", "job-status"],
  ["POST", "job-status"],
  ["GET", "job-history"],
  ["GET", "job-rows"],
  ["POST", "job-actions"],
  ["POST", "inventory-adhoc"],
  ["POST", "inventory-payload"],
  ["GET", "job-explain"],
  ["GET", "job-payload"],
  ["GET", "api-docs"],
] as const;

Deno.test("the webhooks, every answer checked against the document they describe themselves by", async (t) => {
  await using site = await Site.open({ payloadLimitBytes: 200_000 });
  const { stack } = site;

  await t.step("the document is valid OpenAPI 3.1 and describes every webhook", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...site.document });
    assert.ok(valid, JSON.stringify(errors ?? "").slice(0, 2_000));
    assert.equal(validator.version, "3.1");
    const ids = WEBHOOKS.map(([, id]) => `/${id}`);
    assert.deepEqual(Object.keys(site.document.paths).sort(), [...new Set(ids)].sort());
    assert.ok(WORKFLOWS.length >= ids.length);
  });

  await t.step("nobody gets anything without the key, and nothing with a wrong one", async () => {
    for (const [method, id] of WEBHOOKS) {
      assert.equal((await site.call(id, { method, headers: { "x-api-key": "" } })).status, 401, id);
      assert.equal((await site.call(id, { method, headers: { "x-api-key": "wrong" } })).status, 403, id);
    }
  });

  let failed: { jobId: string } & Record<string, unknown>;
  await t.step("a job tells what happened to its rows, and what to do next", async () => {
    failed = await site.ingest(
      "stock.csv",
      rowsOf(200, ["BAD,LOC-1,N/A", '=cmd|"x"!A1,LOC-1,<script>', "UNKNOWN-1,LOC-1,5", "UNKNOWN-2,LOC-1,6"]),
      { reference: "TICKET-1" },
    );
    assert.equal(failed["status"], "completed_with_errors");
    assert.deepEqual(failed["rows"], {
      read: 204,
      sendable: 202,
      rejected: 2,
      superseded: 0,
      unchanged: 0,
      confirmed: 200,
      failed: 2,
      unconfirmed: 0,
    });
    assert.equal(failed["reference"], "TICKET-1");
    assert.deepEqual(failed["mapping"], { name: "inventory", version: "1" });
    assert.match(String(failed["nextStep"]), /replay the failed rows/);
    const stages = failed["stages"] as { stage: string; endedAt: string; workedMs: number }[];
    assert.deepEqual(
      stages.map(({ stage }) => stage).filter((stage) => stage !== "queued"),
      ["inspect", "turn", "deliver", "confirm", "archive"],
    );
    assert.ok(stages.every(({ endedAt }) => endedAt !== undefined));
    assert.doesNotMatch(JSON.stringify(failed), /local-secret|stack|at file:/);
  });

  await t.step("rows that were rejected or failed are listed, page by page", async () => {
    const all = await site.call(`job-rows?jobId=${failed.jobId}`);
    assert.deepEqual(all.body.rows.map((row: { line: number }) => row.line), [202, 203, 204, 205]);
    assert.equal(all.body.nextCursor, undefined);
    const seen: number[] = [];
    let cursor = "";
    for (let page = 0; page < 10; page++) {
      const { body } = await site.call(
        `job-rows?jobId=${failed.jobId}&limit=1${cursor && `&cursor=${cursor}`}`,
      );
      seen.push(...body.rows.map((row: { line: number }) => row.line));
      cursor = body.nextCursor ?? "";
      if (!cursor) break;
    }
    assert.deepEqual(seen, [202, 203, 204, 205]);
    const only = await site.call(`job-rows?jobId=${failed.jobId}&outcome=failed&text=unknown-2`);
    assert.deepEqual(only.body.rows.map((row: { raw: string }) => row.raw), ["UNKNOWN-2,LOC-1,6"]);
    const forged = btoa(
      JSON.stringify({ of: JSON.parse(atob(await firstCursor(site, failed.jobId))).of, at: 3 }),
    );
    const refused = await site.call(`job-rows?jobId=${failed.jobId}&cursor=${forged}`);
    assert.deepEqual([refused.status, refused.body.code], [400, "cursor-invalid"]);
  });

  await t.step("the history finds a job by what is known of it", async () => {
    for (
      const query of [
        "",
        "status=completed_with_errors,failed",
        "fileName=stock.csv",
        "text=ticket-1",
        "trigger=webhook",
      ]
    ) {
      const { body } = await site.call(`job-history?${query}`);
      assert.equal(body.jobs[0]?.jobId, failed.jobId, query);
    }
    assert.deepEqual((await site.call("job-history?feed=other")).body.jobs, []);
    const { body } = await site.call("job-history?counts=day");
    assert.equal(body.days[0].byStatus.completed_with_errors, 1);
    assert.equal(body.days[0].rows.read, 204);
    assert.equal(body.days.length, 7);
  });

  await t.step("failed rows are replayed as a job of their own, once", async () => {
    site.unknown.clear();
    const ask = () =>
      site.post("job-actions", { jobId: failed.jobId, action: "replay-failed" }, {
        "idempotency-key": "again-1",
      });
    const first = await ask();
    assert.deepEqual([first.status, first.body.decision], [202, "accepted"]);
    assert.equal((await ask()).body.jobId, first.body.jobId);
    const child = await site.settled(first.body.jobId);
    assert.equal(child.status, "completed");
    assert.deepEqual(child.parent, { jobId: failed.jobId, relation: "replay-failed" });
    assert.equal(child.rows.confirmed, 2);
    const later = await ask();
    assert.deepEqual([later.body.jobId, later.body.decision], [first.body.jobId, "already"]);
    assert.equal(site.fluent.stock().get("UNKNOWN-2\u0000LOC-1"), 6);
    const parent = (await site.call(`job-status?jobId=${failed.jobId}`)).body;
    assert.deepEqual(parent.children, [{ jobId: first.body.jobId, relation: "replay-failed" }]);
    const staged = [];
    for await (const { key } of stack.store.listObjects({ prefix: "inventory/work/staged/" })) {
      staged.push(key);
    }
    assert.deepEqual(staged, [], "what was staged has been archived");
  });

  await t.step("a figure is explained from the cell to Fluent's answer", async () => {
    const { status, body } = await site.call("job-explain?sku=UNKNOWN-2&location=LOC-1");
    assert.equal(status, 200);
    assert.deepEqual(
      body.appearances.map(({ outcome, line }: { outcome: string; line: number }) => [outcome, line]),
      [["confirmed", 3], ["failed", 205]],
    );
    assert.equal(body.figure.entity.qty, 6);
    assert.equal(body.figure.raw, "UNKNOWN-2,LOC-1,6");
    assert.equal((await site.call("job-explain?sku=A")).status, 400);
    assert.equal((await site.call("job-explain?sku=A&location=L&at=now")).status, 400);
    assert.equal((await site.call("job-explain?sku=A&location=L&feed=none")).body.appearances.length, 0);
  });

  await t.step("what was sent for a batch is shown byte for byte", async () => {
    const { status, body } = await site.call(`job-payload?jobId=${failed.jobId}&batch=0`);
    assert.equal(status, 200);
    const [request, ...others] = body.requests;
    assert.deepEqual(others, []);
    assert.equal(request.state, "settled");
    assert.equal(JSON.parse(request.body).entities.length, request.rows);
    assert.deepEqual([request.firstLine, request.batch], [2, 0]);
    const beyond = await site.call(`job-payload?jobId=${failed.jobId}&batch=99`);
    assert.deepEqual([beyond.status, beyond.body.code], [404, "batch-unknown"]);
    assert.equal((await site.call("job-payload?jobId=nobody&batch=0")).status, 404);
    assert.equal((await site.call(`job-payload?jobId=${failed.jobId}&batch=-1`)).status, 400);
    assert.equal((await site.call(`job-payload?jobId=${failed.jobId}`)).status, 400);
  });

  await t.step("a whole file is replayed from the archive", async () => {
    const { status, body } = await site.post("job-actions", { jobId: failed.jobId, action: "replay" });
    assert.equal(status, 202);
    assert.notEqual(body.jobId, failed.jobId);
    const child = await site.settled(body.jobId);
    assert.equal(child.rows.confirmed, 202);
    assert.equal(child.rows.rejected, 2);
    assert.match(child.archivedAs, /^inventory\/archive\/replays\//);
    const original = await stack.store.statFile(String(failed["archivedAs"]));
    assert.ok(original, "the original stays in the archive");
  });

  await t.step("a held file is released, once", async () => {
    const held = await site.ingest("mostly-bad.csv", rowsOf(2, ["A,LOC-1,x", "B,LOC-1,y"]));
    assert.equal(held.status, "held");
    assert.match(held.nextStep, /rejected rows/);
    assert.equal(
      (await site.post("job-actions", { jobId: held.jobId, action: "replay-failed" })).body.code,
      "nothing-to-replay",
    );
    const first = await site.post("job-actions", { jobId: held.jobId, action: "release", reason: "checked" });
    assert.deepEqual([first.status, first.body.jobId], [202, held.jobId]);
    const released = await site.settled(held.jobId);
    assert.equal(released.status, "completed_with_errors");
    assert.equal(released.forced.reason, "checked");
    const again = await site.post("job-actions", { jobId: held.jobId, action: "release" });
    assert.deepEqual([again.status, again.body.decision], [202, "already"]);
    const over = await site.post("job-actions", { jobId: held.jobId, action: "cancel" });
    assert.deepEqual([over.status, over.body.code], [409, "job-over"]);
    const never = await site.post("job-actions", { jobId: failed.jobId, action: "release" });
    assert.deepEqual([never.status, never.body.code], [409, "job-not-held"]);
  });

  await t.step("a job that runs is cancelled, and asking again changes nothing", async () => {
    site.fluent.setFaults([]);
    await stack.store.uploadFile("inventory/incoming/long.csv", rowsOf(30_000));
    const { body } = await site.post("inventory-adhoc", { key: "inventory/incoming/long.csv" });
    const { jobId } = body.files[0];
    assert.equal((await site.post("job-actions", { jobId, action: "replay" })).body.code, "job-running");
    const first = await site.post("job-actions", { jobId, action: "cancel" });
    assert.deepEqual([first.status, first.body.jobId], [202, jobId]);
    const job = await site.settled(jobId);
    assert.equal(job.status, "cancelled");
    assert.match(job.message, /^Cancelled by webhook job-actions: /);
    assert.equal((await site.post("job-actions", { jobId, action: "cancel" })).body.decision, "already");
    assert.ok(await stack.store.statFile("inventory/incoming/long.csv"), "the file stays where it is");
  });

  await t.step("rows in the body are taken as JSON, NDJSON or CSV, numbers by their digits", async () => {
    const json = '[{"sku":"P-1","location":"LOC-1","qty":12},{"sku":"P-2","location":"LOC-1","qty":1e3},' +
      '{"location":"LOC-1","sku":"P, \\"3\\"","qty":"7"},{"sku":"P-4","location":"LOC-1","qty":null}]';
    const bodies: [string, string, number, number][] = [
      ["application/json", json, 2, 2],
      ["application/x-ndjson", json.slice(1, -1).replaceAll("},{", "}\n{") + "\n", 2, 2],
      ["text/csv", "sku,location,qty\nP-5,LOC-1,3\n", 1, 0],
    ];
    for (const [type, body, confirmed, rejected] of bodies) {
      const answer = await site.call("inventory-payload?force=true", {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      assert.equal(answer.status, 202, answer.text);
      const job = await site.settled(answer.body.jobId);
      assert.deepEqual([job.rows.confirmed, job.rows.rejected], [confirmed, rejected], type);
    }
    assert.equal(site.fluent.stock().get('P, "3"\u0000LOC-1'), 7);
  });

  await t.step(
    "the same payload under the same key is the same job, another payload is refused",
    async () => {
      const send = (qty: number) =>
        site.post("inventory-payload", [{ sku: "K-1", location: "LOC-1", qty }], {
          "idempotency-key": "order-7",
        });
      const first = await send(5);
      await site.settled(first.body.jobId);
      const again = await send(5);
      assert.deepEqual([again.status, again.body.jobId, again.body.decision], [
        202,
        first.body.jobId,
        "ingested",
      ]);
      const other = await send(6);
      assert.deepEqual([other.status, other.body.code], [422, "idempotency-key-reused"]);
    },
  );

  await t.step("what is too large, of another kind or broken is refused with the reason", async () => {
    const post = (body: BodyInit, type: string, headers = {}) =>
      site.call("inventory-payload", { method: "POST", headers: { "content-type": type, ...headers }, body });
    const cases: [string, Promise<{ status: number; body: { code: string } }>, number, string][] = [
      ["10 MB", post("x".repeat(10_000_000), "text/csv"), 413, "payload-too-large"],
      ["XML", post("<a/>", "application/xml"), 415, "payload-type-unknown"],
      ["gzip", post("x", "text/csv", { "content-encoding": "br" }), 415, "payload-type-unknown"],
      ["charset", post("x", "text/csv; charset=klingon"), 415, "payload-type-unknown"],
      ["no JSON", post("[{", "application/json"), 400, "payload-invalid"],
      ["deep", post("[".repeat(100_000), "application/json"), 400, "payload-invalid"],
      ["no array", post('{"sku":1}', "application/json"), 400, "payload-invalid"],
      ["no rows", post("[]", "application/json"), 400, "payload-invalid"],
      ["nested", post('[{"sku":{"a":1}}]', "application/json"), 400, "payload-invalid"],
      ["no UTF-8", post(new Uint8Array([0x5b, 0xff]), "application/json"), 400, "payload-invalid"],
      ["half a pair", post('[{"sku":"\\ud800"}]', "application/json"), 400, "payload-invalid"],
      ["empty CSV", post("", "text/csv"), 400, "payload-invalid"],
      [
        "long key",
        post("a,b\n1,2\n", "text/csv", { "idempotency-key": "k".repeat(300) }),
        400,
        "idempotency-key-invalid",
      ],
    ];
    for (const [what, answer, status, code] of cases) {
      const { status: found, body } = await answer;
      assert.deepEqual([found, body.code], [status, code], what);
    }
    const big = await site.post("job-actions", { jobId: "x".repeat(10_000_000), action: "replay" });
    assert.equal(big.status, 400);
  });

  await t.step("hostile ids, cursors and parameters get clear answers", async () => {
    for (const id of ["../../etc/passwd", "a:b", "%00", "a".repeat(129), "", "<script>", "job\n"]) {
      const { status, text } = await site.call(`job-status?jobId=${encodeURIComponent(id)}`);
      assert.equal(status, 400, id);
      assert.doesNotMatch(text, /<script>|passwd/);
    }
    for (const id of ["nobody", "__proto__x", "job-0"]) {
      const expected = /^[A-Za-z0-9]/.test(id) ? 404 : 400;
      assert.equal((await site.call(`job-status?jobId=${id}`)).status, expected, id);
      assert.equal((await site.call(`job-rows?jobId=${id}`)).status, expected, id);
      assert.equal((await site.post("job-actions", { jobId: id, action: "cancel" })).status, expected, id);
    }
    const bad = [
      "job-status?jobId=a&jobId=b",
      "job-status",
      "job-history?limit=0",
      "job-history?limit=1e9",
      "job-history?limit=-1",
      "job-history?status=great",
      "job-history?cursor=zzz",
      "job-history?from=yesterday",
      "job-history?day=2026-13-45",
      "job-history?unknown=1",
      "job-history?status[$ne]=x",
      "job-history?counts=day&from=2020-01-01&to=2026-01-01",
      "job-history?counts=year",
      `job-history?text=${"x".repeat(201)}`,
      `job-rows?jobId=${failed.jobId}&cursor=%00`,
      `job-rows?jobId=${failed.jobId}&outcome=lost`,
    ];
    for (const path of bad) {
      const { status, body } = await site.call(path);
      assert.equal(status, 400, path);
      assert.ok(body.code && body.detail, path);
    }
    for (
      const body of [{ jobId: 7 }, { jobId: failed.jobId, action: "explode" }, [1], "text", {
        jobId: failed.jobId,
        action: "cancel",
        more: 1,
      }]
    ) {
      assert.equal((await site.post("job-actions", body)).status, 400, JSON.stringify(body));
    }
    const broken = await site.call("job-actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    assert.equal(broken.status, 400);
  });
});

Deno.test("a body that doesn't arrive gets 408, and doesn't keep the others waiting", async () => {
  await using site = await Site.open({}, 200);
  const socket = connect(Number(new URL(site.stack.url).port), "127.0.0.1");
  const answer = new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      // Deno 2.3.7 leaves the connection open as long as the body is missing.
      if (text.includes("did not arrive")) resolve(text);
    });
    socket.on("close", () => resolve(text));
  });
  socket.write(
    `POST /inventory-payload HTTP/1.1\r\nhost: x\r\nx-api-key: ${site.stack.apiKey}\r\n` +
      "content-type: text/csv\r\ncontent-length: 100\r\n\r\nsku,",
  );
  assert.equal((await site.call("job-history")).status, 200);
  const text = await answer;
  assert.match(text, /^HTTP\/1\.1 408 /);
  assert.match(text, /did not arrive within 200 ms/);
  socket.destroy();
});

async function firstCursor(site: Site, jobId: string): Promise<string> {
  const { body } = await site.call(`job-rows?jobId=${jobId}&limit=1`);
  return body.nextCursor.replaceAll("-", "+").replaceAll("_", "/");
}
