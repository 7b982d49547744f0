import { Cron } from "croner";
import type { Activation } from "./_activation.ts";
import type { Context } from "./_context.ts";
import type { ExecutionError } from "./_execution_error.ts";
import { type ArrayTask, Chain, type Step, type Task, type Taskable } from "./_task.ts";

/** A schedule's `ctx.data`: empty. */
export type ScheduleData = Record<string, never>;
/** A webhook's `ctx.data` by type; really it is the parsed body, so a task names the type it expects. */
export type WebhookData = Record<string, never>;
/** A durable workflow's `ctx.data`: what it was started with. */
export type DurableWorkflowData = unknown;

/** For whom a schedule runs; without one for the static user alone. */
export type ActivationPredicate =
  | "all"
  | ((activation?: Activation) => boolean);

/** Cross-origin settings of a webhook, as the `cors` package takes them. */
export interface CorsOptions {
  origin?: boolean | string | RegExp | (boolean | string | RegExp)[];
  methods?: string | string[];
  allowedHeaders?: string | string[];
  exposedHeaders?: string | string[];
  credentials?: boolean;
}

export interface WebhookOptions {
  /** Default `"all"`. */
  method?:
    | "all"
    | "get"
    | "post"
    | "put"
    | "delete"
    | "patch"
    | "options"
    | "head";
  cors?: true | CorsOptions;
  response?: {
    /** Default `"sync"`: the answer waits for the run. */
    mode?: "sync" | "async";
    /** Answers a run that succeeded; may be declared for the type of `data` that the chain returns. */
    onSuccess?(ctx: Context): Response | Promise<Response>;
    /** Answers a run that failed. */
    onError?(ctx: Context<ExecutionError>): Response | Promise<Response>;
  };
  /** Name of the system whose connection verifies the call: API key, basic or hmac. */
  connection?: string;
  /** `rawBody`: `ctx.data` is undefined, the body is in `ctx.request()`. */
  request?: { rawBody?: boolean };
}

export interface DurableWorkflowOptions {
  /** Seconds one attempt may take. */
  ttl?: number;
  /** Most instances at once. */
  limit?: number;
  maxAttempts?: number;
}

/** What starts a workflow. */
export type TriggerDefinition =
  | {
    readonly kind: "schedule";
    readonly id: string;
    readonly cron: string;
    readonly predicate: ActivationPredicate | undefined;
  }
  | {
    readonly kind: "webhook";
    readonly id: string;
    readonly options: WebhookOptions;
  }
  | {
    readonly kind: "workflow";
    readonly id: string;
    readonly options: DurableWorkflowOptions;
  };

/** A trigger without work yet. */
export interface Trigger<Data> {
  then<N>(task: Taskable<Data, N>): Workflow<Data, N>;
}

/** A trigger with its work; has the methods of a task, each of which answers a workflow of the same trigger. */
export interface Workflow<In, Out = In> extends Task<In, Out> {
  then<N>(task: Taskable<Out, N>): Workflow<In, N>;
  catch<N>(task: Taskable<ExecutionError, N>): Workflow<In, N>;
  background(): Workflow<In, void>;
  unpack<E = Out extends Array<infer X> ? X : Out>(): ArrayWorkflow<In, E>;
  unpack<E>(mapper: (data: Out) => E[]): ArrayWorkflow<In, E>;
  clone(): Workflow<In, Out>;
}

/** Element-wise work of a workflow. */
export interface ArrayWorkflow<In, E> extends ArrayTask<In, E> {
  parallel<N>(task: Taskable<E, N, number>): Workflow<In, N[]>;
  serial<N>(task: Taskable<E, N, number>): Workflow<In, N[]>;
}

/** What an interpreter registers. */
export type Registrable = Trigger<never> | Workflow<never, unknown>;

class TriggeredChain<In, Out> extends Chain<In, Out> {
  readonly #trigger: TriggerDefinition;

  constructor(trigger: TriggerDefinition, steps: readonly Step[]) {
    super(steps);
    this.#trigger = trigger;
  }

  static triggerOf(chain: TriggeredChain<unknown, unknown>): TriggerDefinition {
    return chain.#trigger;
  }

  protected override with<N>(steps: readonly Step[]): TriggeredChain<In, N> {
    return new TriggeredChain<In, N>(this.#trigger, steps);
  }
}

/** A registered workflow as the platform runs it. */
export interface WorkflowDefinition<
  T extends TriggerDefinition = TriggerDefinition,
> {
  readonly trigger: T;
  readonly steps: readonly Step[];
}

/** @throws TypeError when the value is no trigger or workflow of this package. */
export function definitionOf(workflow: unknown): WorkflowDefinition {
  if (!(workflow instanceof TriggeredChain)) {
    throw new TypeError(
      "Cannot register this: expected a schedule, webhook or workflow, or a chain that starts with one",
    );
  }
  return {
    trigger: TriggeredChain.triggerOf(workflow),
    steps: Chain.stepsOf(workflow),
  };
}

/**
 * Runs by the clock.
 *
 * @param cron five fields, UTC.
 * @throws TypeError when the pattern is none.
 */
export function schedule(
  id: string,
  cron: string,
  activationPredicate?: ActivationPredicate,
): Workflow<ScheduleData> {
  try {
    parseCron(cron);
  } catch (error) {
    throw new TypeError(
      `schedule('${id}'): ${JSON.stringify(cron)} is no cron pattern of five fields`,
      { cause: error },
    );
  }
  if (
    activationPredicate !== undefined && activationPredicate !== "all" &&
    typeof activationPredicate !== "function"
  ) {
    throw new TypeError(
      `schedule('${id}'): the third argument must be 'all' or a function`,
    );
  }
  return start<ScheduleData>({
    kind: "schedule",
    id,
    cron,
    predicate: activationPredicate,
  });
}

/** Runs when `<public url>/<id>` is called. */
export function webhook(
  id: string,
  options: WebhookOptions = {},
): Trigger<WebhookData> {
  return start<WebhookData>({ kind: "webhook", id, options });
}

/** Runs when it is started through `ctx.start(id)`; repeated, redelivered and able to reschedule itself. */
export function workflow(
  id: string,
  options: DurableWorkflowOptions = {},
): Trigger<DurableWorkflowData> {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(typeof value === "number" && value > 0)) {
      throw new TypeError(
        `workflow('${id}'): ${name} must be a positive number`,
      );
    }
  }
  return start<DurableWorkflowData>({ kind: "workflow", id, options });
}

/** The pattern's times, in UTC; never runs anything by itself. */
export function parseCron(pattern: string): Cron {
  return new Cron(pattern, { timezone: "UTC", mode: "5-part", paused: true });
}

function start<Data>(trigger: TriggerDefinition): Workflow<Data> {
  // Ids are parts of URLs.
  if (
    typeof trigger.id !== "string" ||
    !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(trigger.id)
  ) {
    throw new TypeError(
      `A ${trigger.kind}'s id must consist of A-Z a-z 0-9 . _ -, found ${JSON.stringify(trigger.id)}`,
    );
  }
  return new TriggeredChain<Data, Data>(trigger, []) as unknown as Workflow<
    Data
  >;
}
