import { createHash } from "node:crypto";
import type { KeyValueScope } from "./_key_value.ts";

/** Where the platform keeps a scope: the store's name, and the prefix of its keys. */
export interface StoredScope {
  readonly store: string;
  readonly prefix: readonly string[];
}

/** Who asks for a scope. */
export interface ScopeOwner {
  readonly organisationId: string;
  readonly projectId: string;
  readonly environment: string;
  readonly activationId: string;
  readonly externalUserId: string;
  readonly executionId: string;
}

/**
 * The platform's table of scopes (as its CLI implements it):
 *
 * | scope | store | prefix |
 * |---|---|---|
 * | `:organization:` | `ORG_<org>` | org |
 * | `:workspace:` | `PROJECT_<project>` | org, project, env |
 * | `:project:` | `PROJECT_<project>` | org, project, env, activation |
 * | `:user:` | `PROJECT_<project>` | org, project, env, sha256hex(external user id) |
 * | `:execution:` | `EXECUTION_<project>` | org, project, env, execution |
 *
 * So `:project:` is one activation's, and `:workspace:` contains `:project:` and `:user:`.
 */
export function storedScope(
  scope: KeyValueScope,
  owner: ScopeOwner,
): StoredScope {
  const environment = [
    owner.organisationId,
    owner.projectId,
    owner.environment,
  ];
  const project = `PROJECT_${owner.projectId}`;
  switch (scope) {
    case ":organization:":
      return {
        store: `ORG_${owner.organisationId}`,
        prefix: [owner.organisationId],
      };
    case ":workspace:":
      return { store: project, prefix: environment };
    case ":project:":
      return { store: project, prefix: [...environment, owner.activationId] };
    case ":user:":
      return {
        store: project,
        prefix: [
          ...environment,
          createHash("sha256").update(owner.externalUserId).digest("hex"),
        ],
      };
    case ":execution:":
      return {
        store: `EXECUTION_${owner.projectId}`,
        prefix: [...environment, owner.executionId],
      };
    default:
      throw new TypeError(
        `Cannot open a key-value store: unknown scope ${JSON.stringify(scope satisfies never)}`,
      );
  }
}
