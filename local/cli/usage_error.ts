/** What was typed cannot be done: told in one line, exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
