import type { Context, HttpContext } from "./_context.ts";
import { type ExecutionError, toExecutionError } from "./_execution_error.ts";
import { jsonRoundTrip } from "./_json.ts";
import type { Step } from "./_task.ts";

/** What a chain needs of the run it is part of. */
export interface ExecutionEnvironment {
  /** Once aborted, no further step is started. */
  readonly signal: AbortSignal;
  context(data: unknown): Context;
  httpContext(data: unknown, connection: string): HttpContext;
  /** Takes over a task that runs beside the chain. */
  runBeside(work: Promise<unknown>): void;
  /** Called before a `.catch()` of the workflow itself handles an error. */
  beforeCatch(error: ExecutionError): void;
}

/**
 * Runs a workflow's steps, and answers what the last one returned.
 *
 * @throws ExecutionError when a step fails and no later `.catch()` handles it.
 */
export function execute(
  steps: readonly Step[],
  data: unknown,
  environment: ExecutionEnvironment,
): Promise<unknown> {
  return runChain(steps, data, environment, true);
}

async function runChain(
  steps: readonly Step[],
  input: unknown,
  environment: ExecutionEnvironment,
  isWorkflow: boolean,
  index?: number,
): Promise<unknown> {
  let data = input;
  let failure: ExecutionError | undefined;
  for (const [position, step] of steps.entries()) {
    environment.signal.throwIfAborted();
    if (step.kind === "catch") {
      if (!failure) continue;
      if (isWorkflow) environment.beforeCatch(failure);
      data = failure;
      failure = undefined;
    } else if (failure) continue;
    try {
      data = await runStep(
        step,
        data,
        environment,
        position === 0 ? index : undefined,
      );
    } catch (error) {
      if (environment.signal.aborted) throw error;
      failure = toExecutionError(error);
    }
  }
  if (failure) throw failure;
  return data;
}

async function runStep(
  step: Step,
  data: unknown,
  environment: ExecutionEnvironment,
  index?: number,
): Promise<unknown> {
  switch (step.kind) {
    case "fn":
      return jsonRoundTrip(
        await step.run(environment.context(data), index),
        `the output of ${nameOf(step.id)}`,
      );
    case "http":
      return jsonRoundTrip(
        await step.run(environment.httpContext(data, step.connection)),
        `the output of ${nameOf(step.id)}`,
      );
    case "chain":
      return await runChain(step.steps, data, environment, false, index);
    case "catch":
      return await runStep(step.handler, data, environment);
    case "background":
      environment.runBeside(runStep(step.step, data, environment, index));
      return undefined;
    case "each":
      return await runEach(step, data, environment);
  }
}

async function runEach(
  { elements, mode, step }: Extract<Step, { kind: "each" }>,
  data: unknown,
  environment: ExecutionEnvironment,
): Promise<unknown[]> {
  const unpacked = jsonRoundTrip(
    elements ? elements(data) : data,
    "what unpack() unpacks",
  );
  if (
    unpacked === undefined || unpacked === null ||
    (elements && !Array.isArray(unpacked))
  ) {
    throw new TypeError(
      `Cannot unpack: expected an array, found ${unpacked === null ? "null" : typeof unpacked}`,
    );
  }
  const items: unknown[] = Array.isArray(unpacked) ? unpacked : [unpacked];
  if (mode === "parallel") {
    return await Promise.all(
      items.map((item, index) => runStep(step, item, environment, index)),
    );
  }
  const results: unknown[] = [];
  for (const [index, item] of items.entries()) {
    environment.signal.throwIfAborted();
    results.push(await runStep(step, item, environment, index));
  }
  return results;
}

function nameOf(id: string | undefined): string {
  return id === undefined ? "an anonymous task" : `the task '${id}'`;
}
