import { createContext, createHttpContext } from "./_run_context.ts";
import { execute } from "./_execution.ts";
import { type ExecutionError, toExecutionError } from "./_execution_error.ts";
import { storedScope } from "./_kv_scope.ts";
import { Run, type RunOrigin } from "./_run.ts";
import type { Services } from "./_services.ts";
import type { WorkflowDefinition } from "./_trigger.ts";

/** How a run's chain ended. */
export type RunOutcome =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: ExecutionError };

/** The runs of this process that have not ended. */
export class Runs {
  readonly #services: Services;
  readonly #active = new Map<Run, Promise<unknown>>();

  constructor(services: Services) {
    this.#services = services;
  }

  /** @throws Error when the activation does not exist. */
  open(origin: RunOrigin): Run {
    return new Run(this.#services, origin);
  }

  /**
   * Runs the chain; never rejects.
   *
   * @param afterwards what belongs to the run after its chain, such as the answer to a call.
   */
  run(
    definition: WorkflowDefinition,
    run: Run,
    data: unknown,
    afterwards: (outcome: RunOutcome) => Promise<void> | void = () => {},
  ): Promise<RunOutcome> {
    const outcome = this.#runChain(definition, run, data);
    const logged = (message: string) => (error: unknown) => {
      if (!this.#services.hasStopped()) run.log.error(message, { error });
    };
    const ended = outcome.then(afterwards).catch(logged("Run failed after its last task"))
      .then(() => this.#end(run)).catch(logged("Cannot clean up after the run"));
    this.#active.set(run, ended);
    return outcome;
  }

  /** Number of runs that have not ended, of one workflow or of all. */
  activeOf(workflowId?: string): number {
    let count = 0;
    for (const run of this.#active.keys()) {
      if (workflowId === undefined || run.workflowId === workflowId) count++;
    }
    return count;
  }

  /** Resolves when no run is left. */
  async ended(): Promise<void> {
    while (this.#active.size > 0) await Promise.all(this.#active.values());
  }

  /** Cuts every run off from the platform. */
  cutAll(reason: Error): void {
    for (const run of this.#active.keys()) run.cut(reason);
  }

  /** Cuts off earlier attempts of a durable message. */
  cutAttemptsOf(messageId: string, reason: Error): void {
    for (const run of this.#active.keys()) {
      if (run.claim?.message.id === messageId) run.cut(reason);
    }
  }

  async #runChain(
    definition: WorkflowDefinition,
    run: Run,
    data: unknown,
  ): Promise<RunOutcome> {
    const services = this.#services;
    const { workflowId, executionId } = run;
    const attempt = run.claim?.message.attempt;
    services.emit({
      type: "runStarted",
      workflowId,
      executionId,
      ...(attempt === undefined ? {} : { attempt }),
    });
    let outcome: RunOutcome;
    try {
      const output = await execute(definition.steps, data, {
        signal: run.signal,
        context: (data) => createContext(services, run, data),
        httpContext: (data, connection) => createHttpContext(services, run, data, connection),
        runBeside: (work) => run.runBeside(work),
        beforeCatch: (error) => this.#raiseIssue(run, error),
      });
      outcome = { ok: true, output };
    } catch (thrown) {
      const error = toExecutionError(thrown);
      outcome = { ok: false, error };
      if (!run.signal.aborted) {
        run.log.error("Workflow failed", { workflow: workflowId, error });
        if (services.options.issueOnUnhandledError) {
          this.#raiseIssue(run, error);
        }
      }
    }
    services.emit({
      type: "runEnded",
      workflowId,
      executionId,
      ok: outcome.ok,
    });
    return outcome;
  }

  /** The durable interpreter's automatic issue: high for an `Error`, low for anything else that was thrown. */
  #raiseIssue(run: Run, error: ExecutionError): void {
    if (!this.#services.isDurable) return;
    const isError = error.cause === undefined || error.cause instanceof Error;
    const issue = this.#services.issues.raise({
      severity: isError ? "high" : "low",
      title: `Workflow ${run.workflowId} failed`,
      message: error.message,
      annotations: { executionId: run.executionId, workflowId: run.workflowId },
    });
    this.#services.emit({
      type: "issueRaised",
      id: issue.id,
      title: issue.title,
      count: issue.count,
    });
  }

  async #end(run: Run): Promise<void> {
    await run.besideEnded();
    this.#active.delete(run);
    if (!this.#services.hasStopped()) this.#forgetExecution(run);
  }

  #forgetExecution({ executionId, activation, externalId }: Run): void {
    const { kv, queue, config, options } = this.#services;
    if (options.executionScopeRetention === "kept") return;
    if (options.executionScopeRetention === "execution") {
      const isRunning = [...this.#active.keys()].some((run) => run.executionId === executionId);
      if (isRunning || queue.hasUnfinishedOf(executionId)) return;
    }
    const { organisationId, projectId, environment } = config;
    kv.removeUnder(storedScope(":execution:", {
      organisationId,
      projectId,
      environment,
      activationId: activation.id,
      externalUserId: externalId,
      executionId,
    }));
  }
}
