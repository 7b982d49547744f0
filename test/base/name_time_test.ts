import assert from "node:assert/strict";
import { nameTime } from "../../lib/base/mod.ts";

const TIMES = [
  ["%Y%m%d-%H%M%S", "stock-20260301-021500.csv", "2026-03-01T02:15:00.000Z"],
  ["stock_%d.%m.%Y", "stock_01.03.2026.csv.gz", "2026-03-01T00:00:00.000Z"],
  ["%y%m%d", "WH-260301.csv", "2026-03-01T00:00:00.000Z"],
  ["%Y-%j", "2026-060.csv", "2026-03-01T00:00:00.000Z"],
  ["%s", "stock.1772331300.csv", "2026-03-01T02:15:00.000Z"],
  ["%Y%m%dT%H%M%S%z", "a-20260301T031500+0100.csv", "2026-03-01T02:15:00.000Z"],
  ["%Y%m%dT%H%M%S%z", "a-20260301T021500Z.csv", "2026-03-01T02:15:00.000Z"],
  ["%Y%m%dT%H%M%S%z", "a-20260228T214500-04:30.csv", "2026-03-01T02:15:00.000Z"],
  ["%Y%m%d%H%M%S%f", "20260301021500123.csv", "2026-03-01T02:15:00.123Z"],
  ["%Y%m%d*%H%M", "20260301-from-WH-7-0215.csv", "2026-03-01T02:15:00.000Z"],
  ["100%%-%Y%m%d", "100%-20260301.csv", "2026-03-01T00:00:00.000Z"],
  // Digits before it that look like a time and are none.
  ["%Y%m%d", "store-99991399-20260301.csv", "2026-03-01T00:00:00.000Z"],
  ["%Y%m%d", "stock-20260231.csv", undefined],
  ["%Y%m%d-%H%M", "stock-20260301-2460.csv", undefined],
  ["%Y-%j", "2026-366.csv", undefined],
  ["%Y%m%d", "stock.csv", undefined],
  // A dot stands for itself.
  ["a.%Y%m%d", "ab20260301.csv", undefined],
] as const;

for (const [pattern, name, expected] of TIMES) {
  Deno.test(`by '${pattern}' the time of '${name}' is ${expected ?? "none"}`, () => {
    assert.equal(nameTime(pattern).timeOf(name), expected);
  });
}

for (
  const [pattern, message] of [
    ["%Y%q", "there is no '%q': expected one of %Y %y %m %d %j %H %M %S %f %s %z"],
    ["%Y%", "there is no '%': expected one of %Y %y %m %d %j %H %M %S %f %s %z"],
    ["%Y%m%Y", "'%Y' stands in it twice"],
    ["%H%M", "it names no day: expected %Y, %m and %d (or %j), or %s"],
    ["%Y%m", "it names no day: expected %Y, %m and %d (or %j), or %s"],
    ["%Y*%m*%d", "expected at most one '*'"],
  ] as const
) {
  Deno.test(`the pattern '${pattern}' is refused: ${message}`, () => {
    assert.throws(() => nameTime(pattern), new RangeError(message));
  });
}
