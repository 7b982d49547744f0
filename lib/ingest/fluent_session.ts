import { CircuitBreaker, RetryBudget, SendWindow } from "../fluent/mod.ts";
import type { CallOptions, SendPermit } from "../fluent/mod.ts";
import { verdictOf } from "../recovery/mod.ts";
import type { FluentPort } from "./ports.ts";
import type { Work } from "./work.ts";

/**
 * One slice's dealings with Fluent: the client, and how much of it may be used at once and per second. It goes on with
 * what the slices before have learned, and {@linkcode FluentSession.keep}s it for the next.
 */
export class FluentSession {
  readonly port: FluentPort;
  readonly window: SendWindow;
  readonly #work: Work;
  readonly #breaker: CircuitBreaker;
  readonly #budget: RetryBudget;

  constructor(work: Work) {
    const { clock } = work.ports;
    const { circuit, budget, window } = work.run.fluent ?? {};
    this.#work = work;
    this.#breaker = new CircuitBreaker({ clock, state: circuit });
    this.#budget = new RetryBudget({ state: budget });
    this.window = new SendWindow({ clock, ceiling: work.settings.sendConcurrency, state: window });
    this.port = work.ports.fluent({ breaker: this.#breaker, retryBudget: this.#budget });
  }

  /** Puts what was learned into the run's place, to be stored with it. */
  keep(): void {
    this.#work.run = {
      ...this.#work.run,
      fluent: { circuit: this.#breaker.state, budget: this.#budget.state, window: this.window.state },
    };
  }

  /** For calls that the client may repeat by itself. */
  get options(): CallOptions {
    return { ...this.#work.signal, retryBudget: this.#budget };
  }

  /** For calls whose failures the window has to hear of, one by one. */
  get once(): CallOptions {
    return { ...this.options, attempts: 1 };
  }

  /**
   * Makes a call in its turn, again after each "too many requests"; undefined when its turn comes only after the slice.
   *
   * @throws as the call does
   */
  async inTurn<T>(call: (options: CallOptions) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const permit = await this.window.acquire(this.#work.ports.signal, this.#work.endsAt);
      if (!permit) return undefined;
      try {
        const answer = await call(this.once);
        permit.worked();
        return answer;
      } catch (error) {
        if (tell(permit, error) !== "slow-down") throw error;
      } finally {
        permit.unused();
      }
    }
  }
}

/** Tells the window how a request failed, and says what that means. */
export function tell(permit: SendPermit, error: unknown): ReturnType<typeof verdictOf> {
  const verdict = verdictOf(error);
  switch (verdict) {
    case "slow-down":
      permit.slowDown((error as { retryAfterMs?: number }).retryAfterMs);
      break;
    case "passing":
    case "in-doubt":
      permit.failed();
      break;
    case "refused":
    case "stop":
    case "unknown":
      permit.unused();
      break;
  }
  return verdict;
}
