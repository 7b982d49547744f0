import { isJson } from "./_json.ts";

/** Why a value cannot be converted: an outcome, not an exception, because a bad file has a million of them. */
export class Refusal {
  /**
   * @param code stable, machine-readable
   * @param expected what was expected, to be read after "expected"
   */
  constructor(readonly code: string, readonly expected: string) {}
}

/** Characters of a value that a message shows. */
const SHOWN = 80;
/** What would break a line, change the direction of text or drive a terminal. */
// deno-lint-ignore no-control-regex -- these are the characters that are looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A value as an error message shows it: on one line, at most 80 characters of it. */
export function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  const text = typeof value === "string" ? `'${value}'` : described(value);
  return cut(text.replace(UNPRINTABLE, escaped));
}

function described(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "object") {
    return isJson(value) ? JSON.stringify(value) : "an object JSON cannot hold";
  }
  return String(value);
}

function cut(text: string): string {
  if (text.length <= SHOWN) return text;
  const splitsPair = /[\ud800-\udbff]/.test(text[SHOWN - 1]!);
  return `${text.slice(0, splitsPair ? SHOWN - 1 : SHOWN)}…`;
}

function escaped(character: string): string {
  const name = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  return name ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Whether this counts as no value: nothing, or nothing but white space. */
export function isBlank(value: unknown): boolean {
  if (typeof value !== "string") return value === undefined || value === null;
  return value === "" || (value.charCodeAt(0) <= 32 || value.charCodeAt(0) > 127) && value.trim() === "";
}
