import { currentConfig } from "./_config.ts";
import { Platform } from "./_platform.ts";
import { definitionOf, type Registrable } from "./_trigger.ts";

const platforms = new WeakMap<Interpreter, Platform>();

/** The platform behind an interpreter. */
export function platformOf(interpreter: Interpreter): Platform {
  return platforms.get(interpreter)!;
}

/** What both interpreters have in common. */
export abstract class Interpreter {
  readonly #platform: Platform;

  protected constructor(isDurable: boolean) {
    this.#platform = new Platform(currentConfig(), isDurable);
    platforms.set(this, this.#platform);
  }

  /** Makes a workflow exist. */
  register(workflow: Registrable): void {
    this.#platform.register(definitionOf(workflow));
  }

  /** Opens the port, and starts consumer and scheduler. */
  start(): Promise<void> {
    return this.#platform.start();
  }
}

/** Runs webhooks and schedules with state in memory, without durable workflows. */
export class MemoryInterpreter extends Interpreter {
  /** An interpreter over the current configuration. */
  static newInstance(): Promise<MemoryInterpreter> {
    return Promise.try(() => new MemoryInterpreter(false));
  }
}

/** Runs everything, with state in the database. */
export class DurableInterpreter extends Interpreter {
  /** An interpreter over the current configuration. */
  static newInstance(): Promise<DurableInterpreter> {
    return Promise.try(() => new DurableInterpreter(true));
  }
}
