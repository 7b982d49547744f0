import type { PlatformConfig } from "@versori/run/local";

/** What a process of its own can be told of the platform's configuration. */
export type WorkerConfig = Omit<PlatformConfig, "clock" | "onEvent" | "port" | "roles">;

/** Processes that take durable runs beside this one. */
export interface WorkerProcesses {
  readonly pids: readonly number[];
  /** Lets each end what it is at, and waits for it. */
  stop(): Promise<void>;
}

const SCRIPT = new URL("./worker_process.ts", import.meta.url);

/**
 * Starts further processes of the connector on the state folder of this one.
 *
 * @param write takes each line they write, without its end
 * @throws Error when one of them ends before it has started
 */
export async function startWorkerProcesses(
  count: number,
  config: WorkerConfig,
  write: (line: string) => void,
): Promise<WorkerProcesses> {
  const workers: Started[] = [];
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  };
  try {
    const starting = await Promise.allSettled(
      Array.from({ length: count }, async () => {
        const worker = spawn(config, write);
        workers.push(worker);
        await worker.started;
      }),
    );
    const failed = starting.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    return { pids: workers.map(({ pid }) => pid), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Started {
  readonly pid: number;
  readonly started: Promise<void>;
  stop(): Promise<void>;
}

function spawn(config: WorkerConfig, write: (line: string) => void): Started {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", SCRIPT.pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const started = Promise.withResolvers<void>();
  const told = input.write(
    new TextEncoder().encode(
      JSON.stringify({ ...config, roles: { http: false, scheduler: false, worker: true } }) + "\n",
    ),
  ).catch(() => undefined); // its end is told below
  const reading = Promise.all([
    eachLine(child.stdout, (line) => line === "started" ? started.resolve() : write(line)),
    eachLine(child.stderr, write),
  ]);
  const ended = child.status.then(({ code, signal }) => {
    started.reject(new Error(`A worker process ended before it had started, with ${signal ?? code}`));
  });
  // Nobody may be waiting for it any more.
  started.promise.catch(() => undefined);
  return {
    pid: child.pid,
    started: started.promise,
    async stop() {
      await told;
      await input.close().catch(() => undefined); // it has ended already
      await Promise.all([ended, reading]);
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}
