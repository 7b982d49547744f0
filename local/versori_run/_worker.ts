import { ulid } from "ulid";
import { messageOf } from "./_execution_error.ts";
import type { Claim, ClaimRule } from "./_queue.ts";
import type { RunOutcome, Runs } from "./_runs.ts";
import type { Run } from "./_run.ts";
import type { Services } from "./_services.ts";
import type { WorkerRegistry } from "./_worker_registry.ts";
import { decodeData, encodeData } from "./_workflow_client.ts";

/** Takes messages from the durable queue and runs them. */
export class Worker {
  readonly id: string;
  readonly #services: Services;
  readonly #runs: Runs;
  readonly #registry: WorkerRegistry;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();
  #attempts = 0;

  constructor(services: Services, runs: Runs, registry: WorkerRegistry) {
    this.#services = services;
    this.#runs = runs;
    this.#registry = registry;
    this.id = ulid(services.clock.now());
  }

  /** Number of attempts that have not ended. */
  get attempts(): number {
    return this.#attempts;
  }

  start(): void {
    this.#beat();
    this.#loops = Promise.all([this.#consume(), this.#keepBeating()]);
  }

  /** Looks at the queue at once. */
  wake(): void {
    this.#wake.abort();
  }

  /** Takes no more messages; attempts go on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loops;
  }

  async #consume(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      try {
        if (this.#services.queue.hasDue()) this.#claim();
      } catch (error) {
        this.#services.log.error("Cannot read the durable queue", { error });
      }
      await this.#pause(this.#services.options.queuePollMs, this.#wake.signal);
    }
  }

  #claim(): void {
    const { queue, emit, log } = this.#services;
    const { claims, spent } = queue.claim(this.#rules(), this.id);
    for (const { group, id, attempt, lastError } of spent) {
      log.error("Durable workflow failed for good", {
        workflow: group,
        message: id,
        attempt,
        error: lastError,
      });
      emit({ type: "messageSettled", group, id, attempt, outcome: "failed" });
    }
    for (const claim of claims) {
      const { group, id, attempt } = claim.message;
      emit({ type: "messageClaimed", group, id, attempt });
      this.#attempts++;
      this.#attempt(claim).catch((error) =>
        log.error("Cannot settle a durable workflow", { message: id, error })
      )
        .finally(() => {
          this.#attempts--;
          this.wake();
        });
    }
  }

  #rules(): ClaimRule[] {
    const { options } = this.#services;
    const rules: ClaimRule[] = [];
    for (const { trigger } of this.#services.definitions.values()) {
      if (trigger.kind !== "workflow") continue;
      rules.push({
        workflow: trigger.id,
        ttlMs: (trigger.options.ttl ?? options.defaultTtlSeconds) * 1000,
        limit: trigger.options.limit ?? options.defaultLimit,
        limitOfWorker: options.limitScope === "process",
      });
    }
    return rules;
  }

  async #attempt(claim: Claim): Promise<void> {
    const { message } = claim;
    const definition = this.#services.definitions.get(message.group)!;
    const externalId = this.#services.activations.externalIdOf(
      message.metadata.activationId,
    );
    if (externalId === undefined) {
      this.#fail(
        claim,
        `the activation '${message.metadata.activationId}' does not exist any more`,
      );
      return;
    }
    const { timedOutAttemptKeepsRunning } = this.#services.options;
    if (!timedOutAttemptKeepsRunning) {
      // After a stall the redelivery can come before the timer of the attempt it follows.
      this.#runs.cutAttemptsOf(message.id, beyondTtl(message.group));
    }
    const run = this.#runs.open({
      workflowId: message.group,
      executionId: message.metadata.executionId,
      externalId,
      claim,
    });
    const ended = new AbortController();
    if (!timedOutAttemptKeepsRunning) this.#cutAtTimeout(run, claim, ended.signal);
    await this.#runs.run(
      definition,
      run,
      decodeData(message.payload),
      (outcome) => {
        ended.abort();
        this.#settle(run, claim, outcome);
      },
    );
  }

  #settle(run: Run, claim: Claim, outcome: RunOutcome): void {
    const { queue, emit, options, hasStopped } = this.#services;
    const { group, id, attempt } = claim.message;
    const settled = (
      outcome:
        | "completed"
        | "failed"
        | "rescheduled"
        | "superseded"
        | "abandoned",
    ) => {
      if (outcome === "superseded") {
        run.log.warn("Result of a superseded attempt dropped", {
          workflow: group,
          attempt,
        });
      }
      emit({ type: "messageSettled", group, id, attempt, outcome });
    };
    if (run.signal.aborted || hasStopped()) return settled("abandoned");
    // What the attempt itself did to its message stands, whatever came after it.
    if (run.settled !== undefined) return settled(run.settled);
    if (!outcome.ok) return this.#fail(claim, outcome.error.message);
    let output: string;
    try {
      output = encodeData(outcome.output, `the output of '${group}'`, options);
    } catch (error) {
      return this.#fail(claim, messageOf(error));
    }
    settled(queue.complete(claim, output) ? "completed" : "superseded");
  }

  #fail(claim: Claim, reason: string): void {
    const { group, id, attempt } = claim.message;
    const { initialMs, factor, maxMs } = this.#services.options.retryBackoff;
    const delayMs = Math.min(maxMs, initialMs * factor ** (attempt - 1));
    const outcome = this.#services.queue.retry(
      claim,
      reason,
      Math.round(delayMs),
    );
    if (outcome === "failed") {
      this.#services.log.error("Durable workflow failed for good", {
        workflow: group,
        message: id,
        attempt,
        error: reason,
      });
    }
    this.#services.emit({
      type: "messageSettled",
      group,
      id,
      attempt,
      outcome,
    });
  }

  #cutAtTimeout(run: Run, claim: Claim, ended: AbortSignal): void {
    const { clock } = this.#services;
    clock.sleep(
      Math.max(0, Date.parse(claim.message.timeout) - clock.now()),
      ended,
    ).then(
      () => run.cut(beyondTtl(claim.message.group)),
      () => {}, // it ended in time
    );
  }

  async #keepBeating(): Promise<void> {
    while (
      await this.#pause(
        this.#services.options.heartbeatMs,
        this.#stopping.signal,
      )
    ) this.#beat();
  }

  #beat(): void {
    const { options, queue, emit, log } = this.#services;
    try {
      this.#registry.heartbeat(this.id);
      if (!options.reclaimDeadWorkers) return;
      const dead = this.#registry.dead(options.deadWorkerAfterMs);
      if (dead.length === 0) return;
      const ids = queue.releaseLocksOf(dead);
      this.#registry.remove(dead);
      if (ids.length === 0) return;
      log.warn("Released the locks of dead worker processes", {
        messages: ids,
      });
      emit({ type: "locksReleased", ids });
      this.wake();
    } catch (error) {
      log.error("Cannot record the worker's heartbeat", { error });
    }
  }

  /** Answers whether the time passed without the signal. */
  async #pause(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#services.clock.sleep(ms, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

function beyondTtl(workflowId: string): Error {
  return new Error(`The attempt of '${workflowId}' exceeded its ttl`);
}
