import assert from "node:assert/strict";
import { isOwnCopy } from "../../lib/ingest/mod.ts";

Deno.test("a job's own copy is told from files of others, whatever their names", () => {
  const isOwn = (key: string) => isOwnCopy({ key, etag: "e", size: 1 }, "job-1");
  for (const key of ["inventory/work/job-1/source/00001-0a.csv", "w/job-1/source.csv", "job-1/source.csv"]) {
    assert.equal(isOwn(key), true, key);
  }
  for (
    const key of [
      "inventory/incoming/stock.csv",
      "inventory/work/job-11/source/00001-0a.csv",
      "inventory/work/xjob-1/source/00001-0a.csv",
      "inventory/incoming/job-1/source/old/stock.csv",
      "inventory/work/staged/job-1/replay-a/source.csv",
    ]
  ) {
    assert.equal(isOwn(key), false, key);
  }
});
