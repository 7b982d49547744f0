/**
 * What Versori runs: every workflow of the connector, registered on the durable interpreter.
 *
 * @module
 */
import { durable } from "@versori/run";
import { apiDocs } from "./api_docs.ts";
import { dailyInventory } from "./daily_inventory.ts";
import { deliverPartition } from "./deliver_partition.ts";
import { discoverFiles } from "./discover_files.ts";
import { feedSchedules } from "./feed_schedules.ts";
import { ingestFile } from "./ingest_file.ts";
import { inventoryAdhoc } from "./inventory_adhoc.ts";
import { inventoryPayload } from "./inventory_payload.ts";
import { jobActions } from "./job_actions.ts";
import { jobExplain } from "./job_explain.ts";
import { jobHistory } from "./job_history.ts";
import { jobPayload } from "./job_payload.ts";
import { jobRows } from "./job_rows.ts";
import { jobStatus } from "./job_status.ts";
import { jobsDashboard } from "./jobs_dashboard.ts";

/** Everything that is registered; `versori.yaml` declares the same. */
export const WORKFLOWS = [
  dailyInventory,
  feedSchedules,
  inventoryAdhoc,
  inventoryPayload,
  ingestFile,
  deliverPartition,
  discoverFiles,
  jobStatus,
  jobHistory,
  jobRows,
  jobActions,
  jobExplain,
  jobPayload,
  apiDocs,
  jobsDashboard,
];

/** Registers everything and starts serving. */
export async function main(): Promise<durable.DurableInterpreter> {
  const interpreter = await durable.DurableInterpreter.newInstance();
  for (const workflow of WORKFLOWS) interpreter.register(workflow);
  await interpreter.start();
  return interpreter;
}

if (import.meta.main) await main();
