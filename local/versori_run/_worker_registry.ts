import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import type { Clock } from "./_clock.ts";
import type { Database } from "./_database.ts";

/** Distinguishes this process from an earlier one with the same pid. */
const THIS_PROCESS = randomUUID();

interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly process: string;
  readonly seen_at: number;
}

/** The worker processes on one state folder, and which of them live. */
export class WorkerRegistry {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Says that the worker lives. */
  heartbeat(id: string): void {
    this.#db.run(
      `INSERT INTO workers (id, host, pid, process, seen_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
      id,
      hostname(),
      process.pid,
      THIS_PROCESS,
      this.#clock.now(),
    );
  }

  /** Forgets workers; of those that still had locks only their `ttl` is left. */
  remove(ids: readonly string[]): void {
    for (const id of ids) this.#db.run("DELETE FROM workers WHERE id = ?", id);
  }

  /** Leaves the worker behind as if its process had been killed. */
  abandon(id: string): void {
    this.#db.run("UPDATE workers SET process = 'abandoned' WHERE id = ?", id);
  }

  /** Workers whose process is gone, and those not seen for `unseenMs`: another process may have the pid by now. */
  dead(unseenMs: number): string[] {
    const now = this.#clock.now();
    return this.#db.all<WorkerRow>("SELECT * FROM workers")
      .filter((row) => now - row.seen_at >= unseenMs || !mayLive(row))
      .map((row) => row.id);
  }
}

function mayLive(row: WorkerRow): boolean {
  if (row.host !== hostname()) return true; // its pid says nothing here
  if (row.process === THIS_PROCESS) return true;
  if (row.pid === process.pid) return false;
  return isRunning(row.pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}
