/** Message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What a `.catch()` task finds in `ctx.data`: the message of the failure, and the value that was thrown as `cause`.
 */
export class ExecutionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ExecutionError";
  }
}

/** The thrown value as an {@linkcode ExecutionError}; one that already is stays the same object. */
export function toExecutionError(thrown: unknown): ExecutionError {
  return thrown instanceof ExecutionError ? thrown : new ExecutionError(messageOf(thrown), { cause: thrown });
}
