import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { EntityFailureCode } from "./options.ts";

export interface JobRow {
  readonly id: number;
  readonly name: string;
  readonly retailerId: string;
  readonly createdAt: number;
  readonly closesAt: number;
}

/** A batch without its body. Times are milliseconds since the epoch. */
export interface BatchRow {
  readonly id: number;
  readonly jobId: number;
  readonly entityCount: number;
  readonly sha256: string;
  readonly receivedAt: number;
  readonly runningAt: number;
  readonly completeAt: number;
}

/** Entities that processing refuses: index in the batch → code and message. */
export type Failures = Readonly<
  Record<string, { readonly code: EntityFailureCode; readonly message: string }>
>;

export interface StockRow {
  readonly sku: string;
  readonly location: string;
  readonly qty: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, kind TEXT NOT NULL, expiresAt REAL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, retailerId TEXT NOT NULL, meta TEXT NOT NULL,
    createdAt REAL NOT NULL, closesAt REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, jobId INTEGER NOT NULL, entityCount INTEGER NOT NULL, sha256 TEXT NOT NULL,
    receivedAt REAL NOT NULL, runningAt REAL NOT NULL, completeAt REAL NOT NULL,
    failures TEXT NOT NULL, body BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS batches_of_job ON batches (jobId);
  CREATE TABLE IF NOT EXISTS stock (sku TEXT, location TEXT, qty INTEGER NOT NULL, PRIMARY KEY (sku, location))
    WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS settled (one INTEGER PRIMARY KEY CHECK (one = 1), throughBatch INTEGER NOT NULL);
  INSERT OR IGNORE INTO settled VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS overtaken (id INTEGER PRIMARY KEY);
`;
/** When a batch completes that doesn't by itself: after any other time, and exact in SQLite. */
export const NEVER = Number.MAX_SAFE_INTEGER;
/** Job and batch ids start far apart, so that a caller who takes one for the other gets a 404. */
const FIRST_IDS = `
  INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs', 198 WHERE NOT EXISTS
    (SELECT 1 FROM sqlite_sequence WHERE name = 'jobs');
  INSERT INTO sqlite_sequence (name, seq) SELECT 'batches', 70000 WHERE NOT EXISTS
    (SELECT 1 FROM sqlite_sequence WHERE name = 'batches');
`;
const BATCH_COLUMNS = "id, jobId, entityCount, sha256, receivedAt, runningAt, completeAt";
/** Batches applied to the stock in one transaction: bounds its size. */
const SETTLE_STEP = 50;

/**
 * The server's state in SQLite: one file under the state folder, or memory. Every change is one transaction, committed
 * before the call returns, so a killed process has lost nothing it answered for.
 */
export class FluentStore {
  readonly #db: DatabaseSync;
  readonly #insertBatch;
  readonly #job;
  readonly #batch;
  readonly #body;
  readonly #latestToken;

  constructor(stateDir?: string) {
    if (stateDir !== undefined) mkdirSync(stateDir, { recursive: true });
    this.#db = new DatabaseSync(stateDir === undefined ? ":memory:" : join(stateDir, "fluent.sqlite"));
    // Bodies are tens of kilobytes: large pages write them faster. Has no effect on a database that exists.
    this.#db.exec("PRAGMA page_size = 16384;");
    // WAL survives the death of the process whatever `synchronous` says; only the machine's own death could lose commits.
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 5000;");
    this.#db.exec(SCHEMA);
    this.#db.exec(FIRST_IDS);
    this.#insertBatch = this.#db.prepare(
      "INSERT INTO batches (jobId, entityCount, sha256, receivedAt, runningAt, completeAt, failures, body) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#job = this.#db.prepare(
      "SELECT id, name, retailerId, createdAt, closesAt FROM jobs WHERE id = ?",
    );
    this.#batch = this.#db.prepare(`SELECT ${BATCH_COLUMNS} FROM batches WHERE jobId = ? AND id = ?`);
    this.#body = this.#db.prepare("SELECT failures, body FROM batches WHERE id = ?");
    this.#latestToken = this.#db.prepare("SELECT expiresAt FROM tokens WHERE token = ? AND kind = 'access'");
  }

  close(): void {
    this.#db.close();
  }

  addTokens(access: string, expiresAt: number, refresh: string): void {
    this.#transaction(() => {
      const insert = this.#db.prepare("INSERT INTO tokens VALUES (?, ?, ?)");
      insert.run(access, "access", expiresAt);
      insert.run(refresh, "refresh", null);
    });
  }

  /** When this access token expires; undefined for one never given out. */
  accessExpiry(token: string): number | undefined {
    const row = this.#latestToken.get(token) as { expiresAt: number } | undefined;
    return row?.expiresAt;
  }

  /** Uses a refresh token up; false when it was never given out or is used already. */
  useRefreshToken(token: string): boolean {
    const done = this.#db.prepare("DELETE FROM tokens WHERE token = ? AND kind = 'refresh'").run(token);
    return Number(done.changes) === 1;
  }

  revokeAccessTokens(): void {
    this.#db.exec("DELETE FROM tokens WHERE kind = 'access'");
  }

  addJob(job: Omit<JobRow, "id"> & { readonly meta: unknown }): number {
    const done = this.#db.prepare(
      "INSERT INTO jobs (name, retailerId, meta, createdAt, closesAt) VALUES (?, ?, ?, ?, ?)",
    ).run(job.name, job.retailerId, JSON.stringify(job.meta ?? {}), job.createdAt, job.closesAt);
    return Number(done.lastInsertRowid);
  }

  job(id: number): JobRow | undefined {
    return this.#job.get(id) as JobRow | undefined;
  }

  jobs(): JobRow[] {
    return this.#db.prepare("SELECT id, name, retailerId, createdAt, closesAt FROM jobs ORDER BY id")
      .all() as unknown as JobRow[];
  }

  closeJob(id: number, at: number): boolean {
    return Number(
      this.#db.prepare("UPDATE jobs SET closesAt = min(closesAt, ?) WHERE id = ?").run(at, id).changes,
    ) > 0;
  }

  addBatch(
    batch: Omit<BatchRow, "id" | "sha256"> & { readonly failures: Failures; readonly body: Uint8Array },
  ): number {
    const sha256 = createHash("sha256").update(batch.body).digest("hex");
    const done = this.#insertBatch.run(
      batch.jobId,
      batch.entityCount,
      sha256,
      batch.receivedAt,
      batch.runningAt,
      batch.completeAt,
      JSON.stringify(batch.failures),
      batch.body,
    );
    return Number(done.lastInsertRowid);
  }

  batch(jobId: number, id: number): BatchRow | undefined {
    return this.#batch.get(jobId, id) as BatchRow | undefined;
  }

  /** In the order of acceptance. */
  batches(jobId?: number): BatchRow[] {
    const select = `SELECT ${BATCH_COLUMNS} FROM batches`;
    const rows = jobId === undefined
      ? this.#db.prepare(`${select} ORDER BY id`).all()
      : this.#db.prepare(`${select} WHERE jobId = ? ORDER BY id`).all(jobId);
    return rows as unknown as BatchRow[];
  }

  batchCount(jobId: number): number {
    return (this.#db.prepare("SELECT count(*) AS n FROM batches WHERE jobId = ?").get(jobId) as { n: number })
      .n;
  }

  /** The body as it was received, and what processing refuses of it. */
  bodyOf(batchId: number): { readonly body: Uint8Array; readonly failures: Failures } {
    const row = this.#body.get(batchId) as { failures: string; body: Uint8Array } | undefined;
    if (row === undefined) throw new Error(`Cannot read batch ${batchId}: the store has no such batch`);
    return { body: row.body, failures: JSON.parse(row.failures) };
  }

  /** When the batch accepted last completes; 0 when there is none. */
  latestCompletion(): number {
    const select = this.#db.prepare("SELECT max(completeAt) AS at FROM batches WHERE completeAt < ?");
    return (select.get(NEVER) as { at: number | null }).at ?? 0;
  }

  /** Makes every batch complete at `at`, unless it did before. */
  completeAll(at: number): void {
    this.#db.prepare(
      "UPDATE batches SET runningAt = min(runningAt, ?), completeAt = min(completeAt, ?)",
    ).run(at, at);
  }

  /**
   * Applies to the stock, in order of acceptance, every batch that is complete by `now` and not applied yet. A batch that
   * later ones have overtaken is applied when its own time comes.
   */
  settle(now: number, stockOf: (body: Uint8Array, failures: Failures) => Iterable<StockRow>): void {
    const due = this.#db.prepare(
      "SELECT id FROM batches WHERE (id > (SELECT throughBatch FROM settled) OR id IN (SELECT id FROM overtaken)) " +
        "AND completeAt <= ? ORDER BY id LIMIT ?",
    );
    const overtake = this.#db.prepare(
      "INSERT INTO overtaken SELECT id FROM batches " +
        "WHERE id > (SELECT throughBatch FROM settled) AND id < ? AND completeAt > ?",
    );
    const applied = this.#db.prepare("DELETE FROM overtaken WHERE id = ?");
    const upsert = this.#db.prepare(
      "INSERT INTO stock VALUES (?, ?, ?) ON CONFLICT (sku, location) DO UPDATE SET qty = excluded.qty",
    );
    const mark = this.#db.prepare("UPDATE settled SET throughBatch = max(throughBatch, ?)");
    for (;;) {
      const ids = due.all(now, SETTLE_STEP) as { id: number }[];
      const last = ids.at(-1);
      if (last === undefined) return;
      this.#transaction(() => {
        for (const { id } of ids) {
          const { body, failures } = this.bodyOf(id);
          for (const row of stockOf(body, failures)) upsert.run(row.sku, row.location, row.qty);
          applied.run(id);
        }
        overtake.run(last.id, now);
        mark.run(last.id);
      });
    }
  }

  stockCount(): number {
    return (this.#db.prepare("SELECT count(*) AS n FROM stock").get() as { n: number }).n;
  }

  /** All stock in order of sku, then location (by UTF-8 bytes). */
  *stock(): Generator<StockRow> {
    const page = this.#db.prepare(
      "SELECT sku, location, qty FROM stock WHERE (sku, location) > (?, ?) ORDER BY sku, location LIMIT 5000",
    );
    // References are never empty, so the first page starts before all of them.
    let last: StockRow | undefined = { sku: "", location: "", qty: 0 };
    while (last !== undefined) {
      const rows = page.all(last.sku, last.location) as unknown as StockRow[];
      yield* rows;
      last = rows.at(-1);
    }
  }

  /** A page of the stock in order of sku, then location (by UTF-8 bytes). */
  stockPage(start: number, count: number): StockRow[] {
    return this.#db.prepare("SELECT sku, location, qty FROM stock ORDER BY sku, location LIMIT ? OFFSET ?")
      .all(count, start) as unknown as StockRow[];
  }

  #transaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}
