import type { Fault } from "./faults.ts";
import type { CloneableFluentServerOptions } from "./options.ts";
import { hostInWorker } from "../worker_host.ts";

/** What can be asked of a Fluent server in another thread. */
export type FluentCommand =
  | { readonly kind: "set-faults"; readonly faults: readonly Fault[] }
  | { readonly kind: "close-job"; readonly jobId: string }
  | { readonly kind: "revoke-tokens" }
  | { readonly kind: "complete-batches" };

/** A Fluent server in a thread of its own; what it holds is read over HTTP (`/_local/…`). */
export interface FluentWorker {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** As `FluentServer.setFaults`, in force once resolved. */
  setFaults(faults: readonly Fault[]): Promise<void>;
  /** As `FluentServer.closeJob`. */
  closeJob(jobId: string): Promise<void>;
  /** As `FluentServer.revokeTokens`. */
  revokeTokens(): Promise<void>;
  /** As `FluentServer.completeBatches`. */
  completeBatches(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a Fluent server in a thread of this process, which ends with the process.
 *
 * @throws when the port is taken or the state folder can't be written.
 */
export async function startFluentInWorker(options: CloneableFluentServerOptions = {}): Promise<FluentWorker> {
  const host = await hostInWorker<CloneableFluentServerOptions, FluentCommand>(
    new URL("./_worker.ts", import.meta.url),
    options,
  );
  return {
    url: host.url,
    port: host.port,
    setFaults: (faults) => host.send({ kind: "set-faults", faults }),
    closeJob: (jobId) => host.send({ kind: "close-job", jobId }),
    revokeTokens: () => host.send({ kind: "revoke-tokens" }),
    completeBatches: () => host.send({ kind: "complete-batches" }),
    stop: () => host.stop(),
  };
}
