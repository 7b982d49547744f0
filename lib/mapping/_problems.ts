import type { z } from "zod";
import { distance } from "fastest-levenshtein";
import { shown } from "./refusal.ts";

/** Something wrong with a mapping, and where: a JSON pointer (RFC 6901). */
export interface MappingProblem {
  readonly at: string;
  readonly message: string;
}

/** Problems as one line of text. */
export function toldProblems(problems: readonly MappingProblem[]): string {
  return problems.map(({ at, message }) => `at ${at === "" ? "the top" : at}: ${message}`).join("; ");
}

/**
 * What a schema's check found, in the words of mapping problems.
 *
 * @param json what was checked
 * @param keysAt the keys an object at this path may have
 */
export function problemsOf(
  error: z.ZodError,
  json: unknown,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): MappingProblem[] {
  return error.issues.flatMap((issue) => describe(issue, json, keysAt));
}

function describe(
  issue: z.core.$ZodIssue,
  json: unknown,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): MappingProblem[] {
  const at = issue.path.map((segment) => `/${pointer(String(segment))}`).join("");
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(issue.path);
      const expected = known.length > 0 ? `one of ${known.join(", ")}` : "no keys";
      return issue.keys.map((key) => ({
        at: `${at}/${pointer(key)}`,
        message: `expected ${expected}, found '${key}'${suggestion(key, known)}`,
      }));
    }
    case "invalid_key":
      return [{ at, message: issue.issues.map(({ message }) => message).join("; ") }];
    case "invalid_value": {
      const known = issue.values.map(String);
      const names = known.map((name) => `'${name}'`);
      const found = valueAt(json, issue.path);
      const meant = typeof found === "string" ? suggestion(found, known) : "";
      const expected = names.length === 1 ? names[0] : `one of ${names.join(" ")}`;
      return [{ at, message: `expected ${expected}, found ${shown(found)}${meant}` }];
    }
    case "invalid_type":
      return [{
        at,
        message: `expected ${named(issue.expected)}, found ${shown(valueAt(json, issue.path))}`,
      }];
    case "invalid_union":
      // JSON is the only union in a mapping: what it doesn't hold is not JSON.
      return [{ at, message: `expected a JSON value, found ${shown(valueAt(json, issue.path))}` }];
    case "too_small":
      return [{ at, message: `expected at least one, found ${shown(valueAt(json, issue.path))}` }];
    default: {
      const expected = issue.message.startsWith("expected") ? issue.message : `expected ${issue.message}`;
      return [{ at, message: `${expected}, found ${shown(valueAt(json, issue.path))}` }];
    }
  }
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let found = json;
  for (const segment of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, segment)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[segment];
  }
  return found;
}

/** zod's names of types, in words. */
function named(type: string): string {
  switch (type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object":
    case "record":
      return "an object";
    default:
      return `a ${type}`;
  }
}

/** What was probably meant. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = known.map((other) => ({ other, d: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.d - b.d)[0];
  return near && near.d <= Math.max(2, name.length / 3) ? `; did you mean '${near.other}'?` : "";
}

/** Escapes a segment of a JSON pointer. */
export function pointer(segment: string): string {
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
}
