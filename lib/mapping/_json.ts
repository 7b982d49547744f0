/** Objects within objects up to here: far above any entity, far below what would exhaust the stack. */
const DEEPEST = 100;

/**
 * Whether JSON gives this value back as it is: text, finite numbers, true, false, null, and plain objects and lists of
 * them. A valid `Date` counts, as the instant it is written as.
 */
export function isJson(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  // A circle is deeper than anything.
  if (depth >= DEEPEST) return false;
  if (Array.isArray(value)) return value.every((element) => isJson(element, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  return Object.values(value).every((inner) => inner === undefined || isJson(inner, depth + 1));
}

/** A copy that nobody can change: it is shared by every entity it becomes part of. */
export function frozen(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const copy: unknown = Array.isArray(value)
    ? value.map(frozen)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, frozen(inner)]));
  return Object.freeze(copy);
}
