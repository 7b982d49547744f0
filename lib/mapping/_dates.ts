import { Refusal } from "./refusal.ts";
import { zoneClock } from "./_zone.ts";

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const TOKENS = /YYYY|MM?|DD?|HH?|mm|ss/g;
/** Digits a token stands for; as a part of a date it is what its first letter is. */
const DIGITS: Readonly<Record<string, string>> = {
  YYYY: "(\\d{4})",
  MM: "(\\d{2})",
  M: "(\\d{1,2})",
  DD: "(\\d{2})",
  D: "(\\d{1,2})",
  HH: "(\\d{2})",
  H: "(\\d{1,2})",
  mm: "(\\d{2})",
  ss: "(\\d{2})",
};

/** A date, or an instant. */
export interface ParsedDate {
  /** Milliseconds since the Unix epoch; midnight UTC of a date alone. */
  readonly ms: number;
  readonly hasTime: boolean;
}

type Parse = (text: string) => ParsedDate | Refusal;

/**
 * Reads dates and date-times: ISO 8601, or the declared format of `YYYY MM DD HH mm ss` and literal characters (`M`, `D`
 * and `H` are one digit or two). A date
 * alone is midnight UTC; a time of day needs a zone, its own or the declared one (`UTC`, `+01:00`, `Europe/Berlin`).
 *
 * @returns what is wrong with the format or zone, instead, when something is
 */
export function dateParser(format: string | undefined, zone: string | undefined): Parse | string {
  const declared = zone === undefined ? undefined : zoneClock(zone);
  if (zone !== undefined && !declared) {
    return `expected UTC, ±HH:MM or an IANA time zone, found '${zone}'`;
  }
  if (format === undefined) {
    return (text) => {
      const match = ISO.exec(text);
      if (!match) {
        return new Refusal("not-a-date", "an ISO 8601 date, such as 2026-01-31 or 2026-01-31T10:00:00Z");
      }
      const [, year, month, day, hour, minute, second, fraction = "", offset] = match;
      const clock = offset === undefined ? declared : zoneClock(offset);
      if (offset !== undefined && !clock) return new Refusal("not-a-date", "an offset of less than a day");
      return instant([year, month, day, hour, minute, second], fraction, hour !== undefined, clock);
    };
  }
  const tokens: readonly string[] = format.match(TOKENS) ?? [];
  const kinds = tokens.map((token) => token[0]);
  const order = ["Y", "M", "D", "H", "m", "s"].map((kind) => kinds.indexOf(kind));
  if (order.slice(0, 3).includes(-1) || new Set(kinds).size !== kinds.length) {
    return `expected YYYY, MM and DD, once each, and HH, mm, ss at most once, found '${format}'`;
  }
  const pattern = new RegExp(
    `^${
      format.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(
        TOKENS,
        (token) => DIGITS[token]!,
      )
    }$`,
  );
  const hasTime = order.slice(3).some((at) => at >= 0);
  return (text) => {
    const match = pattern.exec(text);
    if (!match) return new Refusal("not-a-date", `a date written ${format}`);
    return instant(order.map((at) => (at < 0 ? undefined : match[at + 1])), "", hasTime, declared);
  };
}

function instant(
  parts: readonly (string | undefined)[],
  fraction: string,
  hasTime: boolean,
  clock: ReturnType<typeof zoneClock>,
): ParsedDate | Refusal {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map((part) =>
    Number(part ?? 0)
  );
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second);
  const exists = local.getUTCFullYear() === year && local.getUTCMonth() === month - 1 &&
    local.getUTCDate() === day && local.getUTCHours() === hour && local.getUTCMinutes() === minute &&
    local.getUTCSeconds() === second;
  if (!exists) return new Refusal("not-a-date", "a day and time that exist");
  if (!hasTime) return { ms: local.getTime(), hasTime };
  if (!clock) {
    return new Refusal("date-without-zone", "a time with its zone, or a zone declared in the mapping");
  }
  const ms = clock(local.getTime());
  if (ms === "gap") return new Refusal("not-a-date", "a time that the zone's clocks did not skip");
  if (ms === "twice") return new Refusal("not-a-date", "a time that the zone's clocks did not show twice");
  if (/[1-9]/.test(fraction.slice(3))) return new Refusal("not-a-date", "a time no finer than milliseconds");
  return { ms: ms + Number(fraction.slice(0, 3).padEnd(3, "0")), hasTime };
}
