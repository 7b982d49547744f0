/** Why a value cannot be converted: an outcome, not an exception, because a bad file has a million of them. */
export class Refusal {
  /**
   * @param code stable, machine-readable
   * @param expected what was expected, to be read after "expected"
   */
  constructor(readonly code: string, readonly expected: string) {}
}

/** A value as an error message shows it. */
export function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  const text = typeof value === "string" ? `'${value}'` : JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Whether this counts as no value: nothing, or nothing but white space. */
export function isBlank(value: unknown): boolean {
  if (typeof value !== "string") return value === undefined || value === null;
  return value === "" || (value.charCodeAt(0) <= 32 || value.charCodeAt(0) > 127) && value.trim() === "";
}
