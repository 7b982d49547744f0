import process from "node:process";
import colors from "picocolors";
import type { Clock } from "./_clock.ts";
import type { ResolvedConfig } from "./_config.ts";

/** Logger of a run: static messages, dynamic data in fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** A logger that adds these fields to every entry. */
  child(fields: Record<string, string>): Logger;
}

type Severity = "debug" | "info" | "warn" | "error";
const RANK: Readonly<Record<Severity, number>> = {
  debug: 0,
  info: 1,
  warn: 2,
  error: 3,
};
const COLOURS: Readonly<Record<Severity, (text: string) => string>> = {
  debug: colors.dim,
  info: colors.green,
  warn: colors.yellow,
  error: colors.red,
};

/** The platform's log: one JSON object or one readable line per entry, on standard error unless the hook takes them. */
export function createLogger(
  config: ResolvedConfig["log"],
  clock: Clock,
): Logger {
  const isTerminal = config.write === undefined &&
    process.stderr.isTTY === true;
  const render = (config.format ?? (isTerminal ? "pretty" : "json")) === "json" ? jsonLine : prettyLine;
  const write = config.write ??
    ((line: string) => void process.stderr.write(`${line}\n`));
  const least = RANK[config.level];

  const loggerWith = (bound: Record<string, unknown>): Logger => {
    const entry = (severity: Severity) => (message: string, fields?: Record<string, unknown>) => {
      if (RANK[severity] < least) return;
      write(
        render(new Date(clock.now()), severity, String(message), {
          ...fields,
          ...bound,
        }),
      );
    };
    return {
      debug: entry("debug"),
      info: entry("info"),
      warn: entry("warn"),
      error: entry("error"),
      child: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return loggerWith({});
}

function jsonLine(
  time: Date,
  severity: Severity,
  message: string,
  fields: Record<string, unknown>,
): string {
  const entry = { timestamp: time.toISOString(), severity, message, fields };
  return safeJson(entry);
}

function prettyLine(
  time: Date,
  severity: Severity,
  message: string,
  fields: Record<string, unknown>,
): string {
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : safeJson(value)}`);
  return [
    colors.dim(time.toISOString().slice(11, 23)),
    COLOURS[severity](severity.padEnd(5)),
    message,
    colors.dim(rest.join(" ")),
  ].join(" ").trimEnd();
}

/** JSON of anything: errors with their causes, big integers as text, cycles named. A log call must never fail. */
function safeJson(value: unknown): string {
  const path: unknown[] = [];
  const text = JSON.stringify(
    value,
    function (this: unknown, _key, inner: unknown) {
      if (typeof inner === "bigint") return inner.toString();
      if (typeof inner !== "object" || inner === null) return inner;
      while (path.length > 0 && path.at(-1) !== this) path.pop();
      if (path.includes(inner)) return "[circular]";
      const shown = inner instanceof Error
        ? {
          ...inner,
          name: inner.name,
          message: inner.message,
          stack: inner.stack,
          cause: inner.cause,
        }
        : inner;
      path.push(shown);
      return shown;
    },
  );
  return text ?? "null";
}
