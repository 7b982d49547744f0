import { Buffer } from "node:buffer";
import { parseDuration } from "./_duration.ts";
import { toJson } from "./_json.ts";
import type { PlatformOptions } from "./_options.ts";
import type { Run } from "./_run.ts";
import type { Services } from "./_services.ts";
import type { AsyncWorkflow, WorkflowInterface, WorkflowOpts } from "./_workflow_interface.ts";
import type { WorkflowMessage } from "./_workflow_message.ts";

/** The durable queue as one run reaches it. */
export function workflowClient(
  services: Services,
  run: Run,
): WorkflowInterface {
  const { options, clock } = services;
  const whileRunning = <T>(action: () => T | Promise<T>): Promise<T> =>
    Promise.try(() => {
      run.signal.throwIfAborted();
      if (!services.isDurable) {
        throw new Error("Durable workflows need the DurableInterpreter");
      }
      return action();
    });
  const read = (id: string): WorkflowMessage => {
    const message = services.queue.get(id);
    if (!message) throw new Error(`There is no durable workflow '${id}'`);
    return message;
  };
  /** An attempt may settle its own message only while no later attempt has it. */
  const fenceOf = (message: WorkflowMessage) =>
    message.id === run.claim?.message.id ? run.claim.number : undefined;
  const settled = (
    message: WorkflowMessage,
    how: NonNullable<Run["settled"]>,
  ) => {
    if (message.id === run.claim?.message.id) run.settled = how;
    services.wakeWorker();
  };

  return {
    startWorkflow: (group, start = {}) => whileRunning(() => enqueue(services, run, group, start)),
    getWorkflow: (workflow) => whileRunning(() => read(workflow.id)),
    getWorkflowById: (id) => whileRunning(() => read(id)),
    waitForCompletion: (workflow) =>
      whileRunning(async () => {
        for (;;) {
          run.signal.throwIfAborted();
          const message = read(workflow.id);
          if (isFinished(message)) return message;
          await clock.sleep(options.completionPollMs, run.signal);
        }
      }),
    rescheduleWorkflow: (workflow, delay) =>
      whileRunning(() => {
        const delayMs = parseDuration(delay);
        services.queue.reschedule(
          workflow.id,
          fenceOf(workflow),
          delayMs,
          options.rescheduleConsumesAttempt,
        );
        settled(workflow, "rescheduled");
      }),
    completeWorkflow: (workflow, status, result) =>
      whileRunning(() => {
        if (status !== "completed" && status !== "failed") {
          throw new TypeError(
            `Cannot complete a durable workflow as ${JSON.stringify(status)}`,
          );
        }
        services.queue.finish(
          workflow.id,
          fenceOf(workflow),
          status,
          encodeData(result, "the result", options),
        );
        settled(workflow, status);
      }),
  };
}

/** The message as the starter's handle on it. */
export function asyncWorkflow(
  services: Services,
  client: WorkflowInterface,
  started: WorkflowMessage,
): AsyncWorkflow {
  const { clock, options } = services;
  let message = started;
  const refresh = async () => message = await client.getWorkflow(message);
  const output = async () => {
    await refresh();
    if (!isFinished(message)) {
      throw new Error(
        `The durable workflow '${message.id}' is not completed yet`,
      );
    }
    return message.output ?? "";
  };
  return {
    id: started.id,
    get isCompleted() {
      return isFinished(message);
    },
    get isWaiting() {
      return message.status === "available";
    },
    async wait(maxWait) {
      const unitMs = options.asyncWorkflowWaitUnit === "s" ? 1000 : 1;
      const deadline = maxWait === undefined ? Infinity : clock.now() + maxWait * unitMs;
      while (!isFinished(await refresh()) && clock.now() < deadline) {
        await clock.sleep(
          Math.min(
            options.completionPollMs,
            Math.max(0, deadline - clock.now()),
          ),
        );
      }
    },
    getData: async () => decodeData(await output()),
    getDataRaw: output,
  };
}

function enqueue(
  services: Services,
  run: Run,
  group: string,
  start: WorkflowOpts,
): WorkflowMessage {
  const definition = services.definitions.get(group);
  if (definition?.trigger.kind !== "workflow") {
    throw new Error(
      `Cannot start '${group}': no durable workflow of that id is registered`,
    );
  }
  if (start.data !== undefined && start.dataRaw !== undefined) {
    throw new TypeError(
      `Cannot start '${group}': data and dataRaw exclude each other`,
    );
  }
  const payload = start.dataRaw === undefined
    ? encodeData(start.data, `the data of '${group}'`, services.options)
    : withinLimit(start.dataRaw, `the data of '${group}'`, services.options);
  const maxAttempts = start.maxAttempts ??
    definition.trigger.options.maxAttempts ??
    services.options.defaultMaxAttempts;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    throw new TypeError(
      `Cannot start '${group}': maxAttempts must be a positive whole number, found ${maxAttempts}`,
    );
  }
  const message = services.queue.enqueue(group, payload, maxAttempts, {
    executionId: run.executionId,
    activationId: run.activation.id,
    userId: run.activation.user.id,
    ...(run.claim ? { parentWorkflowId: run.claim.message.id } : {}),
  });
  services.emit({ type: "messageEnqueued", group, id: message.id });
  services.wakeWorker();
  return message;
}

/** Base64 of the JSON; empty for `undefined`. */
export function encodeData(
  data: unknown,
  what: string,
  options: PlatformOptions,
): string {
  return data === undefined ? "" : withinLimit(
    Buffer.from(toJson(data, what)).toString("base64"),
    what,
    options,
  );
}

/** What was encoded; bytes that are no JSON stay base64. */
export function decodeData(base64: string): unknown {
  if (base64 === "") return undefined;
  try {
    return JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
  } catch {
    return base64;
  }
}

function withinLimit(
  base64: string,
  what: string,
  options: PlatformOptions,
): string {
  const bytes = Buffer.byteLength(base64, "base64");
  if (bytes <= options.payloadLimitBytes) return base64;
  throw new RangeError(
    `Cannot pass on ${what}: ${bytes} bytes, allowed are ${options.payloadLimitBytes} (option payloadLimitBytes)`,
  );
}

function isFinished(message: WorkflowMessage): boolean {
  return message.status === "completed" || message.status === "failed";
}
