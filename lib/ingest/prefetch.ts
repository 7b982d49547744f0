import { setImmediate, setTimeout } from "node:timers/promises";

/**
 * How long the source rests after an item was taken from a full store, in milliseconds: what the taker does next goes
 * first, and there is time enough to fill the store again while it waits for its answer.
 */
const REST_MS = 4;

/** The event loop as a step sees it: handed in, so that a simulated world decides who goes on when. */
export interface Turns {
  /** Lets whatever else is waiting go first. */
  give(): Promise<void>;
  /** Rests for some milliseconds, or until the signal aborts; never throws. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
}

const EVENT_LOOP: Turns = {
  give: () => setImmediate(),
  rest: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => {}),
};

/**
 * Works `ahead` items before they are asked for, so that whoever asks seldom waits. The event loop gets its turn
 * between two items. May be asked by several at once; an error is given to the one who asks for its item.
 */
export class Prefetch<T> {
  readonly #source: AsyncGenerator<T, void, void>;
  readonly #ahead: number;
  readonly #turns: Turns;
  readonly #ready: T[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wakeReader: (() => void)[] = [];
  #wakeSource: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(source: AsyncGenerator<T, void, void>, ahead: number, turns: Turns = EVENT_LOOP) {
    this.#source = source;
    this.#ahead = ahead;
    this.#turns = turns;
    this.#running = this.#run();
  }

  /** The next item; undefined when there are no more. */
  async next(): Promise<T | undefined> {
    while (this.#ready.length === 0) {
      if (this.#ended) {
        if ("error" in this.#ended) throw this.#ended.error;
        return undefined;
      }
      this.#wakeSource?.();
      await new Promise<void>((resolve) => this.#wakeReader.push(resolve));
    }
    const item = this.#ready.shift();
    if (this.#ready.length === this.#ahead - 1) this.#wakeSource?.();
    return item;
  }

  /** Ends the source and waits until it has let go of everything. */
  async close(): Promise<void> {
    this.#ended ??= {};
    this.#wakeSource?.();
    await this.#running;
    await this.#source.return();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wakeSource = resolve);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#ended) {
        const { done, value } = await this.#source.next();
        if (done) break;
        this.#ready.push(value);
        this.#wakeReader.shift()?.();
        await this.#turns.give();
        if (this.#ready.length < this.#ahead) continue;
        while (this.#ready.length >= this.#ahead && !this.#ended) await this.#woken();
        const rested = new AbortController();
        await Promise.race([
          this.#woken(),
          this.#turns.rest(REST_MS, rested.signal),
        ]);
        rested.abort();
      }
      this.#ended ??= {};
    } catch (error) {
      this.#ended = { error };
    }
    for (const wake of this.#wakeReader.splice(0)) wake();
  }
}
