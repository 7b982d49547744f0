import type { Activations } from "./_activations.ts";
import type { Clock } from "./_clock.ts";
import type { ResolvedConfig } from "./_config.ts";
import type { Connections } from "./_connections.ts";
import type { PlatformEvent } from "./_events.ts";
import type { Issues } from "./_issues.ts";
import type { KvStore } from "./_kv_store.ts";
import type { Logger } from "./_log.ts";
import type { PlatformOptions } from "./_options.ts";
import type { Queue } from "./_queue.ts";
import type { WorkflowDefinition } from "./_trigger.ts";

/** What the parts of one platform instance share. */
export interface Services {
  readonly config: ResolvedConfig;
  readonly options: PlatformOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly kv: KvStore;
  readonly queue: Queue;
  readonly issues: Issues;
  readonly activations: Activations;
  readonly connections: Connections;
  /** What is registered, by id. */
  readonly definitions: ReadonlyMap<string, WorkflowDefinition>;
  /** Whether there are durable workflows and automatic issues. */
  readonly isDurable: boolean;
  /** Whether the instance has stopped, so that nothing can be read or written any more. */
  readonly hasStopped: () => boolean;
  readonly emit: (event: PlatformEvent) => void;
  /** Lets the worker of this process look at the queue at once. */
  readonly wakeWorker: () => void;
}
