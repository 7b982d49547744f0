import { silentLogger } from "../../lib/base/mod.ts";
import { type JobRow, NO_ROWS, type Rows } from "../../lib/ingest/mod.ts";
import { type JobStatus, JobTracker, type Trigger } from "../../lib/jobs/mod.ts";
import { answerPage, FormTokens, type HttpCall, type PagePorts } from "../../lib/page/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";

const DAY = 86_400_000;
/** A Tuesday morning. */
export const NOW = Date.UTC(2026, 0, 20, 9, 30, 0);

/** A row whose every part is written by somebody who means harm. */
export const HOSTILE: JobRow = {
  outcome: "rejected",
  line: 7,
  endLine: 7,
  code: "value-invalid",
  message: `Cannot map 'qty' at line 7: expected a whole number, found '<img src=x onerror=alert(1)>'`,
  raw: `=HYPERLINK("http://evil.example"),"</code><script>alert(1)</script>","<img src=x onerror=alert(1)>"`,
};

/** How a job of the demo went. */
interface Told {
  readonly name: string;
  readonly status: JobStatus;
  readonly rows: Partial<Rows>;
  readonly trigger?: Trigger;
  readonly seconds?: number;
  readonly error?: Error;
  readonly heldBecause?: { code: string; message: string };
}

/** A shop's page after two weeks, in memory, with everything a page can show. */
export class Demo {
  readonly clock = new VirtualClock(NOW - 14 * DAY);
  readonly memory = new MemoryKeyValue();
  readonly kv = new VersoriKVAdapter(this.memory);
  readonly tracker = new JobTracker(this.kv, silentLogger, 30 * 86_400, this.clock);
  /** Every action that was asked for. */
  readonly acted: unknown[] = [];
  readonly shownRows: JobRow[] = [
    HOSTILE,
    ...Array.from({ length: 60 }, (_, i): JobRow => ({
      outcome: i % 4 === 3 ? "failed" : "rejected",
      line: 12 + i * 9,
      endLine: 12 + i * 9,
      code: i % 4 === 3 ? "fluent-404" : "not-a-number",
      message: i % 4 === 3
        ? `Fluent knows no product 'SKU-${10_000 + i}'`
        : `Cannot map 'qty' at line ${12 + i * 9}: expected a whole number, found 'N/A'`,
      raw: `SKU-${10_000 + i},LON-0${i % 9},${i % 4 === 3 ? 40 + i : "N/A"}`,
    })),
  ];
  #jobs = 0;

  get ports(): PagePorts {
    return {
      clock: this.clock,
      tokens: new FormTokens(this.kv, this.clock),
      feeds: ["inventory", "stores"],
      history: this.tracker.history,
      job: (jobId) => this.tracker.getJob(jobId),
      rows: (_job, { outcome, text, cursor, limit = 100 }) => {
        const fit = this.shownRows.filter((row) =>
          (outcome === undefined || row.outcome === outcome) &&
          (text === undefined || JSON.stringify(row).toLowerCase().includes(text.toLowerCase()))
        );
        const from = Number(cursor ?? 0);
        const next = from + limit < fit.length ? String(from + limit) : undefined;
        const rows = fit.slice(from, from + limit);
        return Promise.resolve({ rows, complete: true, ...(next === undefined ? {} : { nextCursor: next }) });
      },
      act: (action, { jobId }, { idempotencyKey: _token, ...options }) => {
        this.acted.push({ jobId, action, ...options });
        return Promise.resolve({ jobId });
      },
      explain: ({ sku, location }) => {
        const figure = {
          jobId: "job-000001",
          status: "completed" as const,
          file: "inventory/incoming/stock-full.csv",
          line: 812,
          endLine: 812,
          raw: `${sku},${location},40`,
          cells: { sku, location, qty: "40" },
          entity: { skuRef: sku, locationRef: location, qty: 40 },
          outcome: "confirmed" as const,
          batch: 3,
          batchId: "4712",
          deliveredAt: new Date(NOW - DAY).toISOString(),
        };
        const because = "Fluent has 40 because of line 812 of 'inventory/incoming/stock-full.csv'";
        const at = new Date(NOW).toISOString();
        const rest = { appearances: [figure], files: 14, gaps: [], complete: true };
        return Promise.resolve({ sku, location, at, figure, because, ...rest });
      },
    };
  }

  /** One call of the page, as the webhook makes it. */
  call(address: string, more: Partial<HttpCall> = {}) {
    const url = new URL(address, "http://localhost/jobs-dashboard");
    return answerPage({
      method: "GET",
      headers: { host: "localhost", authorization: `Basic ${btoa("ana:secret")}` },
      query: Object.fromEntries(url.searchParams),
      body: "",
      ...more,
    }, this.ports);
  }

  /** A job from its creation to its end, at the clock's time. */
  async tell(told: Told): Promise<string> {
    const jobId = `job-${String(++this.#jobs).padStart(6, "0")}`;
    const rows = balanced(told.rows);
    const key = `inventory/incoming/${told.name}`;
    const file = {
      key,
      size: 31 * rows.read + 19,
      etag: "9f2b1c77d0c14c7a8c0f2f5f0e1d7a11",
      sha256: "5e88".repeat(16),
    };
    const batches = Math.ceil(rows.sendable / 250);
    const details = {
      file,
      feed: "inventory",
      dryRun: false,
      mapping: { name: "inventory", version: "3" },
    };
    await this.tracker.createJob(jobId, {
      triggeredBy: told.trigger ?? "schedule",
      stage: "queued",
      message: "Queued",
      details,
    });
    const step = (told.seconds ?? 6) * 1_000;
    for (const [i, stage] of ["inspect", "deliver", "confirm", "report", "archive"].entries()) {
      this.clock.advance(i === 0 ? 900 : step / 4);
      if (told.status === "held" && i > 0 && stage !== "report") continue;
      const isLast = told.status === "processing" && stage === "deliver";
      await this.tracker.updateJob(jobId, {
        status: "processing",
        stage,
        message: stage === "deliver" ? `Sent ${Math.floor(batches / 3)} of ${batches} batches` : STAGES[i]!,
        details: {
          rows: isLast ? { ...rows, confirmed: 0, unconfirmed: 0 } : rows,
          batches: { total: batches, sent: isLast ? Math.floor(batches / 3) : batches, resent: 0 },
          fluentJobs: told.status === "held" ? [] : ["4711"],
          spent: { inspect: 900, deliver: step / 4, confirm: step / 4, report: 300, archive: 200 },
        },
      });
      if (isLast) return jobId;
    }
    this.clock.advance(400);
    const reports = {
      summary: `inventory/reports/${told.name}/${jobId}/summary.json`,
      rejectsCsv: `inventory/reports/${told.name}/${jobId}/rejects.csv`,
      rejectsJsonl: `inventory/reports/${told.name}/${jobId}/rejects.jsonl`,
    };
    if (told.error) await this.tracker.markFailed(jobId, told.error);
    else {
      const end = { status: told.status, message: told.heldBecause?.message ?? "All rows have their answer" };
      await this.tracker.markCompleted(jobId, { reports, heldBecause: told.heldBecause ?? null }, end);
    }
    return jobId;
  }
}

const STAGES = [
  "Reading the file",
  "Sending",
  "Asking Fluent for results",
  "Writing the report",
  "Archiving",
];

function balanced(rows: Partial<Rows>): Rows {
  const all = { ...NO_ROWS, ...rows };
  all.sendable = all.confirmed + all.failed + all.unconfirmed;
  all.read = all.sendable + all.rejected + all.superseded + all.unchanged;
  return all;
}

/** The ids of the demo's special jobs. */
export interface DemoJobs {
  readonly errors: string;
  readonly failed: string;
  readonly held: string;
  readonly running: string;
}

/** Two weeks of nightly files, and today. */
export async function demo(): Promise<{ demo: Demo; jobs: DemoJobs }> {
  const shop = new Demo();
  for (let ago = 13; ago >= 1; ago--) {
    shop.clock.advance(NOW - ago * DAY - 7.5 * 3_600_000 - shop.clock.now());
    const wave = 44_000 + Math.round(9_000 * Math.sin(ago * 1.7));
    await shop.tell({
      name: `stock-full-2026-01-${String(20 - ago).padStart(2, "0")}.csv`,
      status: ago % 5 === 0 ? "completed_with_errors" : "completed",
      rows: {
        confirmed: wave,
        superseded: 900 + 300 * (ago % 3),
        rejected: ago % 5 === 0 ? 2_400 : 0,
        failed: ago % 5 === 0 ? 900 : 0,
        unchanged: ago % 4 === 1 ? 8_000 : 0,
      },
      seconds: 7 + ago,
    });
    if (ago % 3 === 0) {
      shop.clock.advance(5 * 3_600_000);
      await shop.tell({
        name: "corrections.csv",
        status: "completed",
        rows: { confirmed: 3_200 + 400 * ago },
        trigger: "webhook",
        seconds: 3,
      });
    }
  }
  shop.clock.advance(NOW - 7 * 3_600_000 - shop.clock.now());
  const held = await shop.tell({
    name: "stock-empty.csv",
    status: "held",
    rows: {},
    heldBecause: {
      code: "empty-file",
      message: "The file has a header and no rows: sending it would say nothing",
    },
  });
  shop.clock.advance(3_600_000);
  const failed = await shop.tell({
    name: "stock-returns.csv",
    status: "failed",
    rows: { unconfirmed: 12_000 },
    error: new Error("Fluent answered 403 to POST /api/v4.1/job: the user may not create jobs"),
  });
  shop.clock.advance(3_600_000);
  const errors = await shop.tell({
    name: "stock-corrections <b>&.csv",
    status: "completed_with_errors",
    rows: { confirmed: 41_180, rejected: 46, failed: 15, superseded: 312 },
    trigger: "manual",
    seconds: 64,
  });
  shop.clock.advance(NOW - 20_000 - shop.clock.now());
  const running = await shop.tell({
    name: "stock-full.csv",
    status: "processing",
    rows: { confirmed: 50_000 },
  });
  shop.clock.advance(NOW - shop.clock.now());
  return { demo: shop, jobs: { errors, failed, held, running } };
}
