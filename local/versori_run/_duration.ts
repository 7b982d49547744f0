const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;

/**
 * Milliseconds of a delay as `rescheduleWorkflow` takes it: `"5s"`, `"1m"`, `"500ms"`, `"1h30m"`.
 *
 * @throws TypeError when the text is none.
 */
export function parseDuration(text: string): number {
  if (typeof text !== "string" || !DURATION.test(text)) {
    throw new TypeError(
      `Cannot read the delay ${JSON.stringify(text)}: expected something like "5s", "1m" or "1h30m"`,
    );
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * UNITS[unit as string]!;
  }
  return Math.round(total);
}
