/**
 * One run of an operation for all who ask while it is under way. A caller whose signal aborts leaves alone; the
 * operation is aborted only when nobody waits for it any more.
 */
export class SharedFlight<T> {
  #flight: { promise: Promise<T>; controller: AbortController; waiting: number } | undefined;

  /** Joins the run under way, or starts one. */
  join(start: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const flight = this.#flight ??= this.#begin(start);
    flight.waiting++;
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        flight.waiting--;
        if (flight.waiting === 0) {
          if (this.#flight === flight) this.#flight = undefined;
          flight.controller.abort(signal?.reason);
        }
        reject(signal?.reason);
      };
      const leave = () => signal?.removeEventListener("abort", onAbort);
      signal?.addEventListener("abort", onAbort, { once: true });
      flight.promise.then(
        (value) => (leave(), resolve(value)),
        (error) => (leave(), reject(error)),
      );
    });
  }

  #begin(start: (signal: AbortSignal) => Promise<T>) {
    const controller = new AbortController();
    const promise = start(controller.signal).finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    const flight = { promise, controller, waiting: 0 };
    return flight;
  }
}
