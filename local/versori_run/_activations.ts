import { createHash } from "node:crypto";
import type { Activation, User } from "./_activation.ts";
import type { ConnectionConfig, ResolvedConfig } from "./_config.ts";
import type { Database } from "./_database.ts";
import { toJson } from "./_json.ts";

/** External id of the user that runs what nobody else runs. */
export const STATIC_USER = "static";
/** Users of the local platform were always there. */
const SINCE = "2026-01-01T00:00:00.000Z";

/** The activations of the configuration: the static user's and those of `users`. */
export class Activations {
  readonly #config: ResolvedConfig;
  readonly #db: Database;
  readonly #byId = new Map<string, string>();

  constructor(config: ResolvedConfig, db: Database) {
    this.#config = config;
    this.#db = db;
    for (const externalId of [STATIC_USER, ...Object.keys(config.users)]) {
      this.#byId.set(this.#idOf("activation", externalId), externalId);
    }
  }

  /** External ids of all users, the static one first if asked for. */
  externalIds(includeStaticUser: boolean): string[] {
    return [
      ...(includeStaticUser ? [STATIC_USER] : []),
      ...Object.keys(this.#config.users),
    ];
  }

  /** External id of the activation's user; `undefined` when there is no such activation. */
  externalIdOf(activationId: string): string | undefined {
    return this.#byId.get(activationId);
  }

  has(externalId: string): boolean {
    return externalId === STATIC_USER ||
      Object.hasOwn(this.#config.users, externalId);
  }

  /** The activation as one run sees it: its variables are those of this moment. */
  open(externalId: string): Activation {
    if (!this.has(externalId)) {
      throw new Error(
        `No activation of the user '${externalId}' is configured (key users)`,
      );
    }
    const id = this.#idOf("activation", externalId);
    const configured = externalId === STATIC_USER
      ? this.#config.variables
      : this.#config.users[externalId]!.variables;
    const values = new Map<string, string>();
    for (const [name, value] of Object.entries(configured)) {
      values.set(name, JSON.stringify(value));
    }
    const stored = this.#db.all<{ name: string; value: string }>(
      "SELECT name, value FROM variables WHERE activation = ?",
      id,
    );
    for (const { name, value } of stored) values.set(name, value);

    return {
      id,
      user: this.#user(externalId),
      getVariable: <T>(name: string): T | undefined => {
        const value = values.get(name);
        return value === undefined ? undefined : JSON.parse(value) as T;
      },
      setVariable: (name, value) =>
        Promise.try(() => {
          const json = toJson(value, `the activation variable '${name}'`);
          this.#db.run(
            `INSERT INTO variables (activation, name, value) VALUES (?, ?, ?)
             ON CONFLICT (activation, name) DO UPDATE SET value = excluded.value`,
            id,
            name,
            json,
          );
          values.set(name, json);
        }),
    };
  }

  /** The user's own connection of a system, else the static one. */
  connection(externalId: string, system: string): ConnectionConfig | undefined {
    const own = externalId === STATIC_USER ? undefined : this.#config.users[externalId]?.connections;
    if (own && Object.hasOwn(own, system)) return own[system];
    return Object.hasOwn(this.#config.connections, system) ? this.#config.connections[system] : undefined;
  }

  #user(externalId: string): User {
    return {
      id: this.#idOf("user", externalId),
      externalId,
      displayName: externalId,
      organisationId: this.#config.organisationId,
      createdAt: SINCE,
      updatedAt: SINCE,
    };
  }

  /** The same in every process of the environment, and a valid KV segment whatever the external id is. */
  #idOf(kind: string, externalId: string): string {
    const { organisationId, projectId, environment } = this.#config;
    const digest = createHash("sha256").update(
      JSON.stringify([organisationId, projectId, environment, externalId]),
    );
    return `${kind}-${digest.digest("hex").slice(0, 24)}`;
  }
}
