import type { Database } from "./_database.ts";
import { environmentKey } from "./_queue.ts";
import type { Runs } from "./_runs.ts";
import type { ScheduleDefinition } from "./_schedule_route.ts";
import type { Services } from "./_services.ts";
import { parseCron } from "./_trigger.ts";

/** What a call of a schedule was answered. */
export interface ScheduleResponse {
  readonly status: number;
  readonly body: unknown;
}

/** A timer is never set further ahead than this. */
const LONGEST_SLEEP_MS = 86_400_000;

/** Calls the schedules over HTTP when their time has come, in UTC. */
export class Scheduler {
  readonly #services: Services;
  readonly #db: Database;
  readonly #runs: Runs;
  readonly #environment: string;
  readonly #stopping = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();

  constructor(services: Services, db: Database, runs: Runs) {
    this.#services = services;
    this.#db = db;
    this.#runs = runs;
    this.#environment = environmentKey(services.config);
  }

  /** @param baseUrl where the schedules are reached. */
  start(baseUrl: string): void {
    const loops: Promise<void>[] = [];
    for (const { trigger, steps } of this.#services.definitions.values()) {
      if (trigger.kind === "schedule") {
        loops.push(this.#follow(baseUrl, { trigger, steps }));
      }
    }
    this.#loops = Promise.all(loops);
  }

  /** Sets no more timers; calls under way go on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loops;
  }

  /** Calls a schedule now, exactly as a tick does. */
  async call(baseUrl: string, id: string): Promise<ScheduleResponse> {
    const response = await fetch(new URL(`/${id}`, baseUrl), {
      method: "POST",
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ??
      false;
    this.#services.emit({ type: "scheduleFired", id, status: response.status });
    return {
      status: response.status,
      body: isJson && text !== "" ? JSON.parse(text) : text,
    };
  }

  async #follow(
    baseUrl: string,
    { trigger }: ScheduleDefinition,
  ): Promise<void> {
    const { clock } = this.#services;
    const { signal } = this.#stopping;
    const cron = parseCron(trigger.cron);
    this.#catchUp(baseUrl, trigger.id, trigger.cron);
    for (;;) {
      const due = cron.nextRun(new Date(clock.now()))?.getTime();
      if (due === undefined) return; // a date that never comes
      try {
        while (clock.now() < due) {
          await clock.sleep(
            Math.min(due - clock.now(), LONGEST_SLEEP_MS),
            signal,
          );
        }
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      if (this.#claimTick(trigger.id, due)) this.#tick(baseUrl, trigger.id);
    }
  }

  #catchUp(baseUrl: string, id: string, pattern: string): void {
    const now = this.#services.clock.now();
    const last = this.#db.get<{ due_at: number }>(
      "SELECT due_at FROM ticks WHERE environment = ? AND schedule = ?",
      this.#environment,
      id,
    )?.due_at;
    if (last === undefined) {
      this.#claimTick(id, now);
      return;
    }
    const missed = parseCron(pattern).previousRuns(1, new Date(now))[0]
      ?.getTime();
    if (
      missed === undefined || missed <= last || !this.#claimTick(id, missed)
    ) return;
    if (this.#services.options.scheduleCatchUp === "last") {
      this.#tick(baseUrl, id);
    }
  }

  /** Several processes may follow the same schedules; one of them gets each tick. */
  #claimTick(id: string, due: number): boolean {
    return this.#db.run(
      `INSERT INTO ticks (environment, schedule, due_at) VALUES (?, ?, ?)
       ON CONFLICT (environment, schedule) DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at > ticks.due_at`,
      this.#environment,
      id,
      due,
    ) === 1;
  }

  #tick(baseUrl: string, id: string): void {
    const { options, log } = this.#services;
    if (options.scheduleOverlap === "skipped" && this.#runs.activeOf(id) > 0) {
      log.warn("Tick skipped, the run before has not ended", { schedule: id });
      return;
    }
    const attempt = async () => {
      for (let left = options.scheduleRetries;; left--) {
        const { status } = await this.call(baseUrl, id);
        if (status < 300) return;
        log.error("Schedule failed", { schedule: id, status });
        if (left === 0) return;
      }
    };
    attempt().catch((error) => {
      if (!this.#services.hasStopped()) {
        log.error("Cannot call the schedule", { schedule: id, error });
      }
    });
  }
}
