import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** What goes wrong with one call. */
export type Fault =
  /** The process dies before the call takes effect. */
  | "die-before"
  /** The process dies after it took effect, before it hears of it. */
  | "die-after"
  /** The call never arrives, and the caller gets an error. */
  | "lost-call"
  /** The call takes effect, and the caller gets an error. */
  | "lost-answer"
  /** The process stands still after the call for longer than any lease. */
  | "pause";

/** One call to a port: which, and whether it changes anything. */
export interface Call {
  readonly port: "kv" | "store" | "fluent" | "queue";
  readonly name: string;
  readonly key: string;
  readonly changes: boolean;
}

/** How the world answers calls. */
export interface Weather {
  /** Milliseconds a call to this port is under way, one direction. */
  latency(call: Call): number;
  /** The fault of this call, the n-th of those that change something (0 for the others). */
  fault(call: Call, effect: number): Fault | undefined;
  /** How long a pause lasts, in milliseconds. */
  pauseMs(): number;
}

/** The one way by which a process reaches anything outside: every call takes time and may go wrong. */
export class Effects {
  /** Calls so far that change something. */
  count = 0;
  /** Everything that took effect, in order. */
  readonly log: string[] = [];
  #scheduler: Scheduler;
  #weather: Weather;
  #onDeath: (process: Process) => void;

  constructor(scheduler: Scheduler, weather: Weather, onDeath: (process: Process) => void) {
    this.#scheduler = scheduler;
    this.#weather = weather;
    this.#onDeath = onDeath;
  }

  /**
   * Makes a call: `apply` takes effect when it has arrived, whether or not the process still lives then.
   *
   * @param failure the error of this port for a call that went wrong
   */
  call<T>(process: Process, call: Call, apply: () => T | Promise<T>, failure: () => Error): Promise<T> {
    if (!process.alive) return process.never();
    return new Promise((resolve, reject) => {
      this.#scheduler.after(this.#weather.latency(call), async () => {
        const effect = call.changes ? ++this.count : 0;
        const fault = this.#weather.fault(call, effect);
        if (fault === "die-before" && process.alive) return this.#die(process, `${effect} ${call.name}`);
        const answer = (act: () => void) => process.after(this.#weather.latency(call), act);
        if (fault === "lost-call") {
          this.#note(`${call.port}.${call.name} ${call.key} lost`);
          return answer(() => reject(failure()));
        }
        let outcome: () => void;
        try {
          const value = await apply();
          outcome = () => resolve(value);
        } catch (error) {
          outcome = () => reject(error);
        }
        if (call.changes) this.#note(`${effect} ${process.name} ${call.port}.${call.name} ${call.key}`);
        if (fault === "die-after" && process.alive) return this.#die(process, `${effect} ${call.name}`);
        if (fault === "pause") {
          process.pausedUntil = this.#scheduler.now + this.#weather.pauseMs();
          this.#note(`${process.name} paused`);
        }
        answer(fault === "lost-answer" ? () => reject(failure()) : outcome);
      });
    });
  }

  #die(process: Process, where: string): void {
    process.alive = false;
    this.#note(`${process.name} died at ${where}`);
    this.#onDeath(process);
  }

  #note(text: string): void {
    this.log.push(`${((this.#scheduler.now - Date.UTC(2026, 0, 1)) / 1_000).toFixed(3)} ${text}`);
  }
}
