import process from "node:process";

/** Somebody pressed Ctrl-C, or asked the process to end. */
export class Stopped extends Error {
  override name = "Stopped";
  constructor() {
    super("Stopped; what is under way goes on at the next start with the same --state");
  }
}

/** A signal that the first SIGINT or SIGTERM aborts with {@linkcode Stopped}; a second one ends the process at once. */
export function stopSignal(): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const stopping = new AbortController();
  const forget = () => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  const stop = () => {
    forget();
    stopping.abort(new Stopped());
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { signal: stopping.signal, [Symbol.dispose]: forget };
}
