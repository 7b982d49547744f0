import { Activations } from "./_activations.ts";
import type { ResolvedConfig } from "./_config.ts";
import { Connections } from "./_connections.ts";
import { Database } from "./_database.ts";
import type { PlatformEvent } from "./_events.ts";
import { Issues } from "./_issues.ts";
import { KvStore } from "./_kv_store.ts";
import { createLogger } from "./_log.ts";
import { Queue } from "./_queue.ts";
import { Runs } from "./_runs.ts";
import { Scheduler, type ScheduleResponse } from "./_scheduler.ts";
import { PlatformServer } from "./_server.ts";
import type { Services } from "./_services.ts";
import type { WorkflowDefinition } from "./_trigger.ts";
import { WorkerRegistry } from "./_worker_registry.ts";
import { Worker } from "./_worker.ts";

/** One instance of the platform: what an interpreter registers its workflows with and starts. */
export class Platform {
  readonly services: Services;
  readonly #db: Database;
  readonly #definitions = new Map<string, WorkflowDefinition>();
  readonly #listeners = new Set<(event: PlatformEvent) => void>();
  readonly #runs: Runs;
  readonly #registry: WorkerRegistry;
  readonly #scheduler: Scheduler;
  #server: PlatformServer | undefined;
  #worker: Worker | undefined;
  #port: number | undefined;
  #state: "new" | "started" | "stopped" = "new";

  constructor(config: ResolvedConfig, isDurable: boolean) {
    const { clock, options } = config;
    this.#db = new Database(isDurable ? config.stateDir : undefined);
    const activations = new Activations(config, this.#db);
    this.services = {
      config,
      options,
      clock,
      log: createLogger(config.log, clock),
      kv: new KvStore(this.#db, clock, options.updateMovesToFront),
      queue: new Queue(this.#db, clock, config),
      issues: new Issues(
        this.#db,
        clock,
        JSON.stringify([
          config.organisationId,
          config.projectId,
          config.environment,
        ]),
      ),
      activations,
      connections: new Connections(activations, options, clock),
      definitions: this.#definitions,
      isDurable,
      hasStopped: () => !this.#db.isOpen,
      emit: (event) => this.#emit(event),
      wakeWorker: () => this.#worker?.wake(),
    };
    this.#runs = new Runs(this.services);
    this.#registry = new WorkerRegistry(this.#db, clock);
    this.#scheduler = new Scheduler(this.services, this.#db, this.#runs);
  }

  /** @throws Error when the id is taken, or the workflow is durable and the interpreter is not. */
  register(definition: WorkflowDefinition): void {
    const { id, kind } = definition.trigger;
    if (this.#state !== "new") {
      throw new Error(
        `Cannot register '${id}': the interpreter has been started`,
      );
    }
    if (this.#definitions.has(id)) {
      throw new Error(`Cannot register '${id}': the id is registered already`);
    }
    if (kind === "workflow" && !this.services.isDurable) {
      throw new Error(
        `Cannot register '${id}': durable workflows need the DurableInterpreter`,
      );
    }
    this.#definitions.set(id, definition);
  }

  /** Opens the port and starts worker and scheduler, as the roles say. */
  async start(): Promise<void> {
    if (this.#state !== "new") {
      throw new Error("The interpreter has been started already");
    }
    this.#state = "started";
    try {
      await this.#open();
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { config: { roles, publicUrl }, log, isDurable } = this.services;
    if (roles.http) {
      const server = new PlatformServer(this.services, this.#runs);
      this.#port = await server.listen();
      this.#server = server;
    }
    if (roles.worker && isDurable) {
      this.#worker = new Worker(this.services, this.#runs, this.#registry);
      this.#worker.start();
    }
    const baseUrl = roles.http ? this.url : publicUrl;
    if (roles.scheduler && baseUrl !== undefined) {
      this.#scheduler.start(baseUrl);
    }
    log.info("Local platform started", {
      ...(roles.http ? { url: this.url } : {}),
      workflows: [...this.#definitions.keys()],
    });
  }

  get port(): number {
    if (this.#port === undefined) {
      throw new Error(
        "The local platform has no port: it is not started, or without the http role",
      );
    }
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Calls a schedule now, as a tick would. */
  fireSchedule(id: string): Promise<ScheduleResponse> {
    if (this.#definitions.get(id)?.trigger.kind !== "schedule") {
      throw new Error(`There is no schedule '${id}'`);
    }
    const { roles, publicUrl } = this.services.config;
    return this.#scheduler.call(roles.http ? this.url : publicUrl ?? this.url, id);
  }

  /** Calls the listener for every event from now on; the answer ends that. */
  subscribe(listener: (event: PlatformEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when no run of this process is left. */
  runsEnded(): Promise<void> {
    return this.#runs.ended();
  }

  /** Number of runs of this process that have not ended. */
  get activeRuns(): number {
    return this.#runs.activeOf();
  }

  /**
   * Takes nothing new, waits for what is running up to `stopTimeoutMs`, then closes everything. Attempts that were not
   * awaited keep their locks, as in a process that ends.
   */
  async stop(): Promise<void> {
    if (this.#state !== "started") return this.#close();
    this.#state = "stopped";
    const { clock, options, log } = this.services;
    await this.#scheduler.stop();
    const closed = this.#server?.close();
    await this.#worker?.stop();
    const late = new AbortController();
    await Promise.race([
      Promise.all([closed, this.#runs.ended()]),
      clock.sleep(options.stopTimeoutMs, late.signal).catch(() => {}), // nothing was late
    ]);
    late.abort();
    const left = this.#runs.activeOf();
    if (left > 0) log.warn("Stopped while runs were going on", { runs: left });
    this.#runs.cutAll(new Error("The local platform has stopped"));
    this.#server?.breakOff();
    await closed;
    if (this.#worker) {
      if (this.#worker.attempts === 0) this.#registry.remove([this.#worker.id]);
      else this.#registry.abandon(this.#worker.id);
    }
    this.#close();
  }

  /** Ends as a killed process does: nothing is waited for, nothing is given back, nothing late reaches the state. */
  async abandon(): Promise<void> {
    if (this.#state !== "started") return this.#close();
    this.#state = "stopped";
    this.#runs.cutAll(new Error("The local platform was abandoned"));
    const loops = [this.#scheduler.stop(), this.#worker?.stop()];
    if (this.#worker) this.#registry.abandon(this.#worker.id);
    this.#close();
    const closed = this.#server?.close();
    this.#server?.breakOff();
    await Promise.all([...loops, closed]);
  }

  #close(): void {
    this.#state = "stopped";
    this.#db.close();
  }

  #emit(event: PlatformEvent): void {
    for (const listener of [this.services.config.onEvent, ...this.#listeners]) {
      try {
        listener?.(event);
      } catch (error) {
        this.services.log.error("A listener to platform events failed", {
          event: event.type,
          error,
        });
      }
    }
  }
}
