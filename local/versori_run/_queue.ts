import { monotonicFactory } from "ulid";
import type { Clock } from "./_clock.ts";
import type { Database } from "./_database.ts";
import type { WorkflowMessage, WorkflowMessageMetadata } from "./_workflow_message.ts";

/** Whose queue it is. */
export interface QueueOwner {
  readonly organisationId: string;
  readonly projectId: string;
  readonly environment: string;
}

/** How much of a workflow a worker may take. */
export interface ClaimRule {
  readonly workflow: string;
  readonly ttlMs: number;
  /** Most instances at once; `null` = any number. */
  readonly limit: number | null;
  /** Whether the limit counts this worker's instances only. */
  readonly limitOfWorker: boolean;
}

/** A message as a worker got it: the claim number fences what this attempt does to the message from then on. */
export interface Claim {
  readonly message: WorkflowMessage;
  readonly number: number;
}

/** A message as the local platform shows it. */
export interface QueuedMessage extends WorkflowMessage {
  readonly status: "available" | "locked" | "completed" | "failed";
  /** Message of the last attempt's error. */
  readonly lastError?: string;
}

interface Row {
  readonly id: string;
  readonly workflow: string;
  readonly payload: string;
  readonly output: string | null;
  readonly status: QueuedMessage["status"];
  readonly attempt: number;
  readonly claim: number;
  readonly max_attempts: number;
  readonly due_at: number;
  readonly created_at: number;
  readonly metadata: string;
  readonly last_error: string | null;
}

const UNFINISHED = "status IN ('available', 'locked')";

/**
 * The durable queue of one environment, shared by every process on the state folder. `due_at` is when an available
 * message may be taken, and when a locked one is delivered again.
 */
export class Queue {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #owner: QueueOwner;
  readonly #environment: string;
  readonly #ulid = monotonicFactory();

  constructor(db: Database, clock: Clock, owner: QueueOwner) {
    this.#db = db;
    this.#clock = clock;
    this.#owner = owner;
    this.#environment = environmentKey(owner);
  }

  enqueue(
    workflow: string,
    payload: string,
    maxAttempts: number,
    metadata: WorkflowMessageMetadata,
  ): QueuedMessage {
    const now = this.#clock.now();
    const id = this.#ulid(now);
    this.#db.run(
      `INSERT INTO messages (id, environment, workflow, payload, status, max_attempts, due_at, created_at, metadata, execution_id)
       VALUES (?, ?, ?, ?, 'available', ?, ?, ?, ?, ?)`,
      id,
      this.#environment,
      workflow,
      payload,
      maxAttempts,
      now,
      now,
      JSON.stringify(metadata),
      metadata.executionId,
    );
    return this.get(id)!;
  }

  get(id: string): QueuedMessage | undefined {
    const row = this.#row(id);
    return row && this.#message(row);
  }

  /** Every message of the environment, oldest first. */
  list(): QueuedMessage[] {
    return this.#db.all<Row>(
      "SELECT * FROM messages WHERE environment = ? ORDER BY id",
      this.#environment,
    )
      .map((row) => this.#message(row));
  }

  /** Whether a claim could find something; much cheaper than claiming. */
  hasDue(): boolean {
    return this.#db.get(
      `SELECT 1 FROM messages WHERE environment = ? AND ${UNFINISHED} AND due_at <= ? LIMIT 1`,
      this.#environment,
      this.#clock.now(),
    ) !== undefined;
  }

  /** Number of messages that are neither completed nor failed, of one workflow or of all. */
  unfinished(workflow?: string): number {
    return this.#db.get<{ n: number }>(
      `SELECT count(*) AS n FROM messages WHERE environment = ? AND ${UNFINISHED} AND (? IS NULL OR workflow = ?)`,
      this.#environment,
      workflow ?? null,
      workflow ?? null,
    )!.n;
  }

  /** Whether an execution still has messages to work on. */
  hasUnfinishedOf(executionId: string): boolean {
    return this.#db.get(
      `SELECT 1 FROM messages WHERE execution_id = ? AND ${UNFINISHED} LIMIT 1`,
      executionId,
    ) !== undefined;
  }

  /** Takes what is due and allowed: locks it until its `ttl` is over and counts the attempt. Spent messages become failed. */
  claim(
    rules: readonly ClaimRule[],
    worker: string,
  ): { claims: Claim[]; spent: QueuedMessage[] } {
    const claims: Claim[] = [];
    const spent: QueuedMessage[] = [];
    this.#db.transaction(() => {
      const now = this.#clock.now();
      for (const rule of rules) {
        const running = this.#db.get<{ n: number }>(
          `SELECT count(*) AS n FROM messages WHERE environment = ? AND workflow = ? AND status = 'locked'
           AND due_at > ? AND (? OR worker = ?)`,
          this.#environment,
          rule.workflow,
          now,
          rule.limitOfWorker ? 0 : 1,
          worker,
        )!.n;
        const due = this.#db.all<Row>(
          `SELECT * FROM messages WHERE environment = ? AND workflow = ? AND ${UNFINISHED} AND due_at <= ?
           ORDER BY due_at, id LIMIT 1000`,
          this.#environment,
          rule.workflow,
          now,
        );
        let free = rule.limit === null ? Infinity : rule.limit - running;
        for (const row of due) {
          if (row.attempt >= row.max_attempts) {
            const error = row.last_error ??
              "its last attempt did not end in time";
            this.#settle(
              row.id,
              row.claim,
              "failed",
              null,
              `attempts used up (${row.max_attempts}): ${error}`,
            );
            spent.push(this.get(row.id)!);
          } else if (free >= 1) {
            free--;
            this.#db.run(
              `UPDATE messages SET status = 'locked', attempt = attempt + 1, claim = claim + 1, due_at = ?, worker = ?
               WHERE id = ?`,
              now + rule.ttlMs,
              worker,
              row.id,
            );
            claims.push({ message: this.get(row.id)!, number: row.claim + 1 });
          }
        }
      }
    });
    return { claims, spent };
  }

  /** Records a normal return. Answers `false` when this attempt no longer holds the message. */
  complete(claim: Claim, output: string): boolean {
    return this.#db.run(
      `UPDATE messages SET status = 'completed', output = ?, worker = NULL, last_error = NULL
       WHERE id = ? AND claim = ? AND status = 'locked'`,
      output,
      claim.message.id,
      claim.number,
    ) === 1;
  }

  /** Records a failed attempt: due again after the delay, or failed for good. */
  retry(
    claim: Claim,
    error: string,
    delayMs: number,
  ): "retried" | "failed" | "superseded" {
    return this.#db.transaction(() => {
      const row = this.#row(claim.message.id);
      if (!row || row.claim !== claim.number || row.status !== "locked") {
        return "superseded";
      }
      if (row.attempt >= row.max_attempts) {
        this.#settle(row.id, row.claim, "failed", null, error);
        return "failed";
      }
      this.#release(row.id, this.#clock.now() + delayMs, row.attempt, error);
      return "retried";
    });
  }

  /**
   * Makes the message due again after the delay.
   *
   * @param claim number of the attempt that asks; without one anybody may.
   * @throws Error when the message is finished or was delivered again since.
   */
  reschedule(
    id: string,
    claim: number | undefined,
    delayMs: number,
    consumesAttempt: boolean,
  ): void {
    this.#db.transaction(() => {
      const row = this.#held(id, claim, "reschedule");
      // Only a delivery that is taken back returns its attempt; a second reschedule of it must not return another.
      const attempt = consumesAttempt || row.status !== "locked" ? row.attempt : row.attempt - 1;
      this.#release(id, this.#clock.now() + delayMs, attempt, row.last_error);
    });
  }

  /** Ends the message whatever its attempt does afterwards. Parameters and errors as for `reschedule`. */
  finish(
    id: string,
    claim: number | undefined,
    status: "completed" | "failed",
    output: string,
  ): void {
    this.#db.transaction(() => {
      const row = this.#held(id, claim, "complete");
      this.#settle(id, row.claim, status, output, null);
    });
  }

  /** Makes what these workers had locked due at once; answers the ids. */
  releaseLocksOf(workers: readonly string[]): string[] {
    return this.#db.transaction(() =>
      workers.flatMap((worker) => {
        const rows = this.#db.all<Row>(
          "SELECT * FROM messages WHERE worker = ? AND status = 'locked'",
          worker,
        );
        for (const row of rows) {
          this.#release(row.id, this.#clock.now(), row.attempt, row.last_error);
        }
        return rows.map((row) => row.id);
      })
    );
  }

  #held(id: string, claim: number | undefined, action: string): Row {
    const row = this.#row(id);
    if (!row) {
      throw new Error(
        `Cannot ${action} the durable workflow '${id}': there is none`,
      );
    }
    if (row.status === "completed" || row.status === "failed") {
      throw new Error(
        `Cannot ${action} the durable workflow '${id}': it is ${row.status} already`,
      );
    }
    if (claim !== undefined && claim !== row.claim) {
      throw new Error(
        `Cannot ${action} the durable workflow '${id}': a later attempt has taken it over`,
      );
    }
    return row;
  }

  #release(
    id: string,
    dueAt: number,
    attempt: number,
    error: string | null,
  ): void {
    this.#db.run(
      "UPDATE messages SET status = 'available', due_at = ?, attempt = ?, worker = NULL, last_error = ? WHERE id = ?",
      dueAt,
      attempt,
      error,
      id,
    );
  }

  #settle(
    id: string,
    claim: number,
    status: string,
    output: string | null,
    error: string | null,
  ): void {
    this.#db.run(
      "UPDATE messages SET status = ?, output = ?, last_error = ?, worker = NULL WHERE id = ? AND claim = ?",
      status,
      output,
      error,
      id,
      claim,
    );
  }

  #row(id: string): Row | undefined {
    return this.#db.get<Row>(
      "SELECT * FROM messages WHERE id = ? AND environment = ?",
      id,
      this.#environment,
    );
  }

  #message(row: Row): QueuedMessage {
    return {
      id: row.id,
      projectId: this.#owner.projectId,
      environmentId: this.#owner.environment,
      group: row.workflow,
      payload: row.payload,
      ...(row.output === null ? {} : { output: row.output }),
      status: row.status,
      attempt: row.attempt,
      maxAttempts: row.max_attempts,
      timeout: new Date(row.due_at).toISOString(),
      createdAt: new Date(row.created_at).toISOString(),
      metadata: JSON.parse(row.metadata),
      ...(row.last_error === null ? {} : { lastError: row.last_error }),
    };
  }
}

/** What separates the rows of several projects and environments on one state folder. */
export function environmentKey(
  { organisationId, projectId, environment }: QueueOwner,
): string {
  return JSON.stringify([organisationId, projectId, environment]);
}
