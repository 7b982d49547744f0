import { type Clock, type Logger, messageOf } from "../base/mod.ts";
import type { KVStore } from "../state/mod.ts";
import type { Alert } from "./alert.ts";
import { decide } from "./decide.ts";
import type { FeedEvent, FeedPolicy } from "./feed_event.ts";
import { type FeedWatch, newWatch, readWatch, writeWatch } from "./feed_watch.ts";

/** Somewhere alerts go. */
export interface AlertSink {
  /** For the log. */
  readonly name: string;
  tell(alert: Alert): Promise<void>;
}

/** Alerts kept for a sink that doesn't answer; older ones give way, because newer ones say how things are. */
const MOST_UNTOLD = 20;

/**
 * Watches feeds and tells the sinks of what has changed for the worse or the better.
 *
 * A decision is stored before anybody is told and struck off afterwards, so that a crash or a sink that doesn't answer
 * makes an alert late or double, never lost. Two jobs of one feed that end in the same moment on two machines may
 * overwrite each other's memory, since the store has no conditional write; the next event of the feed puts it right.
 */
export class Alerts {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sinks: readonly AlertSink[];

  constructor(kv: KVStore, clock: Clock, log: Logger, sinks: readonly AlertSink[]) {
    this.#kv = kv;
    this.#clock = clock;
    this.#log = log;
    this.#sinks = sinks;
  }

  /**
   * Takes notice of something that happened to a feed. A sink's failure is logged, never thrown.
   *
   * @returns what was decided to be told
   * @throws StateError when the store doesn't answer
   */
  async notice(event: FeedEvent, policy: FeedPolicy): Promise<readonly Alert[]> {
    const now = this.#clock.now();
    const known = await readWatch(this.#kv, policy.feed);
    const before = known ?? newWatch(policy.feed, now);
    const { watch, alerts } = decide(event, before, policy, now);
    const untold = [...watch.untold, ...alerts].slice(-MOST_UNTOLD);
    const decided: FeedWatch = { ...watch, untold };
    if (known === undefined || JSON.stringify(decided) !== JSON.stringify(known)) {
      await writeWatch(this.#kv, decided);
    }
    if (untold.length > 0) await this.#tell(decided);
    return alerts;
  }

  async #tell(watch: FeedWatch): Promise<void> {
    const left: Alert[] = [];
    for (const alert of watch.untold) {
      if (!(await this.#tellAll(alert))) left.push(alert);
    }
    await writeWatch(this.#kv, { ...watch, untold: left });
  }

  /** Whether every sink has taken it. One that has may be told again when another has not. */
  async #tellAll(alert: Alert): Promise<boolean> {
    let told = true;
    for (const sink of this.#sinks) {
      try {
        await sink.tell(alert);
        this.#log.info("alert told", { sink: sink.name, title: alert.title, ...alert.facts });
      } catch (error) {
        told = false;
        this.#log.error("alert could not be told", {
          sink: sink.name,
          title: alert.title,
          error: messageOf(error),
          ...alert.facts,
        });
      }
    }
    return told;
  }
}
