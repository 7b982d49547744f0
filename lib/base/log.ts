/** Fields of a log entry: dynamic data beside a static message. */
export type LogFields = Record<string, unknown>;

/** The logger every part of `lib/` is handed; Versori's `ctx.log` fits it as it is. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger that says nothing: the default where a caller hands in none. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
