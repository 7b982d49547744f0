import { z } from "zod";
import { ConfigError } from "../base/mod.ts";

/** How many repetitions a job may cost. */
export interface RetryBudgetOptions {
  /** Allowed however few requests there are. Default 30. */
  readonly minimum?: number | undefined;
  /** Allowed beside them per request that worked, 0 to 1. Default 0.2. */
  readonly ratio?: number | undefined;
  /** What an earlier budget of the same job has seen, e.g. in the slice before. */
  readonly state?: RetryBudgetState | undefined;
}

/** A {@linkcode RetryBudgetState} read back from where it was kept. */
export const retryBudgetStateSchema = z.object({
  worked: z.int().nonnegative(),
  taken: z.int().nonnegative(),
});

/** Requests that worked and repetitions taken so far, as JSON. */
export type RetryBudgetState = z.output<typeof retryBudgetStateSchema>;

/**
 * Bounds what all calls of one job repeat together, so that a half-dead API is not asked several times for everything: a
 * few repetitions, and a share of the requests that worked. A call that finds the budget used up fails with what it has.
 *
 * @example
 * ```ts
 * import { RetryBudget } from "./retry_budget.ts";
 *
 * const budget = new RetryBudget({ minimum: 1, ratio: 0 });
 * console.log(budget.take(), budget.take()); // true false
 * ```
 */
export class RetryBudget {
  readonly #minimum: number;
  readonly #ratio: number;
  #worked: number;
  #taken: number;

  /** @throws {ConfigError} when minimum or ratio is not a number from 0 (ratio: to 1). */
  constructor(options: RetryBudgetOptions = {}) {
    const { minimum = 30, ratio = 0.2 } = options;
    if (!(minimum >= 0 && ratio >= 0 && ratio <= 1)) {
      throw new ConfigError(
        `Cannot use a retry budget of ${minimum} and ${ratio} per request: expected 0 or more, and 0 to 1`,
      );
    }
    this.#minimum = minimum;
    this.#ratio = ratio;
    this.#worked = options.state?.worked ?? 0;
    this.#taken = options.state?.taken ?? 0;
  }

  /** What it has seen, to be kept for the next budget of the job. */
  get state(): RetryBudgetState {
    return { worked: this.#worked, taken: this.#taken };
  }

  /** Notes a request that worked. */
  earn(): void {
    this.#worked++;
  }

  /** Takes one repetition; false when there is none left. */
  take(): boolean {
    if (this.#taken + 1 > this.#minimum + this.#worked * this.#ratio) return false;
    this.#taken++;
    return true;
  }
}
