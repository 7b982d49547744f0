/** Reads a value from a record, or from the context; undefined when it isn't there. */
export type Read = (record: unknown, context: unknown) => unknown;

/**
 * Reads what a source names: `a.b`, `a[0]`, `items[*].x` (of each that has one). A column whose whole name it is comes first. Own
 * properties only: nothing inherited is ever a value.
 */
export function reader(source: string): Read {
  const steps = source.replaceAll(/\[(\d+|\*)\]/g, ".$1").split(".");
  return (record) => {
    const whole = own(record, source);
    return whole !== undefined || steps.length === 1 ? whole : follow(record, steps, 0);
  };
}

function follow(value: unknown, steps: readonly string[], from: number): unknown {
  for (let i = from; i < steps.length; i++) {
    if (steps[i] === "*") {
      return Array.isArray(value)
        ? value.map((element) => follow(element, steps, i + 1)).filter((found) => found !== undefined)
        : undefined;
    }
    value = own(value, steps[i]!);
  }
  return value;
}

/** An own property of an object; undefined when there is none. */
export function own(from: unknown, name: string): unknown {
  return typeof from === "object" && from !== null && Object.hasOwn(from, name)
    ? (from as Record<string, unknown>)[name]
    : undefined;
}

/** Sets a value at a path, making the objects on the way. Names were checked when the mapping was compiled. */
export function put(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = into;
  for (let i = 0; i < path.length - 1; i++) {
    const segment = path[i]!;
    const next = own(at, segment);
    at = next === undefined ? at[segment] = {} : next as Record<string, unknown>;
  }
  at[path[path.length - 1]!] = value;
}
