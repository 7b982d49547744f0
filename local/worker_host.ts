/** Where a server in a worker listens. */
export interface WorkerAddress {
  readonly url: string;
  readonly port: number;
}

type FromWorker =
  | { readonly kind: "started"; readonly address: WorkerAddress }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "done" };

type ToWorker<Options, Command> =
  | { readonly kind: "start"; readonly options: Options }
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "stop" };

/** A server running in a thread of this process. The thread ends with the process, however that ends. */
export interface HostedServer<Command> extends WorkerAddress {
  /** Resolves once the server has carried the command out. @throws what the server threw. */
  send(command: Command): Promise<void>;
  /** Stops the server, then the thread. */
  stop(): Promise<void>;
}

/**
 * Runs a server in its own thread, so that its work doesn't take time from the caller's.
 *
 * @throws when the server can't start.
 */
export async function hostInWorker<Options, Command = never>(
  script: URL,
  options: Options,
): Promise<HostedServer<Command>> {
  const worker = new Worker(script, { type: "module" });
  const post = (message: ToWorker<Options, Command>) => worker.postMessage(message);
  const started = await ask(worker, () => post({ kind: "start", options })).catch((error) => {
    worker.terminate();
    throw error;
  });
  if (started.kind !== "started") {
    throw new Error(`Cannot start a server in a thread: it said ${started.kind}`);
  }

  // One question at a time, because answers carry no number.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (message: ToWorker<Options, Command>): Promise<void> => {
    const turn = last.then(() => ask(worker, () => post(message)));
    last = turn.catch(() => {/* reported to whoever asked */});
    return turn.then(() => {});
  };
  let stopping: Promise<void> | undefined;
  return {
    ...started.address,
    send: (command) => inTurn({ kind: "command", command }),
    stop: () => stopping ??= inTurn({ kind: "stop" }).finally(() => worker.terminate()),
  };
}

/** Sends something and waits for the worker's next message. */
function ask(worker: Worker, send: () => void): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const { signal } = listening;
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      listening.abort();
      if (data.kind === "failed") reject(new Error(data.message));
      else resolve(data);
    }, { signal });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      listening.abort();
      reject(new Error(`A server's thread failed: ${event.message}`));
    }, { signal });
    send();
  });
}

/** The worker's side of {@linkcode hostInWorker}: call it once in the worker's script. */
export function serveInWorker<
  Options,
  Server extends WorkerAddress & { stop(): Promise<void> },
  Command = never,
>(
  start: (options: Options) => Promise<Server>,
  carryOut: (server: Server, command: Command) => void,
): void {
  const scope = globalThis as unknown as {
    postMessage(message: FromWorker): void;
    onmessage: (event: MessageEvent<ToWorker<Options, Command>>) => void;
  };
  let server: Server | undefined;
  const handle = async (message: ToWorker<Options, Command>): Promise<FromWorker> => {
    switch (message.kind) {
      case "start":
        server = await start(message.options);
        return { kind: "started", address: { url: server.url, port: server.port } };
      case "command":
        if (server !== undefined) carryOut(server, message.command);
        return { kind: "done" };
      case "stop":
        await server?.stop();
        return { kind: "done" };
    }
  };
  scope.onmessage = ({ data }) => {
    handle(data)
      .catch((error): FromWorker => ({
        kind: "failed",
        message: error instanceof Error ? error.message : String(error),
      }))
      .then((answer) => scope.postMessage(answer));
  };
}
