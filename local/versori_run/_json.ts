import { messageOf } from "./_execution_error.ts";

/** Contexts made so far, so that one returned whole by a task is recognised. */
const contexts = new WeakSet<object>();

/** Marks an object as a context: it must not be returned by a task, neither whole nor inside another value. */
export function forbidInOutput(context: object): void {
  contexts.add(context);
  Object.defineProperty(context, "toJSON", {
    enumerable: false,
    value: () => {
      throw new TypeError("it contains the context");
    },
  });
}

/**
 * The value as the next task gets it: through JSON and back. `undefined` stays `undefined`.
 *
 * @throws TypeError when JSON cannot carry it: the context, a cycle, a bigint, a function, a symbol.
 */
export function jsonRoundTrip(value: unknown, what: string): unknown {
  if (value === undefined) return undefined;
  return JSON.parse(toJson(value, what));
}

/** `JSON.stringify` that never answers `undefined`. */
export function toJson(value: unknown, what: string): string {
  let text: string | undefined;
  if (typeof value === "object" && value !== null && contexts.has(value)) {
    throw new TypeError(
      `Cannot pass on ${what}: it is the context itself; return data instead`,
    );
  }
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new TypeError(
      `Cannot pass on ${what}: JSON cannot carry it (${messageOf(error)})`,
      { cause: error },
    );
  }
  if (text === undefined) {
    throw new TypeError(
      `Cannot pass on ${what}: JSON cannot carry a ${typeof value}`,
    );
  }
  return text;
}
