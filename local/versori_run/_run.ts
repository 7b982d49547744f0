// @ts-types="@types/express"
import type { Request } from "express";
import type { Activation } from "./_activation.ts";
import type { Logger } from "./_log.ts";
import type { Claim } from "./_queue.ts";
import type { Services } from "./_services.ts";

/** Where a run comes from. */
export interface RunOrigin {
  readonly workflowId: string;
  readonly executionId: string;
  readonly externalId: string;
  /** The call of a webhook. */
  readonly request?: Request;
  /** The delivery of a durable workflow. */
  readonly claim?: Claim;
}

/** One run of a workflow's chain: a webhook call, a tick for one activation, or one attempt of a durable workflow. */
export class Run {
  readonly workflowId: string;
  readonly executionId: string;
  readonly externalId: string;
  readonly activation: Activation;
  readonly startTime: Date;
  readonly request: Request | undefined;
  readonly claim: Claim | undefined;
  readonly log: Logger;
  /** What the run itself did with its message. */
  settled: "rescheduled" | "completed" | "failed" | undefined;
  readonly #cut = new AbortController();
  readonly #beside = new Set<Promise<unknown>>();

  constructor(services: Services, origin: RunOrigin) {
    this.workflowId = origin.workflowId;
    this.executionId = origin.executionId;
    this.externalId = origin.externalId;
    this.request = origin.request;
    this.claim = origin.claim;
    this.activation = services.activations.open(origin.externalId);
    this.startTime = new Date(services.clock.now());
    this.log = services.log.child({
      executionId: origin.executionId,
      activationId: this.activation.id,
      externalUserId: origin.externalId,
    });
  }

  /** Aborted when the run is cut off from the platform. */
  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  /** Lets nothing the run still does reach the platform. */
  cut(reason: Error): void {
    this.#cut.abort(reason);
  }

  /** Takes over a background task; its error is logged, since nobody waits for it. */
  runBeside(work: Promise<unknown>): void {
    const ended = work.catch((error) => {
      if (!this.signal.aborted) {
        this.log.error("Background task failed", { error });
      }
    }).finally(() => this.#beside.delete(ended));
    this.#beside.add(ended);
  }

  /** Resolves when no background task is left. */
  async besideEnded(): Promise<void> {
    while (this.#beside.size > 0) await Promise.all(this.#beside);
  }
}
