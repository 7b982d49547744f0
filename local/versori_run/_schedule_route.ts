import { randomUUID } from "node:crypto";
import { withinBudget } from "./_budget.ts";
import type { Run } from "./_run.ts";
import type { RunOutcome, Runs } from "./_runs.ts";
import type { Services } from "./_services.ts";
import { STATIC_USER } from "./_activations.ts";
import type { TriggerDefinition, WorkflowDefinition } from "./_trigger.ts";

export type ScheduleDefinition = WorkflowDefinition<
  Extract<TriggerDefinition, { kind: "schedule" }>
>;

/** One activation's run of a tick. */
export interface ScheduleRun {
  readonly executionId: string;
  readonly activationId: string;
  readonly externalUserId: string;
  /** Unknown while the run goes on. */
  readonly ok?: boolean;
  readonly error?: string;
}

/** Answers the calls of one schedule: one run per activation it is for. */
export class ScheduleRoute {
  readonly #services: Services;
  readonly #runs: Runs;
  readonly #definition: ScheduleDefinition;

  constructor(services: Services, runs: Runs, definition: ScheduleDefinition) {
    this.#services = services;
    this.#runs = runs;
    this.#definition = definition;
  }

  /** Status 200 when all runs succeeded, 500 when one failed, 504 when the time was over before. */
  async handle(): Promise<{ status: number; body: { runs: ScheduleRun[] } }> {
    const { clock, options, emit } = this.#services;
    const { id } = this.#definition.trigger;
    const runs = this.#recipients().map((externalId) =>
      this.#runs.open({ workflowId: id, executionId: randomUUID(), externalId })
    );
    const outcomes = new Map<Run, RunOutcome>();
    const start = async (run: Run) => {
      outcomes.set(run, await this.#runs.run(this.#definition, run, {}));
    };
    const all = options.scheduleActivations === "concurrent"
      ? Promise.all(runs.map(start))
      : runs.reduce<Promise<unknown>>(
        (before, run) => before.then(() => run.signal.aborted ? undefined : start(run)),
        Promise.resolve(),
      );
    const { inTime } = await withinBudget(all, options.triggerTimeoutMs, clock);
    if (!inTime) {
      for (const run of runs) {
        if (outcomes.has(run)) continue;
        emit({
          type: "triggerTimedOut",
          workflowId: id,
          executionId: run.executionId,
        });
        run.log.error("Run exceeded its time limit", {
          workflow: id,
          limitMs: options.triggerTimeoutMs,
        });
        if (!options.triggerRunOutlivesTimeout) {
          run.cut(
            new Error(
              `The run of '${id}' exceeded its limit of ${options.triggerTimeoutMs} ms`,
            ),
          );
        }
      }
    }
    const failed = [...outcomes.values()].some((outcome) => !outcome.ok);
    return {
      status: !inTime ? 504 : failed ? 500 : 200,
      body: { runs: runs.map((run) => describe(run, outcomes.get(run))) },
    };
  }

  #recipients(): string[] {
    const { activations, options } = this.#services;
    const { predicate } = this.#definition.trigger;
    if (predicate === undefined) return [STATIC_USER];
    const all = activations.externalIds(options.scheduleAllIncludesStaticUser);
    return predicate === "all" ? all : all.filter((externalId) => predicate(activations.open(externalId)));
  }
}

function describe(run: Run, outcome: RunOutcome | undefined): ScheduleRun {
  return {
    executionId: run.executionId,
    activationId: run.activation.id,
    externalUserId: run.externalId,
    ...(outcome === undefined ? {} : { ok: outcome.ok }),
    ...(outcome === undefined || outcome.ok ? {} : { error: outcome.error.message }),
  };
}
