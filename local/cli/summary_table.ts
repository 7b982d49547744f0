import Table from "cli-table3";
import type { JobView } from "./job_view.ts";
import { whole } from "./measure.ts";

/** What became of each file, for a person. */
export function summaryTable(views: readonly JobView[], bucket: string): string {
  const table = new Table({
    head: ["file", "status", "read", "sent", "confirmed", "rejected", "batches", "seconds"],
    style: { head: [], border: [] },
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "right"],
  });
  const notes: string[] = [];
  for (const { job, facts, name } of views) {
    const { rows, batches } = facts;
    const all = batches.sent === batches.total ? whole(rows.sendable) : "in part";
    const sent = batches.sent === 0 ? "0" : all;
    const seconds = (Date.parse(job.completedAt ?? job.updatedAt) - Date.parse(job.createdAt)) / 1_000;
    table.push([
      name,
      facts.dryRun && job.status === "cancelled" ? "dry run" : job.status,
      whole(rows.read),
      sent,
      whole(rows.confirmed),
      whole(rows.rejected),
      `${batches.sent}/${batches.total}`,
      seconds.toFixed(1),
    ]);
    if (job.status !== "completed" && job.message) notes.push(`${name}: ${job.message}`);
    if (facts.reports) notes.push(`${name}: reports in s3://${bucket}/${folderOf(facts.reports.summary)}`);
    if (facts.archivedAs) notes.push(`${name}: archived as s3://${bucket}/${facts.archivedAs}`);
    if (facts.movedTo) notes.push(`${name}: moved to s3://${bucket}/${facts.movedTo}`);
  }
  return [table.toString(), ...notes].join("\n");
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}
