import assert from "node:assert/strict";
import process from "node:process";
import { barLine } from "../../../local/cli/bars.ts";
import { EXIT, exitCodeOf } from "../../../local/cli/exit_codes.ts";
import { type JobView, viewOf } from "../../../local/cli/job_view.ts";
import { Lines } from "../../../local/cli/lines.ts";
import { measure } from "../../../local/cli/measure.ts";
import {
  toDelimiter,
  toEncoding,
  toPort,
  toUrl,
  toWorkers,
  typedPath,
} from "../../../local/cli/option_values.ts";
import { summaryTable } from "../../../local/cli/summary_table.ts";
import { feedOf } from "../../../local/cli/ingest.ts";
import { lockState } from "../../../local/state_lock.ts";
import type { JobRecord, JobStatus } from "../../../lib/jobs/mod.ts";

function job(status: JobStatus, stage: string, details: Record<string, unknown> = {}): JobView {
  const record: JobRecord = {
    v: 1,
    jobId: "job-1",
    status,
    stage,
    triggeredBy: "manual",
    details: { file: { key: "in/stock.csv", size: 1, etag: "e", sha256: null }, ...details },
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:02.000Z",
    reopened: 0,
  };
  return viewOf(record);
}

const sent = (n: number) => ({
  rows: { read: 1000, sendable: 1000 },
  batches: { sent: n, total: 10, resent: 0 },
});

for (
  const [status, dryRun, rejected, code] of [
    ["completed", false, 0, EXIT.completed],
    ["completed_with_errors", false, 1, EXIT.withErrors],
    ["failed", false, 0, EXIT.failed],
    ["held", false, 5, EXIT.held],
    ["processing", false, 0, EXIT.notFinished],
    ["queued", false, 0, EXIT.notFinished],
    ["cancelled", true, 0, EXIT.completed],
    ["cancelled", true, 2, EXIT.withErrors],
    ["cancelled", false, 0, EXIT.failed],
  ] as const
) {
  Deno.test(`a job that is ${status} (dry run ${dryRun}, ${rejected} rejected) ends the command with ${code}`, () => {
    assert.equal(exitCodeOf({ status, dryRun, rejected, failed: 0 }), code);
  });
}

Deno.test("plain lines tell every change of stage at once, the rest once a second, and nothing twice", () => {
  const lines: string[] = [];
  const progress = new Lines((text) => lines.push(text.trimEnd()));
  progress.show(job("processing", "inspect"), 0);
  progress.show(job("processing", "inspect"), 5_000);
  progress.show(job("processing", "deliver", sent(0)), 5_100);
  progress.show(job("processing", "deliver", sent(2)), 5_600);
  progress.show(job("processing", "deliver", sent(4)), 7_100);
  progress.show(job("completed", "finished", sent(10)), 7_200);
  assert.deepEqual(lines.map((line) => line.replace(/\s+/g, " ")), [
    "stock.csv inspect rows 0 batches -",
    "stock.csv deliver rows 0/1,000 batches 0/10",
    "stock.csv deliver rows 400/1,000 batches 4/10 200 rows/s ETA 3 s",
    "stock.csv completed rows 0/1,000 batches 10/10",
  ]);
});

Deno.test("a bar's line is never longer than the terminal is wide", () => {
  const view = job("processing", "deliver", sent(5));
  for (const columns of [60, 80, 100, 140]) {
    const line = barLine({
      name: "a-file-with-a-very-long-name-indeed-2026-01-01.csv",
      measure: measure(view),
      speed: { rate: 123_456, etaSeconds: 99, idleMs: 0 },
      message: undefined,
    }, columns);
    assert.ok(line.length <= Math.max(columns, 74), `${line.length} in ${columns}`);
  }
});

Deno.test("the summary has a row for every file, and says where its reports are", () => {
  const view = job("held", "finished", {
    rows: { read: 10, rejected: 10 },
    reports: { summary: "reports/stock.csv/job-1/summary.json", rejectsCsv: "x", rejectsJsonl: "y" },
  });
  const text = summaryTable([{ ...view, job: { ...view.job, message: "Held: too many" } }], "inventory");
  assert.match(text, /stock\.csv .*held .*10 .*0 .*0 .*10/);
  assert.ok(text.includes("Held: too many"));
  assert.ok(text.includes("s3://inventory/reports/stock.csv/job-1/"));
});

Deno.test("a state folder belongs to one living process", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const unlock = lockState(folder);
    await Deno.writeTextFile(`${folder}/process.pid`, String(process.ppid));
    assert.throws(() => lockState(folder), {
      name: "UsageError",
      message: new RegExp(`process ${process.ppid}`),
    });
    // No process has this number: it is above what Linux, macOS and Windows give.
    await Deno.writeTextFile(`${folder}/process.pid`, "2147483646");
    const again = lockState(folder);
    again();
    unlock();
    await assert.rejects(Deno.stat(`${folder}/process.pid`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("options are checked where they are typed, and no password is repeated", () => {
  assert.equal(toPort("0"), 0);
  assert.throws(() => toPort("70000"), { name: "UsageError" });
  assert.equal(toWorkers("4"), 4);
  for (const wrong of ["0", "65", "two", "1.5"]) {
    assert.throws(() => toWorkers(wrong), {
      name: "UsageError",
      message: `--workers: expected a number from 1 to 64, found '${wrong}'`,
    });
  }
  assert.equal(toDelimiter("tab"), "\t");
  assert.throws(() => toDelimiter("ab"), { name: "UsageError" });
  assert.equal(toEncoding("latin1"), "windows-1252");
  assert.throws(() => toEncoding("klingon"), { name: "UsageError" });
  assert.throws(
    () => toUrl("--s3-endpoint")("https://me:canary@store.example.com"),
    (error: Error) => error.name === "UsageError" && !error.message.includes("canary"),
  );
});

Deno.test("a path is meant from the folder where it was typed, also through deno task", () => {
  const project = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");
  assert.equal(typedPath("a.csv", { cwd: project, initCwd: "/home/me" }), "/home/me/a.csv");
  assert.equal(typedPath("a.csv", { cwd: "/elsewhere", initCwd: "/home/me" }), "/elsewhere/a.csv");
});

Deno.test("every account and retailer is a feed of its own, so that one says nothing of another's files", () => {
  assert.equal(
    feedOf("https://acme.sandbox.api.fluentretail.com", "7"),
    "acme-sandbox-api-fluentretail-com-7",
  );
  assert.equal(feedOf("http://127.0.0.1:4010/", "1"), "127-0-0-1-4010-1");
});
