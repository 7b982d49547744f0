const OFFSET = /^([+-])(\d{2}):?(\d{2})$/;

/** Turns a local time, given as milliseconds as if it were UTC, into the instant; or says why there is none. */
export type ZoneClock = (localMs: number) => number | "gap" | "twice";

/**
 * The clock of a zone: `UTC`, `Z`, `±HH:MM`, or a name of the IANA time zone database such as `Europe/Berlin`.
 *
 * @returns undefined when there is no such zone
 */
export function zoneClock(zone: string): ZoneClock | undefined {
  if (zone === "UTC" || zone === "Z") return (localMs) => localMs;
  const match = OFFSET.exec(zone);
  if (match) {
    const minutes = Number(match[2]) * 60 + Number(match[3]);
    if (Number(match[2]) > 23 || Number(match[3]) > 59) return undefined;
    const offset = (match[1] === "-" ? -1 : 1) * minutes * 60_000;
    return (localMs) => localMs - offset;
  }
  return namedZone(zone);
}

const HOUR = 3_600_000;

function namedZone(zone: string): ZoneClock | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const offsetAt = (instant: number): number => {
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - instant;
  };
  return (localMs) => {
    // Offsets a day around are the only ones the local time can have: before a change, and after it.
    const offsets = new Set([offsetAt(localMs - 24 * HOUR), offsetAt(localMs + 24 * HOUR)]);
    const instants = [...offsets].map((offset) => localMs - offset)
      .filter((instant) => offsetAt(instant) === localMs - instant);
    return instants.length === 1 ? instants[0]! : instants.length === 0 ? "gap" : "twice";
  };
}
