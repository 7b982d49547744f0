import assert from "node:assert/strict";
import { actOnJob, JOB_ACTIONS, possibleActions } from "../../lib/ingest/mod.ts";
import { JOB_STATUSES, type JobRecord, jobRecordSchema } from "../../lib/jobs/mod.ts";
import { World } from "./world.ts";

/** Refusals that say something of the job's own state, not of its file's. */
const OF_STATE = [
  "job-running",
  "job-over",
  "job-not-held",
  "job-has-no-file",
  "not-forcible",
  "nothing-to-replay",
];

function jobs(): JobRecord[] {
  const all: JobRecord[] = [];
  for (const status of JOB_STATUSES) {
    for (const file of [undefined, { key: "inventory/incoming/a.csv", size: 1, etag: "e" }]) {
      for (const rows of [{}, { failed: 2 }]) {
        for (const forcible of [true, false]) {
          all.push(jobRecordSchema.parse({
            v: 1,
            jobId: "job-1",
            status,
            triggeredBy: "schedule",
            details: {
              file,
              rows,
              reports: { summary: "s", rejectsCsv: "c", rejectsJsonl: "j" },
              heldBecause: status === "held" ? { code: "x", message: "x", forcible } : null,
            },
            createdAt: "2026-01-01T00:00:00.000Z",
            updatedAt: "2026-01-01T00:00:00.000Z",
          }));
        }
      }
    }
  }
  return all;
}

Deno.test("what is offered is never refused for the job's state, and cancelling or releasing is offered wherever it does something", async () => {
  for (const job of jobs()) {
    const offered = possibleActions(job);
    for (const action of JOB_ACTIONS) {
      const world = new World();
      const take = () => Promise.resolve({ files: [] });
      const { settings, ports, state } = world;
      let code = "";
      try {
        await actOnJob(action, job, { by: "a test" }, { settings, ports, state, take });
      } catch (error) {
        code = (error as { code: string }).code;
      }
      const what = `${action} of a job that is ${job.status}: ${code}`;
      if (offered.includes(action)) assert.ok(!OF_STATE.includes(code), what);
      else if (action === "release" || action === "cancel") {
        assert.ok(OF_STATE.includes(code) || job.status === "cancelled", what);
      }
    }
  }
});
