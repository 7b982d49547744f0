import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

const SCHEMA_VERSION = 1;

const SCHEMA = `
CREATE TABLE kv (
  store TEXT NOT NULL,
  path TEXT NOT NULL,
  id TEXT NOT NULL,
  value TEXT NOT NULL,
  versionstamp TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (store, path)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX kv_by_age ON kv (store, id);

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  environment TEXT NOT NULL,
  workflow TEXT NOT NULL,
  payload TEXT NOT NULL,
  output TEXT,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  claim INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  worker TEXT,
  last_error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_due ON messages (environment, status, workflow, due_at);
CREATE INDEX messages_by_execution ON messages (execution_id);

CREATE TABLE workers (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  process TEXT NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE variables (
  activation TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (activation, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE issues (
  id TEXT PRIMARY KEY,
  environment TEXT NOT NULL,
  grouping TEXT,
  severity TEXT NOT NULL,
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  annotations TEXT NOT NULL,
  status TEXT NOT NULL,
  count INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ticks (
  environment TEXT NOT NULL,
  schedule TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (environment, schedule)
) STRICT, WITHOUT ROWID;
`;

/** Name of the database inside the state folder. */
export const DATABASE_FILE = "platform.sqlite";

/**
 * The SQLite database of a state folder, which any number of processes may have open at once (WAL; writers wait for
 * each other). Every statement is prepared once.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #open = true;

  /** @param stateDir folder of the database, made if missing; `undefined` keeps everything in memory. */
  constructor(stateDir: string | undefined) {
    if (stateDir !== undefined) mkdirSync(stateDir, { recursive: true });
    this.#db = new DatabaseSync(
      stateDir === undefined ? ":memory:" : join(stateDir, DATABASE_FILE),
    );
    this.#db.exec("PRAGMA busy_timeout = 10000");
    if (stateDir !== undefined) this.#useWriteAheadLog();
    this.#db.exec("PRAGMA synchronous = NORMAL");
    this.transaction(() => {
      const version = this.get<{ user_version: number }>("PRAGMA user_version")!.user_version;
      if (version === 0) {
        this.#db.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
      } else if (version !== SCHEMA_VERSION) {
        throw new Error(
          `Cannot use the state folder '${stateDir}': its schema is version ${version}, expected ${SCHEMA_VERSION}`,
        );
      }
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** First row, or `undefined`. */
  get<Row>(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...parameters) as Row | undefined;
  }

  /** Every row. */
  all<Row>(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...parameters) as Row[];
  }

  /** Number of rows changed. */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...parameters).changes);
  }

  /** Runs `body` alone among all writers; what it throws undoes what it did. */
  transaction<T>(body: () => T): T {
    this.#prepare("BEGIN IMMEDIATE").run();
    let result: T;
    try {
      result = body();
    } catch (error) {
      this.#prepare("ROLLBACK").run();
      throw error;
    }
    this.#prepare("COMMIT").run();
    return result;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    if (!this.#open) {
      throw new Error("The local platform of this run has stopped");
    }
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #useWriteAheadLog(): void {
    // Switching the journal ignores the busy timeout when two processes open a new database at the same moment.
    for (let left = 100;; left--) {
      try {
        this.#db.exec("PRAGMA journal_mode = WAL");
        return;
      } catch (error) {
        if (left === 0) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      }
    }
  }
}
