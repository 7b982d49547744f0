import assert from "node:assert/strict";
import { decide } from "../../lib/alerts/decide.ts";
import { type FeedWatch, newWatch } from "../../lib/alerts/feed_watch.ts";
import type { FeedEvent, FeedPolicy, JobEnd } from "../../lib/alerts/mod.ts";

const START = Date.UTC(2026, 0, 10, 5, 0);
const HOUR = 3_600_000;
const policy: FeedPolicy = {
  feed: "stock",
  rejectLimit: { kind: "percent", value: 1 },
  expectedBy: "",
  jobTtlSeconds: 604_800,
};

/** A feed whose events come one after the other; says what is told of each, as `change kind severity`. */
class Story {
  watch: FeedWatch = newWatch("stock", START);
  now = START;
  constructor(readonly policy_: FeedPolicy = policy) {}

  at(now: number): this {
    this.now = now;
    return this;
  }

  tells(event: FeedEvent): string[] {
    const { watch, alerts } = decide(event, this.watch, this.policy_, this.now);
    this.watch = watch;
    return alerts.map(({ change, kind, severity }) => `${change} ${kind} ${severity}`);
  }

  ends(job: Partial<JobEnd>): string[] {
    this.now += 60_000;
    return this.tells({ kind: "job-ended", job: jobEnd(this.now, job) });
  }
}

function jobEnd(at: number, job: Partial<JobEnd>): JobEnd {
  return {
    jobId: "job-1",
    status: "completed",
    file: "in/a.csv",
    endedAt: new Date(at).toISOString(),
    rows: { read: 100, rejected: 0, failed: 0 },
    ...job,
  };
}

Deno.test("a failed job is told once, however many fail after it, and recovers when the last is put right", () => {
  const story = new Story();
  const reason = { code: "fluent-unavailable", message: "Fluent doesn't answer" };
  assert.deepEqual(story.ends({ jobId: "a", status: "failed", reason }), ["worse failed high"]);
  assert.deepEqual(story.ends({ jobId: "b", status: "failed", reason }), []);
  assert.deepEqual(story.ends({ jobId: "a", status: "failed", reason }), []);
  assert.deepEqual(story.ends({ jobId: "a" }), [], "b is still to be put right");
  assert.deepEqual(story.ends({ jobId: "c" }), [], "another job's success puts nothing right");
  assert.deepEqual(story.ends({ jobId: "b" }), ["recovered failed low"]);
  assert.deepEqual(story.ends({ jobId: "b" }), []);
});

Deno.test("a held file is told low, and is over when it is released or cancelled", () => {
  for (const status of ["completed", "cancelled"] as const) {
    const story = new Story();
    assert.deepEqual(story.ends({ status: "held" }), ["worse held low"]);
    assert.deepEqual(story.ends({ jobId: "job-2", status: "held" }), [], "grouped");
    assert.deepEqual(story.ends({ status }), []);
    assert.deepEqual(story.ends({ jobId: "job-2", status }), ["recovered held low"]);
  }
});

Deno.test("a held file that fails when it is released is a failed one", () => {
  const story = new Story();
  story.ends({ status: "held" });
  assert.deepEqual(story.ends({ status: "failed" }), ["worse failed high", "recovered held low"]);
});

Deno.test("rejected and failed rows are told when they first pass the limit, and when they no longer do", () => {
  const story = new Story();
  const with_ = (rejected: number, failed: number) => ({
    status: "completed_with_errors" as const,
    rows: { read: 200, rejected, failed },
  });
  assert.deepEqual(story.ends(with_(2, 0)), [], "exactly the limit is no problem");
  assert.deepEqual(story.ends(with_(2, 1)), ["worse rejects low"]);
  assert.deepEqual(story.ends(with_(50, 0)), []);
  assert.deepEqual(
    story.ends({ status: "held", jobId: "h" }),
    ["worse held low"],
    "a held file was not sent",
  );
  assert.deepEqual(story.ends(with_(0, 0)), ["recovered rejects low"]);
});

Deno.test("a count is a limit too", () => {
  const story = new Story({ ...policy, rejectLimit: { kind: "count", value: 10 } });
  assert.deepEqual(story.ends({ rows: { read: 10_000, rejected: 10, failed: 0 } }), []);
  assert.deepEqual(story.ends({ rows: { read: 10_000, rejected: 11, failed: 0 } }), ["worse rejects low"]);
});

Deno.test("a job's end that is delivered again, after others, tells nothing", () => {
  const story = new Story();
  const bad = jobEnd(START + 1, { jobId: "bad", rows: { read: 10, rejected: 9, failed: 0 } });
  assert.deepEqual(story.tells({ kind: "job-ended", job: bad }), ["worse rejects low"]);
  assert.deepEqual(story.ends({ jobId: "good" }), ["recovered rejects low"]);
  assert.deepEqual(story.tells({ kind: "job-ended", job: bad }), []);
});

Deno.test("books that don't balance are critical", () => {
  const story = new Story();
  const reason = { code: "books-unbalanced", message: "The books don't balance" };
  assert.deepEqual(story.ends({ status: "failed", reason }), ["worse failed critical"]);
});

Deno.test("a file that has not come by its time of day is told once, and its coming too", () => {
  const story = new Story({ ...policy, expectedBy: "06:00" });
  const deadline = Date.UTC(2026, 0, 10, 6, 0);
  assert.deepEqual(story.at(deadline - 1).tells({ kind: "tick" }), []);
  assert.deepEqual(story.at(deadline).tells({ kind: "tick" }), ["worse missing high"]);
  assert.deepEqual(story.at(deadline + HOUR).tells({ kind: "tick" }), []);
  assert.deepEqual(story.at(deadline + 24 * HOUR).tells({ kind: "tick" }), [], "still the same problem");
  assert.deepEqual(story.at(deadline + 25 * HOUR).tells({ kind: "files-came" }), ["recovered missing low"]);
  assert.deepEqual(
    story.at(deadline + 48 * HOUR).tells({ kind: "tick" }),
    [],
    "it came since the day before",
  );
  assert.deepEqual(story.at(deadline + 72 * HOUR).tells({ kind: "tick" }), ["worse missing high"]);
});

Deno.test("a feed that is new after its time of day misses nothing that day", () => {
  const story = new Story({ ...policy, expectedBy: "04:00" });
  assert.deepEqual(story.tells({ kind: "tick" }), []);
  assert.deepEqual(story.at(START + 23 * HOUR).tells({ kind: "tick" }), ["worse missing high"]);
});

Deno.test("a bucket that cannot be looked at is told once, until it can", () => {
  const story = new Story();
  const failed = { kind: "look-failed", code: "s3-denied", message: "Access denied" } as const;
  assert.deepEqual(story.tells(failed), ["worse discovery high"]);
  assert.deepEqual(story.tells(failed), []);
  assert.deepEqual(story.tells({ kind: "looked" }), ["recovered discovery low"]);
  assert.deepEqual(story.tells({ kind: "looked" }), []);
});

Deno.test("a problem is forgotten with its job", () => {
  const story = new Story();
  story.ends({ jobId: "old", status: "failed" });
  story.at(START + 8 * 24 * HOUR);
  assert.deepEqual(story.ends({ jobId: "new", status: "failed" }), ["worse failed high"]);
  assert.deepEqual(story.watch.failed.map(({ jobId }) => jobId), ["new"]);
});

Deno.test("the texts name feed, file, job and reason, and the title nothing that differs from job to job", () => {
  const reason = { code: "no-rows", message: "The file has no rows" };
  const job = jobEnd(START, { status: "held", reason });
  const [alert] = decide({ kind: "job-ended", job }, newWatch("stock", START), policy, START).alerts;
  assert.deepEqual(alert, {
    change: "worse",
    kind: "held",
    severity: "low",
    title: "Inventory feed 'stock': files are held for a decision",
    message: "'in/a.csv': The file has no rows",
    facts: { feed: "stock", jobId: "job-1", file: "in/a.csv", status: "held", code: "no-rows" },
  });
});
