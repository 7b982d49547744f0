import { durable, MemoryInterpreter, type Trigger, type Workflow } from "@versori/run";
import {
  configurePlatform,
  type LocalPlatform,
  localPlatform,
  type PlatformConfig,
} from "@versori/run/local";

export type AnyWorkflow = Trigger<never> | Workflow<never, unknown>;

/** A log that keeps its lines as objects. */
export interface KeptLog {
  readonly entries: {
    severity: string;
    message: string;
    fields: Record<string, unknown>;
    timestamp: string;
  }[];
  readonly write: (line: string) => void;
}

export function keptLog(): KeptLog {
  const entries: KeptLog["entries"] = [];
  return { entries, write: (line) => entries.push(JSON.parse(line)) };
}

/** What the tests' platforms have in common: a free port, a quiet log, quick polling. */
export function testConfig(stateDir: string, config: PlatformConfig = {}): PlatformConfig {
  return {
    stateDir,
    port: 0,
    ...config,
    log: config.log ?? { format: "json", write: () => {} },
    options: {
      queuePollMs: 5,
      completionPollMs: 5,
      retryBackoff: { initialMs: 1 },
      stopTimeoutMs: 2000,
      ...config.options,
    },
  };
}

export async function withTempDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "versori-run-" });
  try {
    return await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Starts a durable platform over a folder. */
export async function startPlatform(
  stateDir: string,
  workflows: readonly AnyWorkflow[],
  config: PlatformConfig = {},
): Promise<LocalPlatform> {
  configurePlatform(testConfig(stateDir, config));
  const interpreter = await durable.DurableInterpreter.newInstance();
  for (const workflow of workflows) interpreter.register(workflow);
  await interpreter.start();
  return localPlatform(interpreter);
}

/** Runs the body against a durable platform in a folder of its own, and stops it. */
export function withPlatform(
  workflows: readonly AnyWorkflow[],
  config: PlatformConfig,
  body: (platform: LocalPlatform, stateDir: string) => Promise<void>,
): Promise<void> {
  return withTempDir(async (dir) => {
    const platform = await startPlatform(dir, workflows, config);
    try {
      await body(platform, dir);
    } finally {
      await platform.stop();
    }
  });
}

/** Runs the body against a platform without durable workflows. */
export async function withMemoryPlatform(
  workflows: readonly AnyWorkflow[],
  config: PlatformConfig,
  body: (platform: LocalPlatform) => Promise<void>,
): Promise<void> {
  configurePlatform(testConfig("unused", config));
  const interpreter = await MemoryInterpreter.newInstance();
  for (const workflow of workflows) interpreter.register(workflow);
  await interpreter.start();
  const platform = localPlatform(interpreter);
  try {
    await body(platform);
  } finally {
    await platform.stop();
  }
}

/** Waits for a condition; fails when it has not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Calls a trigger and reads the answer to its end. */
export async function call(
  platform: { readonly url: string },
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; text: string; json: () => unknown }> {
  const response = await fetch(`${platform.url}${path}`, { method: "POST", ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

/** A JSON body with its header. */
export function json(value: unknown): RequestInit {
  return { body: JSON.stringify(value), headers: { "content-type": "application/json" } };
}
