/** What one character of a name may be; `many` stands for any run of characters, also an empty one. */
type Part = "many" | ((character: string) => boolean);

/** Most spellings a pattern's alternatives may give together. */
const MAX_ALTERNATIVES = 64;

/**
 * Makes a matcher of names from a pattern: `*` any run of characters, `?` one, `[a-z]` and `[!a-z]` one of or none of,
 * `{a,b}` either, `\` makes the next character plain. Anything unclosed is plain text.
 *
 * A match takes time proportional to pattern times name at the most, whatever they are: patterns come from callers of a
 * webhook, and a regular expression made of one could keep the process busy for ever.
 *
 * @throws RangeError when `{}` give more than 64 spellings
 * @example
 * ```ts
 * import { glob } from "./glob.ts";
 * const isStock = glob("stock_*.{csv,txt}");
 * if (!isStock("stock_full.csv") || isStock("prices.csv")) throw new Error("never");
 * ```
 */
export function glob(pattern: string): (name: string) => boolean {
  const spellings = alternatives(pattern).map(partsOf);
  return (name) => {
    const characters = [...name];
    return spellings.some((parts) => matches(parts, characters));
  };
}

/** Whether {@link glob} takes a pattern. */
export function isGlob(pattern: string): boolean {
  try {
    glob(pattern);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Goes back to the last `*` only: an earlier one could not do better (the usual greedy wildcard match). */
function matches(parts: readonly Part[], name: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    const wanted = parts[part];
    if (wanted === "many") {
      star = part++;
      starAt = at;
    } else if (wanted !== undefined && wanted(name[at]!)) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (parts[part] === "many") part++;
  return part === parts.length;
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      if (parts.at(-1) !== "many") parts.push("many");
    } else if (character === "?") {
      parts.push(() => true);
    } else if (character === "[" && characters.indexOf("]", at + 2) > 0) {
      const end = characters.indexOf("]", at + 2);
      parts.push(oneOf(characters.slice(at + 1, end)));
      at = end;
    } else {
      const plain = character === "\\" && at + 1 < characters.length ? characters[++at]! : character;
      parts.push((found) => found === plain);
    }
  }
  return parts;
}

/** The inside of `[…]`: characters and ranges; `!` or `^` in front turns it round. */
function oneOf(inside: readonly string[]): Part {
  const not = inside[0] === "!" || inside[0] === "^";
  const members = not ? inside.slice(1) : inside;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at++) {
    if (members[at + 1] === "-" && at + 2 < members.length) {
      ranges.push([members[at]!, members[at + 2]!]);
      at += 2;
    } else {
      ranges.push([members[at]!, members[at]!]);
    }
  }
  return (found) => ranges.some(([from, to]) => from <= found && found <= to) !== not;
}

/** The patterns a pattern's `{a,b}` stand for; those inside of others are spelled out too. */
function alternatives(pattern: string): string[] {
  const found: string[] = [];
  const waiting = [pattern];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    // The innermost pair: nothing between its braces opens another one.
    const pair = /(?<!\\)\{([^{}]*,[^{}]*)\}/.exec(next);
    if (!pair) found.push(next);
    else {
      const [whole, inside] = pair;
      for (const choice of inside!.split(",")) {
        waiting.push(next.slice(0, pair.index) + choice + next.slice(pair.index + whole.length));
      }
    }
    if (found.length + waiting.length > MAX_ALTERNATIVES) {
      throw new RangeError(
        `A pattern may stand for at most ${MAX_ALTERNATIVES} spellings; '${pattern}' has more`,
      );
    }
  }
  return found;
}
