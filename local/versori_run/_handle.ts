import { STATIC_USER } from "./_activations.ts";
import type { PlatformEvent } from "./_events.ts";
import { type Interpreter, platformOf } from "./_interpreter.ts";
import type { Issue } from "./_issue.ts";
import type { KeyValue, KeyValueScope } from "./_key_value.ts";
import { storedScope } from "./_kv_scope.ts";
import type { QueuedMessage } from "./_queue.ts";
import type { ScheduleResponse } from "./_scheduler.ts";
import { scopedKeyValue } from "./_scoped_key_value.ts";

/** What the machine's owner can do with a platform that runs in this process. */
export interface LocalPlatform {
  /** `http://127.0.0.1:<port>`. Throws before the start and without the http role, as does `port`. */
  readonly url: string;
  readonly port: number;
  /** Calls a schedule now over HTTP, exactly as its tick does. */
  fireSchedule(id: string): Promise<ScheduleResponse>;
  /**
   * A key-value store from outside any run. `externalId` is the user of `:project:` and `:user:` (default the static one);
   * `:execution:` needs `executionId`.
   */
  openKv(
    scope: KeyValueScope,
    owner?: { readonly externalId?: string; readonly executionId?: string },
  ): KeyValue;
  readonly queue: {
    /** Every message, oldest first. */
    list(): QueuedMessage[];
    get(id: string): QueuedMessage | undefined;
  };
  /** Every issue, oldest first. */
  issues(): Issue[];
  /** What a person does with an issue in the platform's user interface. */
  setIssueStatus(id: string, status: Issue["status"]): Issue;
  /** Calls the listener for every event from now on; the answer ends that. */
  subscribe(listener: (event: PlatformEvent) => void): () => void;
  /**
   * Resolves when no message (of the group) is left to work on, messages waiting for their time included, and nothing runs
   * in this process (which a group leaves out of account).
   *
   * @throws the signal's reason when it aborts first.
   */
  waitForIdle(
    options?: { readonly signal?: AbortSignal; readonly group?: string },
  ): Promise<void>;
  /** Takes nothing new, waits for what runs up to `stopTimeoutMs`, closes server, worker, scheduler and database. */
  stop(): Promise<void>;
  /** Ends as a killed process does: locks stay, nothing that still runs reaches the state. */
  abandon(): Promise<void>;
}

/** The local platform behind an interpreter. */
export function localPlatform(interpreter: Interpreter): LocalPlatform {
  const platform = platformOf(interpreter);
  const { services } = platform;
  const { config, kv, queue, issues, options, clock } = services;
  return {
    get url() {
      return platform.url;
    },
    get port() {
      return platform.port;
    },
    fireSchedule: (id) => Promise.try(() => platform.fireSchedule(id)),
    openKv(scope, { externalId = STATIC_USER, executionId } = {}) {
      if (scope === ":execution:" && executionId === undefined) {
        throw new TypeError(
          "Cannot open :execution: from outside without an executionId",
        );
      }
      const stored = storedScope(scope, {
        organisationId: config.organisationId,
        projectId: config.projectId,
        environment: config.environment,
        activationId: services.activations.open(externalId).id,
        externalUserId: externalId,
        executionId: executionId ?? "",
      });
      return scopedKeyValue(kv, stored, options);
    },
    queue: { list: () => queue.list(), get: (id) => queue.get(id) },
    issues: () => issues.list(),
    setIssueStatus: (id, status) => issues.setStatus(id, status),
    subscribe: (listener) => platform.subscribe(listener),
    async waitForIdle({ signal, group } = {}) {
      for (;;) {
        signal?.throwIfAborted();
        if (
          queue.unfinished(group) === 0 &&
          (group !== undefined || platform.activeRuns === 0)
        ) return;
        await clock.sleep(options.queuePollMs, signal);
      }
    },
    stop: () => platform.stop(),
    abandon: () => platform.abandon(),
  };
}
