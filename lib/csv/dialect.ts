import { ConfigError } from "../base/mod.ts";

/** How cells are written. Each is one ASCII character. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  /** Stands before a quote inside a quoted cell; RFC 4180 doubles the quote, so it is the quote itself. */
  readonly escape: string;
}

/** RFC 4180: commas, double quotes, quotes doubled. */
export const RFC_4180: CsvDialect = { delimiter: ",", quote: '"', escape: '"' };

/**
 * The dialect, checked.
 *
 * @throws ConfigError when a part is not one ASCII character, is a line break, or means two things
 */
export function checkDialect(dialect: CsvDialect): CsvDialect {
  for (const part of ["delimiter", "quote", "escape"] as const) {
    const value = dialect[part];
    if (value.length !== 1 || value > "\x7f" || /[\r\n\0]/.test(value)) {
      throw new ConfigError(
        `Cannot read CSV: expected the ${part} to be one ASCII character, found ${JSON.stringify(value)}`,
      );
    }
  }
  const { delimiter, quote, escape } = dialect;
  if (delimiter === quote || delimiter === escape) {
    throw new ConfigError(
      `Cannot read CSV: the delimiter ${JSON.stringify(delimiter)} is also the quote or the escape character`,
    );
  }
  return { delimiter, quote, escape };
}
