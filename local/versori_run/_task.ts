import type { Context, HttpContext } from "./_context.ts";
import type { ExecutionError } from "./_execution_error.ts";

export type MaybePromise<T> = T | Promise<T>;
/** A task's function; `idx` is the element's index after `unpack()`. */
export type ContextFunc<In, Out, Index = void> = (
  ctx: Context<In>,
  idx?: Index | number,
) => MaybePromise<Out>;
/** A task, or a bare function as an anonymous one. */
export type Taskable<In, Out, Index = void> =
  | Task<In, Out>
  | ContextFunc<In, Out, Index>;

/** What a connection's task is bound to. */
export interface HttpOptions<P = unknown> {
  /** Name of the system. */
  connection: string;
  /** Not documented on the platform, not available here. */
  pagination?: PaginateOptions<P>;
}

/** Its content is not documented. */
export type PaginateOptions<P = unknown> = { readonly initial?: P };

/** A chain of work: each step gets what the one before returned. Every method answers a new chain. */
export interface Task<In, Out> {
  then<N>(task: Taskable<Out, N>): Task<In, N>;
  /** Runs when any step before it has failed; what it returns is passed on. */
  catch<N>(task: Taskable<ExecutionError, N>): Task<In, N>;
  /** The chain so far runs beside the rest, which sees `undefined` at once. */
  background(): Task<In, void>;
  unpack<E = Out extends Array<infer X> ? X : Out>(): ArrayTask<In, E>;
  unpack<E>(mapper: (data: Out) => E[]): ArrayTask<In, E>;
  clone(): Task<In, Out>;
}

/** Element-wise work; results keep the order of the elements. */
export interface ArrayTask<In, E> {
  /** All at once, without limit; the first error fails the whole. */
  parallel<N>(task: Taskable<E, N, number>): Task<In, N[]>;
  /** One after the other. */
  serial<N>(task: Taskable<E, N, number>): Task<In, N[]>;
}

type StepFunction = (ctx: Context, index?: number) => unknown;
type HttpStepFunction = (ctx: HttpContext) => unknown;

/** A task as the platform runs it. */
export type Step =
  | {
    readonly kind: "fn";
    readonly id: string | undefined;
    readonly run: StepFunction;
  }
  | {
    readonly kind: "http";
    readonly id: string;
    readonly connection: string;
    readonly run: HttpStepFunction;
  }
  | { readonly kind: "chain"; readonly steps: readonly Step[] }
  | { readonly kind: "catch"; readonly handler: Step }
  | { readonly kind: "background"; readonly step: Step }
  | {
    readonly kind: "each";
    readonly elements: ((data: unknown) => unknown) | undefined;
    readonly mode: "serial" | "parallel";
    readonly step: Step;
  };

/** The one implementation behind tasks and workflows: an immutable list of steps. */
export abstract class Chain<In, Out> {
  readonly #steps: readonly Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  static stepsOf(chain: Chain<unknown, unknown>): readonly Step[] {
    return chain.#steps;
  }

  /** A chain of the same kind with other steps. */
  protected abstract with<N>(
    steps: readonly Step[],
  ): Chain<In, N> & Task<In, N>;

  then<N>(task: Taskable<Out, N>): Chain<In, N> & Task<In, N> {
    return this.with<N>([...this.#steps, toStep(task)]);
  }

  catch<N>(task: Taskable<ExecutionError, N>): Chain<In, N> & Task<In, N> {
    return this.with<N>([...this.#steps, {
      kind: "catch",
      handler: toStep(task),
    }]);
  }

  background(): Chain<In, void> & Task<In, void> {
    return this.with<void>([{
      kind: "background",
      step: { kind: "chain", steps: this.#steps },
    }]);
  }

  unpack<E>(mapper?: (data: Out) => E[]): ArrayTask<In, E> {
    const each = (mode: "serial" | "parallel") => <N>(task: Taskable<E, N, number>) =>
      this.with<N[]>([...this.#steps, {
        kind: "each",
        elements: mapper as ((data: unknown) => unknown) | undefined,
        mode,
        step: toStep(task),
      }]);
    return { parallel: each("parallel"), serial: each("serial") };
  }

  clone(): Chain<In, Out> & Task<In, Out> {
    return this.with<Out>(this.#steps);
  }
}

class PlainTask<In, Out> extends Chain<In, Out> implements Task<In, Out> {
  protected override with<N>(steps: readonly Step[]): PlainTask<In, N> {
    return new PlainTask<In, N>(steps);
  }
}

/** A task of a function. */
export function fn<In, Out, Index = void>(
  id: string,
  cb: ContextFunc<In, Out, Index>,
): Task<In, Out> {
  requireFunction(cb, `fn('${id}')`);
  return new PlainTask<In, Out>([{ kind: "fn", id, run: cb as StepFunction }]);
}

/** A task that calls a system through its connection. */
export function http<In = unknown, Out = unknown, PageParams = unknown>(
  id: string,
  options: HttpOptions<PageParams>,
  cb: (ctx: HttpContext<In, PageParams>) => Promise<Out>,
): Task<In, Out> {
  requireFunction(cb, `http('${id}')`);
  if (typeof options?.connection !== "string") {
    throw new TypeError(`http('${id}') needs the option connection`);
  }
  if (options.pagination) {
    throw new TypeError(
      `http('${id}'): pagination is not documented, so the local platform has none; loop in the task`,
    );
  }
  return new PlainTask<In, Out>([{
    kind: "http",
    id,
    connection: options.connection,
    run: cb as HttpStepFunction,
  }]);
}

function toStep(task: unknown): Step {
  if (typeof task === "function") {
    return { kind: "fn", id: undefined, run: task as StepFunction };
  }
  if (!(task instanceof PlainTask)) {
    throw new TypeError(
      "Expected a task or a function; a workflow cannot be part of another workflow",
    );
  }
  const steps = Chain.stepsOf(task);
  return steps.length === 1 ? steps[0]! : { kind: "chain", steps };
}

function requireFunction(cb: unknown, what: string): void {
  if (typeof cb !== "function") {
    throw new TypeError(`${what} needs a function, found ${typeof cb}`);
  }
}
