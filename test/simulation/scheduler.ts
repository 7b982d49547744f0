import { setImmediate } from "node:timers/promises";

/** Turns of the microtask queue given to what an event set off: more than any chain of awaits here is long. */
const TURNS = 32;

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Virtual time: a queue of events, run one at a time, the earliest first. Before each, everything the one before set
 * off has come to rest, so that a world with the same seed takes the same course.
 */
export class Scheduler {
  now = Date.UTC(2026, 0, 1);
  #order = 0;
  readonly #heap: Event[] = [];

  /** Runs something `ms` milliseconds from now. */
  after(ms: number, run: () => void): void {
    this.#push({ at: this.now + ms, order: this.#order++, run });
  }

  /** Runs events until there are none before `endsAt`; time then stands there. @returns how many were run */
  async runUntil(endsAt: number, stopped: () => boolean = () => false): Promise<number> {
    let count = 0;
    await settle();
    while (!stopped()) {
      let next = this.#heap[0];
      if (!next || next.at > endsAt) {
        // Before time jumps, or ends, make sure that nothing is still on its way.
        await rest();
        next = this.#heap[0];
        if (!next || next.at > endsAt) break;
      }
      this.#pop();
      this.now = Math.max(this.now, next.at);
      next.run();
      count++;
      await settle();
    }
    if (!stopped()) this.now = Math.max(this.now, endsAt);
    return count;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Lets what was set off go on. Cheaper than a turn of the event loop, and always the same number of turns. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
}

/** Resolves once every promise that can go on has gone on. */
function rest(): Promise<void> {
  return setImmediate();
}
