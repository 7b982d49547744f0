/** The parts of a time a pattern can name: what stands for it in a name, as a regular expression. */
const PARTS: Readonly<Record<string, string>> = {
  Y: "\\d{4}",
  y: "\\d{2}",
  m: "\\d{2}",
  d: "\\d{2}",
  j: "\\d{3}",
  H: "\\d{2}",
  M: "\\d{2}",
  S: "\\d{2}",
  f: "\\d{1,9}",
  s: "\\d{9,10}",
  z: "Z|[+-]\\d{2}:?\\d{2}",
};

/** Reads the time out of a file's name. */
export interface NameTime {
  /** ISO 8601, in UTC; undefined when the name has no time as the pattern says. */
  timeOf(name: string): string | undefined;
}

/**
 * Reads times out of names by a pattern in the manner of `strptime`: `%Y` year, `%y` its last two digits (20…), `%m`
 * month, `%d` day, `%j` day of the year, `%H` `%M` `%S` hour, minute and second, `%f` fraction of a second, `%s` seconds
 * since 1970, `%z` offset (`Z`, `+0100`), `%%` a percent sign, `*` (once) up to 64 characters of any kind. All else stands
 * for itself. The pattern may match anywhere in the name; the first place that gives a time there is counts. Without `%z`
 * times are in UTC.
 *
 * @example
 * ```ts
 * import { nameTime } from "./name_time.ts";
 * const { timeOf } = nameTime("%Y%m%d-%H%M");
 * if (timeOf("stock-20260301-0215.csv") !== "2026-03-01T02:15:00.000Z") throw new Error("another time");
 * ```
 *
 * @throws RangeError saying what is wrong with the pattern
 */
export function nameTime(pattern: string): NameTime {
  const { regex, parts } = compile(pattern);
  return {
    timeOf(name) {
      // From each place on: digits before the time may look like one and be none.
      for (let from = 0; from < name.length;) {
        regex.lastIndex = from;
        const match = regex.exec(name);
        if (!match) return undefined;
        const time = timeFrom(new Map(parts.map((part, i) => [part, match[i + 1] ?? ""])));
        if (time !== undefined) return new Date(time).toISOString();
        from = match.index + 1;
      }
      return undefined;
    },
  };
}

function compile(pattern: string): { regex: RegExp; parts: readonly string[] } {
  const parts: string[] = [];
  let source = "";
  let wildcards = 0;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === "*") {
      // Bounded, and only one of them, so that no name takes long.
      source += ".{0,64}?";
      wildcards++;
    } else if (char !== "%") {
      source += char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
    } else if (pattern[++i] === "%") {
      source += "%";
    } else {
      const part = pattern[i] ?? "";
      const digits = Object.hasOwn(PARTS, part) ? PARTS[part] : undefined;
      if (digits === undefined) throw new RangeError(`there is no '%${part}': expected one of ${known()}`);
      if (parts.includes(part)) throw new RangeError(`'%${part}' stands in it twice`);
      parts.push(part);
      source += `(${digits})`;
    }
  }
  if (wildcards > 1) throw new RangeError("expected at most one '*'");
  const has = (part: string) => parts.includes(part);
  const isDay = has("j") || (has("m") && has("d"));
  if (!has("s") && !((has("Y") || has("y")) && isDay)) {
    throw new RangeError("it names no day: expected %Y, %m and %d (or %j), or %s");
  }
  return { regex: new RegExp(source, "g"), parts };
}

function known(): string {
  return Object.keys(PARTS).map((part) => `%${part}`).join(" ");
}

/** Milliseconds since the epoch; undefined when there is no such time, such as on a 31st of February. */
function timeFrom(parts: ReadonlyMap<string, string>): number | undefined {
  const number = (part: string, otherwise: number) => Number(parts.get(part) ?? otherwise);
  const millis = Math.floor(Number(`0.${parts.get("f") ?? "0"}`) * 1_000);
  const seconds = parts.get("s");
  if (seconds !== undefined) return Number(seconds) * 1_000 + millis;
  const year = parts.has("Y") ? number("Y", 0) : 2000 + number("y", 0);
  const isByDay = parts.has("j");
  const [month, day] = isByDay ? [1, number("j", 0)] : [number("m", 0), number("d", 0)];
  const [hour, minute, second] = [number("H", 0), number("M", 0), number("S", 0)];
  if (hour > 23 || minute > 59 || second > 59 || year < 1000) return undefined;
  const midnight = new Date(Date.UTC(year, month - 1, day));
  const exists = isByDay
    ? day > 0 && midnight.getUTCFullYear() === year
    : midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  if (!exists) return undefined;
  return midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1_000 + millis -
    offsetOf(parts.get("z"));
}

/** Milliseconds a time with this offset is ahead of UTC. */
function offsetOf(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const digits = zone.replace(":", "");
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}
