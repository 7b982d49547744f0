import { ulid } from "ulid";
import type { Clock } from "./_clock.ts";
import type { Database } from "./_database.ts";
import type { CreateIssue, CreateIssueOptions, Issue } from "./_issue.ts";
import { toJson } from "./_json.ts";

const SEVERITIES: readonly string[] = ["low", "medium", "high", "critical"];

interface IssueRow {
  readonly id: string;
  readonly severity: Issue["severity"];
  readonly title: string;
  readonly message: string;
  readonly annotations: string;
  readonly status: Issue["status"];
  readonly count: number;
  readonly created_at: number;
  readonly updated_at: number;
}

const COLUMNS = "id, severity, title, message, annotations, status, count, created_at, updated_at";

/** The issues of one environment. */
export class Issues {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #environment: string;

  constructor(db: Database, clock: Clock, environment: string) {
    this.#db = db;
    this.#clock = clock;
    this.#environment = environment;
  }

  /** Raises an issue, or counts up the unresolved one it repeats. */
  raise(
    issue: CreateIssue,
    { deduplicate = true, duplicationKey }: CreateIssueOptions = {},
  ): Issue {
    if (!SEVERITIES.includes(issue.severity)) {
      throw new TypeError(
        `Cannot create an issue: severity must be one of ${SEVERITIES.join(", ")}`,
      );
    }
    const grouping = deduplicate ? duplicationKey ?? JSON.stringify([issue.severity, issue.title]) : null;
    const now = this.#clock.now();
    return this.#db.transaction(() => {
      const repeated = grouping === null ? undefined : this.#db.get<{ id: string }>(
        `SELECT id FROM issues WHERE environment = ? AND grouping = ? AND status IN ('open', 'acked')
         ORDER BY id DESC LIMIT 1`,
        this.#environment,
        grouping,
      );
      if (repeated) {
        this.#db.run(
          "UPDATE issues SET count = count + 1, updated_at = ? WHERE id = ?",
          now,
          repeated.id,
        );
        return this.#read(repeated.id);
      }
      const id = ulid(now);
      this.#db.run(
        `INSERT INTO issues (environment, grouping, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', 1, ?, ?)`,
        this.#environment,
        grouping,
        id,
        issue.severity,
        issue.title,
        issue.message,
        toJson(issue.annotations ?? {}, "the issue's annotations"),
        now,
        now,
      );
      return this.#read(id);
    });
  }

  /** Every issue, oldest first. */
  list(): Issue[] {
    return this.#db.all<IssueRow>(
      `SELECT ${COLUMNS} FROM issues WHERE environment = ? ORDER BY id`,
      this.#environment,
    )
      .map(toIssue);
  }

  /** What a person does with an issue in the platform's user interface. */
  setStatus(id: string, status: Issue["status"]): Issue {
    this.#db.run(
      "UPDATE issues SET status = ?, updated_at = ? WHERE id = ?",
      status,
      this.#clock.now(),
      id,
    );
    return this.#read(id);
  }

  #read(id: string): Issue {
    const row = this.#db.get<IssueRow>(
      `SELECT ${COLUMNS} FROM issues WHERE id = ?`,
      id,
    );
    if (!row) throw new Error(`There is no issue '${id}'`);
    return toIssue(row);
  }
}

function toIssue(row: IssueRow): Issue {
  return {
    id: row.id,
    severity: row.severity,
    title: row.title,
    message: row.message,
    annotations: JSON.parse(row.annotations),
    status: row.status,
    count: row.count,
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}
